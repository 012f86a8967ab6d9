/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has the processor first while guests stand: nice values, sched(7). */
#ifndef VMKEEP_PRIORITY_H
#define VMKEEP_PRIORITY_H

#include <sys/types.h>

/**
 * priority_first() - The calling thread goes before all others that are not in a hurry.
 *
 * Its nice value is -20, and what it starts, threads too, is back at 0 (SCHED_RESET_ON_FORK).
 *
 * Return: 0; -errno of sched_setattr(2): -EPERM without CAP_SYS_NICE.
 */
int priority_first(void);

/**
 * priority_ordinary() - No longer.
 * @tid:	Any thread, also one that never did; 0 for the calling one.
 *
 * A nice value above 0 is left as it is.
 *
 * Return: 0; -errno of sched_getattr(2), sched_setattr(2).
 */
int priority_ordinary(pid_t tid);

#endif
