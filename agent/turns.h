/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Priorities: tasks that begin one after the other, by rank. Those of one rank run side by
 * side; the next rank begins when all before it have ended, or when it has waited long
 * enough: one that hangs must not hold the rest.
 */
#ifndef VMKEEP_TURNS_H
#define VMKEEP_TURNS_H

#define PRIORITY_MIN (-1000)
#define PRIORITY_MAX 1000

/**
 * struct turn - One task.
 * @priority:	Higher ones begin first.
 * @fn:		Its body,
 * @arg:	and its argument, the caller's.
 */
struct turn {
	int priority;
	void (*fn)(void *arg);
	void *arg;
};

/**
 * turns_run() - Run all of @turns, and wait for their ends.
 * @turns:	Sorted on return; those of one priority stay in their order.
 * @head_start_ms: How long, counted from the very first, those of lower priority are held back
 *		at most, all waits together. Then all that have not begun do.
 */
void turns_run(struct turn *turns, unsigned long n, int head_start_ms);

#endif
