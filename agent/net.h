/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest's network cards hang on in the host: recorded before the jump, and made
 * again after it where nobody else has.
 */
#ifndef VMKEEP_NET_H
#define VMKEEP_NET_H

#include "jsonio.h"

/**
 * net_describe() - What the host has for a guest's network now. Changes nothing.
 * @argv:	QEMU's command line.
 * @pid:	QEMU's process, to look up what it was given as file descriptors; 0 for none.
 * @guest:	The guest's name, for @findings.
 * @ret:	For net_rebuild(), as docs/handover.md has it; caller puts it.
 * @findings:	What an update does to it, added to as check_run() has them; or NULL.
 *
 * Return: 0, or -errno with the reason in @e.
 */
int net_describe(const struct strv *argv, pid_t pid, const char *guest, json **ret, json *findings,
		 struct err *e);

/**
 * enum net_when - Part of the work.
 * @NET_BEFORE_QEMU: What has to be there for QEMU to start: waits for what others make.
 * @NET_AFTER_QEMU: What QEMU, or a script of its user's that QEMU runs, makes anew:
 *	brought to what it was. Does not wait. The guest must not run yet.
 */
enum net_when { NET_BEFORE_QEMU, NET_AFTER_QEMU };

/**
 * net_rebuild() - Make what is missing, and only that. Call from a task.
 * @net:	From net_describe(), perhaps another vmkeep's: nothing in it is trusted.
 *	Notes are left in it between the two parts.
 * @timeout_ms:	How long to wait, in all, for a bridge or a lower device that somebody else makes.
 * @remarks:	What is not as it was, and was left so: a line each, appended to.
 *
 * What is there already is left alone, with a remark if it is not as it was; but a device
 * that is down is set up, and one that is no port of anything is made the port it was.
 *
 * Return: 0, or -errno with the reason in @e when QEMU could not start; or -EBADMSG when
 * @net makes no sense, and nothing was made.
 */
int net_rebuild(json *net, enum net_when when, int timeout_ms, struct strv *remarks, struct err *e);

/** net_ready() - Whether nothing of @net would be waited for now. Return: 0, or -errno with what is missing in @e. */
int net_ready(json *net, struct err *e);

/**
 * net_changed() - Whether two descriptions differ in what net_rebuild() would make.
 * @what:	The device that does.
 */
bool net_changed(json *before, json *now, char *what, size_t what_len);

#endif
