// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 * -------------------
 * sync(2) cannot be told to stop, and a thread in it keeps its process from ending. So a child
 * that holds nothing of ours calls it. One that is given up is left behind.
 */

#include "hostsync.h"

#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "loop.h"

#define TELL_EVERY_MS 2000
#define MEMINFO_MAX 65536

static uint64_t field(const char *meminfo, const char *name)
{
	const char *at = strstr(meminfo, name);

	return at ? strtoull(at + strlen(name), NULL, 10) * 1024 : 0;
}

uint64_t hostsync_unwritten(const char *meminfo)
{
	return field(meminfo, "\nDirty:") + field(meminfo, "\nWriteback:");
}

static uint64_t unwritten(void)
{
	_cleanup_free_ char *text = NULL;

	return read_file("/proc/meminfo", MEMINFO_MAX, &text, NULL) < 0 ? 0
									: hostsync_unwritten(text);
}

static int start(pid_t *pid, int *pidfd)
{
	*pid = fork();
	if (*pid == 0) {
		/* Should it hang: no session, no memory of a guest's may hang with it. */
		close_range(0, ~0U, 0);
		sync();
		_exit(0);
	}
	if (*pid < 0)
		return -errno;
	*pidfd = (int)syscall(SYS_pidfd_open, *pid, 0);
	return *pidfd < 0 ? -errno : 0;
}

/* One that was given up, whenever it ends. */
static void reap(void *arg)
{
	int pidfd = (int)(intptr_t)arg;
	siginfo_t si;

	task_poll(pidfd, POLLIN, -1);
	waitid(P_PIDFD, (id_t)pidfd, &si, WEXITED);
	close(pidfd);
}

static void give_up(pid_t pid, int pidfd)
{
	kill(pid, SIGKILL);
	task_start(reap, (void *)(intptr_t)pidfd);
}

int hostsync(int timeout_ms, bool (*tell)(void *user, uint64_t left), void *user, struct err *e)
{
	int64_t deadline = now_ms() + timeout_ms;
	int pidfd = -EBADF, r;
	pid_t pid;

	r = start(&pid, &pidfd);
	if (r < 0)
		return err_set(e, r, "cannot start: %s", strerror(-r));
	for (;;) {
		int64_t left = deadline - now_ms();

		if (left <= 0) {
			give_up(pid, pidfd);
			return err_set(
				e, -ETIMEDOUT,
				"the host's file systems are not written to their disks after %d s (%llu MiB are left): look for a disk, or a server, that does not answer",
				timeout_ms / MSEC_PER_SEC, (unsigned long long)(unwritten() >> 20));
		}
		r = task_poll(pidfd, POLLIN, left < TELL_EVERY_MS ? (int)left : TELL_EVERY_MS);
		if (r != -ETIMEDOUT)
			break;
		if (tell && !tell(user, unwritten())) {
			give_up(pid, pidfd);
			return err_set(e, -ECANCELED, "the agent was told to end");
		}
	}
	reap((void *)(intptr_t)pidfd);
	return 0;
}
