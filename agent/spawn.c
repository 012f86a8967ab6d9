// SPDX-License-Identifier: GPL-2.0-or-later

#include "spawn.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <linux/close_range.h>

#include "priority.h"

/* Where fds are parked on their way to their new numbers: above all numbers that are given out. */
#define PARKING 512

struct failure {
	int code;
	char step[64];
};

void spawn_add_fd(struct spawn *s, int fd, int as)
{
	if (s->n_fds >= SPAWN_FDS_MAX)
		abort();
	s->fds[s->n_fds++] = (struct spawn_fd){ .fd = fd, .as = as };
}

static int place_fds(const struct spawn *s)
{
	int parked[SPAWN_FDS_MAX], null, log;

	null = open("/dev/null", O_RDONLY);
	log = fcntl(s->log_fd, F_DUPFD, PARKING);
	if (null < 0 || log < 0)
		return -errno;
	for (unsigned int i = 0; i < s->n_fds; i++) {
		parked[i] = fcntl(s->fds[i].fd, F_DUPFD, PARKING);
		if (parked[i] < 0)
			return -errno;
	}
	if (dup2(null, STDIN_FILENO) < 0 || dup2(log, STDOUT_FILENO) < 0 ||
	    dup2(log, STDERR_FILENO) < 0)
		return -errno;
	/* Nothing of the agent's goes along: not its sessions, not another guest's memory. */
	if (close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
		return -errno;
	for (unsigned int i = 0; i < s->n_fds; i++)
		if (dup2(parked[i], s->fds[i].as) < 0) /* clears close-on-exec */
			return -errno;
	return 0;
}

static int become(const char *user, const struct passwd *pw)
{
	if (!user)
		return 0;
	if (initgroups(pw->pw_name, pw->pw_gid) < 0 || setgid(pw->pw_gid) < 0 ||
	    setuid(pw->pw_uid) < 0)
		return -errno;
	return 0;
}

static void child(const struct spawn *s, const struct passwd *pw, int report)
{
	struct failure f = { 0 };
	const char *step;
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid();
	if (s->first)
		(void)priority_first(); /* it starts later without, that is all */
	umask(022); /* the agent's own is tighter than what a QEMU's user expects */
	step = "hand over file descriptors";
	f.code = place_fds(s);
	if (!f.code) {
		step = "become the user";
		f.code = become(s->user, pw);
	}
	if (!f.code) {
		step = "change directory";
		f.code = chdir(s->cwd ? s->cwd : "/") < 0 ? -errno : 0;
	}
	if (s->variable)
		putenv((char *)s->variable);
	if (!f.code) {
		step = "execute";
		execv(s->program ? s->program : s->argv[0], (char *const *)s->argv);
		f.code = -errno;
	}
	snprintf(f.step, sizeof(f.step), "%s", step);
	(void)!write(report, &f, sizeof(f));
	_exit(127);
}

static int find_user(const char *user, struct passwd **ret, struct err *e)
{
	*ret = user ? getpwnam(user) : NULL;
	if (user && !*ret)
		return err_set(e, -EINVAL, "user %s: no such user", user);
	return 0;
}

int spawn_check_user(const char *user, struct err *e)
{
	struct passwd *pw;

	return find_user(user, &pw, e);
}

int spawn(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd, struct err *e)
{
	struct passwd *pw;
	struct failure f;
	int report[2], r;
	pid_t pid;
	ssize_t n;

	r = find_user(s->user, &pw, e);
	if (r < 0)
		return r;
	if (pipe2(report, O_CLOEXEC) < 0)
		return err_set(e, -errno, "pipe: %s", strerror(errno));
	/* The write end is closed by close-on-exec: an end of file says that it runs. Parked out of the way of `as`. */
	{
		int high = fcntl(report[1], F_DUPFD_CLOEXEC, PARKING);

		fd_close(&report[1]);
		report[1] = high;
	}
	pid = fork();
	if (pid == 0)
		child(s, pw, report[1]);
	fd_close(&report[1]);
	if (pid < 0) {
		fd_close(&report[0]);
		return err_set(e, -errno, "fork: %s", strerror(errno));
	}
	n = read(report[0], &f, sizeof(f));
	fd_close(&report[0]);
	if (n == (ssize_t)sizeof(f)) {
		waitpid(pid, NULL, 0);
		f.step[sizeof(f.step) - 1] = '\0';
		return err_set(e, f.code, "%s: cannot %s: %s", s->argv[0], f.step,
			       strerror(-f.code));
	}
	*ret_pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (*ret_pidfd < 0) {
		/* One that cannot be watched could not be ended either. */
		r = -errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return err_set(e, r, "pidfd_open: %s", strerror(-r));
	}
	*ret_pid = pid;
	return 0;
}

uint64_t process_start_time(pid_t pid)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/stat", pid);
	_cleanup_free_ char *s = NULL;
	unsigned long long start = 0;
	char *p;

	if (read_file(path, 4096, &s, NULL) < 0)
		return 0;
	p = strrchr(s, ')'); /* the program's name before it may hold anything */
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p)
		sscanf(p, "%llu", &start);
	return start;
}
