/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The new kernel's half of an update: retrieve, relaunch, resume, release. */
#ifndef VMKEEP_RESTORE_H
#define VMKEEP_RESTORE_H

#include "guest.h"

/**
 * restore_run() - Bring back every guest that the previous kernel handed over.
 * @early:	Only those that can come back before the host's init (early.h); the others, and those that do not come
 *		back, are left to the next agent, as they are.
 *
 * Waits; guests come back side by side. One that cannot is kept, memory and
 * state, with the reason in its kept_reason.
 *
 * Return: How many were handed over, 0 on an ordinary boot; -errno with the
 * reason in @e when what was handed over could not be read.
 */
int restore_run(bool early, struct err *e);

/** restore_end_early() - Wait until what restore_run() has begun is done, or for as long as others can stand. The process then ends. */
void restore_end_early(void);

/** restore_retry() - Try again to bring back a kept guest. Return: 0, or -errno with the reason in @e. */
int restore_retry(struct guest *g, struct err *e);

/**
 * restore_discard() - Give up a kept guest: its memory and state are freed, for good.
 *
 * Return: 0, or -errno with the reason in @e.
 */
int restore_discard(struct guest *g, struct err *e);

/** restore_complete() - Whether it is known who came over the jump: restore_run() could read all of what names them. */
bool restore_complete(void);

/** restore_busy() - Whether guests are just being brought back. */
bool restore_busy(void);

#endif
