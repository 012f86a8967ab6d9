/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The index of an update, as the agent makes it that jumps: which guests go, in which order they come back, what can be
 * read ahead for them. The one that comes after reads it before all else (restore.c); docs/handover.md has its fields.
 */
#ifndef VMKEEP_GUESTINDEX_H
#define VMKEEP_GUESTINDEX_H

#include "check.h"
#include "guest.h"

/** struct guest_index - Its session and the record in it. */
struct guest_index {
	int session;
	int record;
};
#define GUEST_INDEX_NONE ((struct guest_index){ -EBADF, -EBADF })

/**
 * guestindex_make() - Preserve an index of @guests. Waits.
 * @t:		The kernel they go to.
 * @prepare_ms:	What each stage of prepare took, for the report.
 *
 * Return: 0, or -errno with the reason in @e; @ret is to be dropped either way.
 */
int guestindex_make(struct guest_index *ret, const struct guest_set *guests, const struct target *t,
		    json *prepare_ms, struct err *e);

/** guestindex_drop() - Un-preserve it; nothing when there is none. */
void guestindex_drop(struct guest_index *index);

#endif
