/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the host has the memory that preserving guests and loading a kernel takes. */
#ifndef VMKEEP_CHECKMEMORY_H
#define VMKEEP_CHECKMEMORY_H

#include "check.h"

/**
 * struct memory_need - What an update allocates before the jump, in bytes.
 * @holes:	Guests' memory that has no pages yet. Preserving gives it some.
 * @tables:	The kernel's lists of the guests' pages.
 * @records:	Guests' records and devices' states.
 * @rest:	Kernel and initrd, while they are loaded.
 */
struct memory_need {
	uint64_t holes;
	uint64_t tables;
	uint64_t records;
	uint64_t rest;
};

/** memory_need_block() - Add what a block of a guest's memory takes: @size bytes, @allocated of them there. */
void memory_need_block(struct memory_need *n, uint64_t size, uint64_t allocated);

/**
 * check_memory_need() - Compare with what there is.
 * @meminfo:	The text of /proc/meminfo.
 */
void check_memory_need(json *all, const struct memory_need *n, const char *meminfo);

/**
 * check_memory_cgroup() - Compare with what the agent's cgroup, and those above it, still may take.
 * @root:	Where cgroup v2 is mounted.
 * @cgroups:	The text of /proc/self/cgroup.
 */
void check_memory_cgroup(json *all, const struct memory_need *n, const char *root,
			 const char *cgroups);

/** check_memory() - Whether there is enough for an update of @guests to @t. */
void check_memory(json *all, const struct guest_set *guests, const struct target *t);

#endif
