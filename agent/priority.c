// SPDX-License-Identifier: GPL-2.0-or-later

#include "priority.h"

#include <errno.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Nearly all of a processor beside others that have 0: sched(7). */
#define FIRST_NICE (-20)

static int get(pid_t tid, struct sched_attr *a)
{
	return syscall(SYS_sched_getattr, tid, a, sizeof(*a), 0) < 0 ? -errno : 0;
}

static int set(pid_t tid, struct sched_attr *a)
{
	a->size = sizeof(*a);
	return syscall(SYS_sched_setattr, tid, a, 0) < 0 ? -errno : 0;
}

int priority_first(void)
{
	struct sched_attr a = {
		.sched_policy = SCHED_NORMAL,
		.sched_flags = SCHED_FLAG_RESET_ON_FORK,
		.sched_nice = FIRST_NICE,
	};

	return set(0, &a);
}

int priority_ordinary(pid_t tid)
{
	struct sched_attr a = { 0 };
	int r = get(tid, &a);

	if (r < 0 || a.sched_nice >= 0)
		return r;
	a = (struct sched_attr){ .sched_policy = SCHED_NORMAL };
	return set(tid, &a);
}
