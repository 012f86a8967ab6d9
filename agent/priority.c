// SPDX-License-Identifier: GPL-2.0-or-later

#include "priority.h"

#include <dirent.h>
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "util.h"

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

/* What we have made so bears our mark: nobody else has both. */
static bool is_first(const struct sched_attr *a)
{
	return a->sched_policy == SCHED_NORMAL && a->sched_nice == FIRST_NICE &&
	       a->sched_flags & SCHED_FLAG_RESET_ON_FORK;
}

static int change(pid_t tid, uint64_t flags, int nice)
{
	struct sched_attr a = { 0 };
	int r = get(tid, &a);

	/* One with a policy of its own (chrt(1), CPUSchedulingPolicy=) has been seen to. */
	if (r < 0 || a.sched_policy != SCHED_NORMAL)
		return r;
	a = (struct sched_attr){
		.sched_policy = SCHED_NORMAL,
		.sched_flags = flags,
		.sched_nice = nice,
	};
	return set(tid, &a);
}

/* The first thread last: as long as it goes first, the others may. */
static int change_all(pid_t pid, uint64_t flags, int nice)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/task", pid);
	DIR *d = opendir(path);
	struct dirent *de;
	int r = 0, last;

	if (!d)
		return -errno;
	while ((de = readdir(d))) {
		pid_t tid = (pid_t)atoi(de->d_name); /* 0: . and .. */
		int one = tid && tid != pid ? change(tid, flags, nice) : 0;

		/* One that has ended meanwhile is nobody's concern. */
		if (one < 0 && one != -ESRCH && !r)
			r = one;
	}
	closedir(d);
	last = change(pid, flags, nice);
	return r ? r : last;
}

int priority_nice(pid_t pid)
{
	struct sched_attr a = { 0 };

	if (get(pid, &a) < 0 || a.sched_policy != SCHED_NORMAL || is_first(&a))
		return 0;
	return a.sched_nice;
}

int priority_first(void)
{
	return change(0, SCHED_FLAG_RESET_ON_FORK, FIRST_NICE);
}

int priority_first_all(pid_t pid)
{
	return change_all(pid, SCHED_FLAG_RESET_ON_FORK, FIRST_NICE);
}

int priority_ordinary(int nice)
{
	struct sched_attr a = { 0 };
	int r = get(0, &a);

	return r < 0 || !is_first(&a) ? r : change(0, 0, nice);
}

int priority_ordinary_all(pid_t pid, int nice)
{
	struct sched_attr a = { 0 };
	int r = get(pid, &a);

	return r < 0 || !is_first(&a) ? r : change_all(pid, 0, nice);
}
