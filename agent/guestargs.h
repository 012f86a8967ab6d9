/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The user's QEMU command line, and what vmkeep puts into it: RAM on a memfd, a
 * versioned machine, a monitor. Pure text: starts nothing, opens nothing.
 */
#ifndef VMKEEP_GUESTARGS_H
#define VMKEEP_GUESTARGS_H

#include "memargs.h"
#include "probe.h"

/* QEMU's file descriptor for its monitor: the same in every kernel, as is its command line. */
#define GUEST_FD_QMP 3
/* An empty file in memory, for its device state when it is to replace itself (restartexec.h). */
#define GUEST_FD_STATE 4
#define GUEST_STATE_NAME "vmkeep-exec:"
/* The device state that it is to load. */
#define GUEST_FD_INCOMING 5
/* Its first one for a tap that it shares with another QEMU; above those for RAM. */
#define GUEST_FD_TAP 32

/** guestargs_suboption() - The value of @key in "first,key=value,…"; with NULL the implied first one. Or NULL; caller frees. */
char *guestargs_suboption(const char *opts, const char *key);

/**
 * guestargs_next() - Go over the options of a QEMU command line.
 * @at:		Where to look on; begin with 1. Set behind what was found.
 * @name:	The option, without dashes.
 * @value:	What follows it and is not an option itself, or NULL.
 *
 * Return: Whether there was one.
 */
bool guestargs_next(const struct strv *argv, size_t *at, const char **name, const char **value);

/**
 * guestargs_build() - From what the user typed to what is executed.
 * @user:	The user's command line; its first word is QEMU.
 * @sizes:	The blocks of RAM, from --memory.
 * @path:	How QEMU gets its RAM.
 * @caps:	What this QEMU can do; names of machines come from here.
 * @ret:	The command line to execute, appended to.
 * @machine:	The versioned machine; caller frees.
 * @notes:	What was changed and should be said, appended to.
 *
 * Return: 0, or -EINVAL with one line in @e that names the argument and what to do about it.
 */
int guestargs_build(const struct strv *user, const struct ram_sizes *sizes, enum ram_path path,
		    const struct qemu_caps *caps, struct strv *ret, char **machine,
		    struct strv *notes, struct err *e);

/**
 * guestargs_check_caps() - Whether another QEMU has the devices and the CPU model of a command line.
 * @old:	What the QEMU can do that it was made for. What neither of the two lists is another name of
 *		something, and taken to be there.
 * @caps:	What the other can do.
 *
 * Return: 0, or -EOPNOTSUPP with what it has not in @e.
 */
int guestargs_check_caps(const struct strv *argv, const struct qemu_caps *old,
			 const struct qemu_caps *caps, struct err *e);

/**
 * guestargs_set_aux_share() - Have a command line that guestargs_build() has made share video memory and its like,
 * which a QEMU that replaces itself has to do ("aux-ram-share=on"), or not; as the user wants it if the user says so.
 */
void guestargs_set_aux_share(struct strv *argv, bool on);

/** guestargs_aux_share() - Whether it does. */
bool guestargs_aux_share(const struct strv *argv);

#endif
