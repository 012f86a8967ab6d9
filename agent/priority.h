/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who has the processor first while guests stand: nice values, sched(7). */
#ifndef VMKEEP_PRIORITY_H
#define VMKEEP_PRIORITY_H

#include <sys/types.h>

/**
 * priority_nice() - The nice value of process @pid (0: the calling thread), by its first thread.
 *
 * Return: -20 to 19; 0 also where there is none: no such process, another policy than SCHED_OTHER, priority_first().
 */
int priority_nice(pid_t pid);

/**
 * priority_first() - The calling thread goes before all others that are not in a hurry.
 *
 * Its nice value is -20, and what it starts, threads too, is back at 0 (SCHED_RESET_ON_FORK). Nothing where it has
 * another policy than SCHED_OTHER.
 *
 * Return: 0; -errno of sched_setattr(2): -EPERM without CAP_SYS_NICE.
 */
int priority_first(void);

/**
 * priority_first_all() - The same of all threads that process @pid has now.
 *
 * Return: 0; -errno of the first that failed, or of opendir(3): -ENOENT without such a process.
 */
int priority_first_all(pid_t pid);

/**
 * priority_ordinary() - The calling thread has @nice again, if it went first.
 *
 * Return: 0; -errno of sched_setattr(2).
 */
int priority_ordinary(int nice);

/**
 * priority_ordinary_all() - All threads of process @pid have @nice, if its first one went first.
 *
 * Return: 0; -errno of the first that failed: -ESRCH without such a process.
 */
int priority_ordinary_all(pid_t pid, int nice);

#endif
