/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Guests that come back before the host's own init has started: what they need must be on the root file
 * system, the only one that there is then. A path may lie under the mount point of another one, and lead to something
 * else before that is mounted; so what counts is where a file was before the jump.
 */
#ifndef VMKEEP_EARLY_H
#define VMKEEP_EARLY_H

#include "guest.h"

/**
 * early_setup() - Where the agent itself writes; neither is to go beneath a mount that comes later.
 * @mounts:	The host's mounts, as proc_pid_mountinfo(5): those of a service may be its own.
 * @standard:	These, and where its sockets are, are where an agent has them that is told nothing.
 */
void early_setup(const char *state_dir, const char *log_dir, bool standard, const char *mounts);

/**
 * early_check_host() - Whether the next kernel can be told to run vmkeep-init(8) first.
 * @cmdline:	What it will be told.
 *
 * Return: 0, or -errno with the reason in @e.
 */
int early_check_host(const char *cmdline, struct err *e);

/**
 * early_possible() - Before the jump: whether @g can come back early. Waits.
 *
 * Return: 0, or -errno in @e with what it lacks, -EXDEV with what it needs of another file system.
 */
int early_possible(struct guest *g, struct err *e);

/**
 * early_ready() - After the jump: whether all that @g needs is there now. Waits for nothing but file systems.
 *
 * Return: 0, or -errno with what is missing in @e.
 */
int early_ready(struct guest *g, struct err *e);

#endif
