/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The holder: a small process that keeps what came over the jump while the agent
 * works on it. Closing the last fd of a retrieved session has the kernel free all
 * the memory in it (Documentation/userspace-api/liveupdate.rst), so an agent that was
 * killed would take with it every guest that does not run yet. The holder has each
 * session's fd before the agent sees it, does nothing else, and outlives the agent;
 * the next agent asks it again. Files need not be held: a session hands out one that
 * was retrieved before as often as it is asked (luo_retrieve_file()).
 */
#ifndef VMKEEP_HOLDER_H
#define VMKEEP_HOLDER_H

#include "util.h"

/* How its process is called. */
#define HOLDER_COMM "vmkeep-holder"

/**
 * typedef holder_take_fn - Take a session out of the kernel's hands, in the holder.
 *
 * Return: Its fd or -errno; -EBUSY: ask again.
 */
typedef int holder_take_fn(const char *name);

/**
 * holder_start() - Have a holder: the one that an earlier agent left, or a new one.
 * @run_dir:	Where its socket is.
 * @take:	How it takes a session.
 *
 * Forks: call before there are threads or an io_uring. A holder that has nothing
 * (left) to hold ends by itself.
 *
 * Return: 0, or -errno with the reason in @e; sessions are then taken by this
 * process, and go with it.
 */
int holder_start(const char *run_dir, holder_take_fn *take, struct err *e);

/**
 * holder_take() - Get a session.
 * @name:	Its name, at most 63 bytes.
 * @again:	Set to whether an earlier agent had it already.
 *
 * Return: An fd of it, close-on-exec, beside the holder's own; -EALREADY when it was
 * released before; or -errno of the taking.
 */
int holder_take(const char *name, bool *again);

/** holder_require() - From now on, without a holder nothing is taken: holder_take() fails with -ENOTCONN. */
void holder_require(void);

/** holder_release() - It need not be held any more. The caller closes its own fd of it. */
void holder_release(const char *name);

#endif
