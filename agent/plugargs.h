/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was plugged in or out, on a QEMU command line: the one that brings the guest back is
 * its journal. Pure text, as guestargs.h.
 */
#ifndef VMKEEP_PLUGARGS_H
#define VMKEEP_PLUGARGS_H

#include "jsonio.h"

/**
 * plugargs_find() - Find an option by what QEMU calls what it makes.
 * @option:	"device", "netdev", "blockdev", "chardev", "object" or "drive".
 * @id:		Its id; of a blockdev its node-name.
 *
 * Return: The option's properties, all of them strings; caller puts it. NULL: it is not there.
 */
json *plugargs_find(const struct strv *argv, const char *option, const char *id);

/** plugargs_has() - Whether plugargs_find() finds it. */
bool plugargs_has(const struct strv *argv, const char *option, const char *id);

/** plugargs_add() - Put an option behind all others. */
void plugargs_add(struct strv *argv, const char *option, const char *value);

/** plugargs_remove() - Take out the option that plugargs_find() finds. Return: whether it was there. */
bool plugargs_remove(struct strv *argv, const char *option, const char *id);

/** plugargs_remove_exact() - Take out "-OPTION VALUE". Return: whether it was there. */
bool plugargs_remove_exact(struct strv *argv, const char *option, const char *value);

/** plugargs_set() - Give the -device @id another property, a string or a number, in the notation that it has. */
void plugargs_set(struct strv *argv, const char *id, const char *key, json *value);

/** plugargs_devices() - The ids of all -device that have one, appended to @ids. */
void plugargs_devices(const struct strv *argv, struct strv *ids);

/**
 * plugargs_stays() - Whether all other devices stay in their places when -device @id is taken out.
 *
 * QEMU gives out places in the order of the command line. Those that have one by name stay, and
 * what vmkeep has added comes after what gets one by itself. Else a device without
 * id, whose place cannot be asked for, might move up; on USB also one that has an id.
 */
bool plugargs_stays(const struct strv *argv, const char *id);

/**
 * plugargs_user() - Which option QEMU would not take, or not as it was, if what @id names had gone.
 * @option:	What makes it: "netdev", "object", …; of a "device", what would go with it has no name to go by.
 *
 * QEMU itself lets go of a network card's backend, and of most objects, while they are in use.
 *
 * Return: the option's value, which stays @argv's; or NULL.
 */
const char *plugargs_user(const struct strv *argv, const char *option, const char *id);

/** enum plugargs_default - What QEMU makes unasked as long as no option speaks of its kind (default_list in system/vl.c). */
enum plugargs_default { DEFAULT_NET = 1, DEFAULT_CDROM = 2 };

/** plugargs_defaults() - What QEMU may make unasked with this command line. Return: the bits of it. */
unsigned int plugargs_defaults(const struct strv *argv);

#endif
