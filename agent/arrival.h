/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who came over the jump: guests out of the sessions that the previous kernel handed over. */
#ifndef VMKEEP_ARRIVAL_H
#define VMKEEP_ARRIVAL_H

#include "guest.h"

/**
 * struct arrival - One guest on its way back, before and while it is a struct guest.
 * @name:	Its name,
 * @uuid:	and UUID, as the index has them.
 * @priority:	Those of a higher one come back first.
 * @session:	Its session, owned; -errno when it did not come over.
 * @again:	An earlier agent of this boot had the session.
 * @left:	The next agent is to bring it back.
 * @record:	Its record and
 * @state:	its device state, owned; -errno when they did not come over.
 * @ram:	All of its memory that is there: the record, which may be damaged, is not asked how much.
 * @rest:	What is retrieving @state and @ram.
 */
struct arrival {
	char name[GUEST_NAME_MAX + 1];
	char uuid[37];
	int priority;
	int session;
	bool again;
	bool left;
	int record;
	int state;
	struct guest_ram ram;
	struct task_group rest;
};

/**
 * struct arrivals - All of them.
 * @v:		Owned.
 * @n:		How many.
 * @complete:	The index made sense as a whole.
 * @others:	The index has guests that are not for an early agent, and were not taken.
 */
struct arrivals {
	struct arrival *v;
	size_t n;
	bool complete;
	bool others;
};

/**
 * arrival_take_session() - Take a session of the previous kernel, from the holder or the device.
 * @name:	Its name, as holder_take() wants it.
 * @again:	Whether an earlier agent of this boot had it.
 *
 * Waits up to 10 s for the device, which is for one process at a time.
 *
 * Return: The session's fd, owned by the caller; what holder_take() gives.
 */
int arrival_take_session(const char *name, bool *again);

/**
 * arrivals_take() - Take the sessions of all guests that the index names.
 * @index:	What the index's record has; stays the caller's.
 * @early:	Of those only that can come back before the host's init (early.h).
 * @all:	Filled in; the caller frees @v of it.
 *
 * An entry that makes no sense is logged and left out. So is, without a word, a guest that has come back under an earlier agent.
 */
void arrivals_take(json *index, bool early, struct arrivals *all);

/**
 * arrival_begin() - Begin to retrieve all that @a has in its session, and make a guest of its record.
 * @ret:	The guest, listed and without memory; NULL when the record is of no use.
 *
 * Waits for the record only. To be followed by arrival_end().
 *
 * Return: 0, or -errno with the reason in @e.
 */
int arrival_begin(struct arrival *a, struct guest **ret, struct err *e);

/**
 * arrival_end() - Wait until all of @a is retrieved.
 *
 * Return: false when its session is empty, as an agent that was killed had finished it: the guest was back by then.
 */
bool arrival_end(struct arrival *a);

/** arrival_give() - Make session, record, state and memory those of @g, which owns them from then on. */
void arrival_give(struct arrival *a, struct guest *g);

/** arrival_let_go() - Tell the holder that nothing of the session of the guest @uuid is needed any more. */
void arrival_let_go(const char *uuid);

#endif
