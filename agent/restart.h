/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A new QEMU under a running guest, without a jump; and a try of it. */
#ifndef VMKEEP_RESTART_H
#define VMKEEP_RESTART_H

#include "restartone.h"
#include "stage.h"

/** restart_busy() - Whether any guest is just being restarted. */
bool restart_busy(void);

/**
 * restart_rehearse() - Find out whether a guest's checkpoint loads, in a QEMU that is then thrown away.
 * @binary:	Which QEMU, an absolute path; NULL for the one it has.
 * @ret:	"phases_ms" and "pause_ms", for which the guest stood; caller puts it.
 *
 * That QEMU sees the guest's memory and cannot change it; it is never told to run.
 *
 * Return: 0, or -errno with the reason in @e. The guest goes on in its QEMU in either case.
 */
int restart_rehearse(struct guest *g, const char *binary, json **ret, struct err *e);

/**
 * restart_guests() - Have guests go on in other QEMU processes, on the same memory; or rehearse it. Some at once.
 * @rehearse:	As of restart_rehearse().
 * @binary:	As of restart_rehearse().
 * @method:	In the same process, in another one, or as can be; a rehearsal has none.
 * @at_once:	How many.
 * @progress:	Told the name of each as it begins; may be NULL.
 *
 * A guest that cannot be restarted goes on in its old QEMU, unless its error says that it ended.
 *
 * Return: An array in the order of @guests, an object each: "name", "method", QEMUs' versions, "phases_ms" and
 * "blackout_ms" or "pause_ms"; or "name" and "error". Caller puts it.
 */
json *restart_guests(const struct guest_set *guests, bool rehearse, const char *binary,
		     enum restart_method method, unsigned int at_once, progress_fn *progress,
		     void *user);

#endif
