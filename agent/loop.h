/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent's one event loop, on io_uring, and its tasks.
 *
 * Theory of operation
 * -------------------
 * A task is a function with a stack of its own that gives up the processor only
 * where it waits: for an fd, for a time, for another task. What it does reads
 * from top to bottom, and between two waits nothing else runs, so that the
 * agent's data needs no locks. Each guest in each phase of an update is one
 * task; so is each client of the control socket.
 *
 * ioctl(2) has no io_uring operation, and preserving memory may take seconds in
 * one. task_blocking() runs such a call on a thread of its own which touches
 * nothing but its argument, while its task waits.
 *
 * There is one loop per process; the functions need no handle to it. Those that
 * wait may be called from tasks only.
 */
#ifndef VMKEEP_LOOP_H
#define VMKEEP_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/** loop_init() - Set the loop up. Return: 0 or -errno of io_uring_setup(2). */
int loop_init(void);

/** loop_run() - Run tasks until loop_quit(). Return: 0, or -errno when the ring fails. */
int loop_run(void);

/** loop_quit() - Make loop_run() return after the tasks that are ready now. */
void loop_quit(void);

/**
 * task_start() - Start a task; it runs when the caller waits next.
 * @fn:		Its body. The task ends when it returns.
 * @arg:	Its argument, which it or its starter owns by agreement.
 */
void task_start(void (*fn)(void *arg), void *arg);

struct waiter;

/**
 * struct wakeup - Something that tasks wait for and others tell.
 * @waiters:	Who waits.
 * @fired:	Told before anybody waited; kept until the next wait.
 */
struct wakeup {
	struct waiter *waiters;
	bool fired;
};

/** wakeup_fire() - Tell all who wait, or else the next who will. Never waits itself. */
void wakeup_fire(struct wakeup *w);

/**
 * wakeup_wait() - Wait until @w is fired.
 * @timeout_ms:	Milliseconds, negative for ever.
 *
 * Return: 0 or -ETIMEDOUT.
 */
int wakeup_wait(struct wakeup *w, int timeout_ms);

/**
 * task_poll() - Wait for an fd.
 * @events:	As in poll(2).
 *
 * Return: The events that came, -ETIMEDOUT, or -errno.
 */
int task_poll(int fd, unsigned int events, int timeout_ms);

/** task_sleep() - Wait for a time. */
void task_sleep(int ms);

/**
 * task_blocking() - Run a call that blocks, while other tasks go on.
 * @fn:		Runs on another thread: may touch nothing but what @arg points to.
 * @arg:	Stays the caller's, on its stack if it likes.
 *
 * Cannot be cancelled or timed out: the caller waits to the end.
 *
 * Return: What @fn returned, or -errno when there was no thread to be had.
 */
int task_blocking(int (*fn)(void *arg), void *arg);

/**
 * task_background() - The same for work of seconds that nobody stands still for: guests have the processor first.
 *
 * Its nice value is 10; on Linux that is the thread's own (setpriority(2), "C library/kernel differences"). Not for what holds
 * something that a guest waits for, such as a page that is being moved: it would hold it ten times as long.
 */
int task_background(int (*fn)(void *arg), void *arg);

/**
 * struct task_group - Tasks that somebody waits for together. Zero it to begin.
 */
struct task_group {
	unsigned int running;
	struct wakeup done;
};

/** task_group_start() - Start a task as one of @g. */
void task_group_start(struct task_group *g, void (*fn)(void *arg), void *arg);

/** task_group_wait() - Wait for all tasks of @g to end. */
void task_group_wait(struct task_group *g);

/** now_ms() - CLOCK_MONOTONIC in milliseconds. */
int64_t now_ms(void);

#endif
