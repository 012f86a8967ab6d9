/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * So many at a time: tasks that would only be in each other's way. They go in the order in which they came, and nobody
 * waits long for one that hangs.
 */
#ifndef VMKEEP_SLOTS_H
#define VMKEEP_SLOTS_H

#include "loop.h"

struct slot_waiter;

/**
 * struct slots - Zero it but for @n to begin.
 * @n:		How many tasks may have one at a time.
 * @taken:	How many have; more than @n when some ran out of patience.
 * @first:	Who waits.
 * @given_ms:	When one was last given to somebody who waited.
 */
struct slots {
	unsigned long n;
	unsigned long taken;
	struct slot_waiter *first;
	int64_t given_ms;
};

/**
 * slots_take() - Wait for a slot.
 * @patience_ms: When none has been given to anybody for so long, take one all the same.
 *
 * To be given back with slots_leave().
 */
void slots_take(struct slots *s, int patience_ms);

/** slots_leave() - Give it back. */
void slots_leave(struct slots *s);

#endif
