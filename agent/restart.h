/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A new QEMU under a running guest, without a jump; and a try of it. */
#ifndef VMKEEP_RESTART_H
#define VMKEEP_RESTART_H

#include "stage.h"

/** restart_busy() - Whether any guest is just being restarted. */
bool restart_busy(void);

/**
 * restart_guest() - Have a guest go on in another QEMU process, on the same memory.
 * @binary:	Which QEMU, an absolute path; NULL for the one it has.
 * @ret:	What happened, for people's tools: binaries' versions, "phases_ms", "blackout_ms"; caller puts it.
 *
 * Return: 0 with the guest running, or paused if it was; -errno with the reason in @e: it goes on in its
 * old QEMU then, unless @e says that it ended.
 */
int restart_guest(struct guest *g, const char *binary, json **ret, struct err *e);

/**
 * restart_rehearse() - Find out whether a guest's checkpoint loads, in a QEMU that is then thrown away.
 * @binary:	As of restart_guest().
 * @ret:	"phases_ms" and "pause_ms", for which the guest stood; caller puts it.
 *
 * That QEMU sees the guest's memory and cannot change it; it is never told to run.
 *
 * Return: 0, or -errno with the reason in @e. The guest goes on in its QEMU in either case.
 */
int restart_rehearse(struct guest *g, const char *binary, json **ret, struct err *e);

/**
 * restart_guests() - restart_guest() or restart_rehearse() for several, some at once.
 * @rehearse:	Which of the two.
 * @at_once:	How many.
 * @progress:	Told the name of each as it begins; may be NULL.
 *
 * Return: An array in the order of @guests: what each of them said, or "name" and "error". Caller puts it.
 */
json *restart_guests(const struct guest_set *guests, bool rehearse, const char *binary,
		     unsigned int at_once, progress_fn *progress, void *user);

/**
 * restart_recover() - Settle restarts in the middle of which an earlier agent was killed. Call from a task,
 * before guest_recover().
 *
 * The QEMU that a guest's state.json names is the guest; its files are put at their places, and any other on its
 * memory is ended.
 */
void restart_recover(void);

#endif
