/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The character devices on a QEMU command line, in all the options that make one, and the other
 * files that QEMU makes itself. Pure text, as guestargs.h.
 */
#ifndef VMKEEP_CHARARGS_H
#define VMKEEP_CHARARGS_H

#include "jsonio.h"

/**
 * charargs_parse() - The character device that an option makes.
 * @name:	The option, without dashes.
 * @value:	Its value: "socket,id=x,path=/y" of -chardev, or "unix:/y,server=on" of -serial and its like.
 *
 * Return: An object with "backend" and its properties as text, a switch as "on" or "off";
 * NULL if the option makes none. Caller puts it.
 */
json *charargs_parse(const char *name, const char *value);

/**
 * charargs_again() - The command line for a guest that comes back, from the one it was started with.
 *
 * A QEMU that is started again must not wait until somebody connects to it, nor begin anew the
 * files that it has written its guest's consoles to.
 *
 * @ret:	Appended to.
 */
void charargs_again(const struct strv *argv, struct strv *ret);

/** charargs_made() - Append the paths of what QEMU makes: sockets it listens on, its PID file, logs. */
void charargs_made(const struct strv *argv, struct strv *paths);

/** charargs_connects() - Whether QEMU does not start when nobody listens where the character device @j says. */
bool charargs_connects(json *j);

/** charargs_wanted() - Append the paths of the sockets where somebody must listen. */
void charargs_wanted(const struct strv *argv, struct strv *paths);

#endif
