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

static int first(pid_t tid)
{
	struct sched_attr a = {
		.sched_policy = SCHED_NORMAL,
		.sched_flags = SCHED_FLAG_RESET_ON_FORK,
		.sched_nice = FIRST_NICE,
	};

	return set(tid, &a);
}

static int ordinary(pid_t tid)
{
	struct sched_attr a = { 0 };
	int r = get(tid, &a);

	if (r < 0 || a.sched_nice >= 0)
		return r;
	a = (struct sched_attr){ .sched_policy = SCHED_NORMAL };
	return set(tid, &a);
}

static int each_thread(pid_t pid, int (*fn)(pid_t tid))
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/task", pid);
	DIR *d = opendir(path);
	struct dirent *de;
	int r = 0;

	if (!d)
		return -errno;
	while ((de = readdir(d))) {
		int one = de->d_name[0] == '.' ? 0 : fn((pid_t)atoi(de->d_name));

		/* One that has ended meanwhile is nobody's concern. */
		if (one < 0 && one != -ESRCH && !r)
			r = one;
	}
	closedir(d);
	return r;
}

int priority_first(void)
{
	return first(0);
}

int priority_first_all(pid_t pid)
{
	return each_thread(pid, first);
}

int priority_ordinary(void)
{
	return ordinary(0);
}

int priority_ordinary_all(pid_t pid)
{
	return each_thread(pid, ordinary);
}
