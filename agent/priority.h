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
 * priority_first_all() - The same of all threads that process @pid has now.
 *
 * Return: 0; -errno of the first that failed, or of opendir(3).
 */
int priority_first_all(pid_t pid);

/**
 * priority_ordinary() - The calling thread no longer does. Return: 0; -errno of sched_setattr(2).
 */
int priority_ordinary(void);

/**
 * priority_ordinary_all() - No thread of process @pid does any longer. One whose nice value is not below 0 is left as it is.
 *
 * Return: 0; -errno of the first that failed, or of opendir(3).
 */
int priority_ordinary_all(pid_t pid);

#endif
