// SPDX-License-Identifier: GPL-2.0-or-later

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "memfd.h"
#include "priority.h"
#include "spawn.h"

#include "kselftest_harness.h"

static int run(struct spawn *s, char *out, size_t len, struct err *e)
{
	int log = memfd_create_plain("log", 0), pidfd = -EBADF, r, status = -1;
	ssize_t n;
	pid_t pid;

	s->log_fd = log;
	r = spawn(s, &pid, &pidfd, e);
	if (!r) {
		waitpid(pid, &status, 0);
		r = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	}
	n = pread(log, out, len - 1, 0);
	out[n > 0 ? n : 0] = '\0';
	close(log);
	close(pidfd);
	return r;
}

TEST(only_the_fds_that_are_meant_go_along)
{
	const char *argv[] = {
		"/bin/sh", "-c",
		"for f in /proc/$$/fd/*; do echo \"${f##*/} $(readlink $f)\"; done; cat /proc/self/fd/10",
		NULL
	};
	struct spawn s = { .argv = argv };
	int ram = memfd_create_plain("guest-ram", 0), secret = memfd_create("secret", 0),
	    third = memfd_create("third", 0);
	char out[2048];
	struct err e;

	ASSERT_EQ(write(ram, "content", 7), 7);
	/* Not even without close-on-exec, and not when source and target numbers cross. */
	spawn_add_fd(&s, third, ram);
	spawn_add_fd(&s, ram, 10);
	ASSERT_EQ(run(&s, out, sizeof(out), &e), 0)
	{
		TH_LOG("%s", e.text);
	}
	EXPECT_NE(strstr(out, "10 /memfd:guest-ram"), NULL)
	{
		TH_LOG("%s", out);
	}
	EXPECT_NE(strstr(out, "content"), NULL);
	EXPECT_EQ(strstr(out, "secret"), NULL)
	{
		TH_LOG("%s", out);
	}
	close(ram);
	close(secret);
	close(third);
}

/* What @pid has open, as "NUMBER TARGET\n" each, in the order of numbers. */
static void list_fds(pid_t pid, char *out, size_t len)
{
	size_t n = 0;

	out[0] = '\0';
	for (int fd = 0; fd < 4096; fd++) {
		_cleanup_free_ char *path = xasprintf("/proc/%d/fd/%d", pid, fd);
		char target[128];
		ssize_t got = readlink(path, target, sizeof(target) - 1);

		if (got < 0)
			continue;
		target[got] = '\0';
		n += (size_t)snprintf(out + n, len - n, "%d %s\n", fd, target);
		if (n >= len)
			abort();
	}
}

/*
 * Seen from outside, and of two at the same time: one guest's memory, its monitor and the
 * agent's own fds are all open here while the other is started.
 */
TEST(two_programs_have_nothing_of_each_other)
{
	const char *argv[] = { "/bin/sleep", "60", NULL };
	int secret = memfd_create("vmkeep-record", 0), log[2], ram[2], pidfd[2];
	pid_t pid[2];
	char out[1024], expected[256];
	struct err e;

	/* Not close-on-exec, and on numbers of every kind, also those that spawn() uses itself. */
	for (int fd = 12; fd < 600; fd += 7)
		ASSERT_EQ(dup2(secret, fd), fd);
	for (int i = 0; i < 2; i++) {
		struct spawn s = { .argv = argv };
		_cleanup_free_ char *name = xasprintf("vmkeep-ram:g%d", i);
		_cleanup_free_ char *logs = xasprintf("log-g%d", i);

		log[i] = s.log_fd = memfd_create(logs, 0);
		ram[i] = memfd_create(name, 0);
		spawn_add_fd(&s, ram[i], 10);
		ASSERT_EQ(spawn(&s, &pid[i], &pidfd[i], &e), 0)
		{
			TH_LOG("%s", e.text);
		}
	}
	for (int i = 0; i < 2; i++) {
		snprintf(expected, sizeof(expected),
			 "0 /dev/null\n1 /memfd:log-g%d (deleted)\n2 /memfd:log-g%d (deleted)\n"
			 "10 /memfd:vmkeep-ram:g%d (deleted)\n",
			 i, i, i);
		/* It is just being loaded, for which libraries are open. */
		for (int left = 100; left; left--) {
			list_fds(pid[i], out, sizeof(out));
			if (strcmp(out, expected) == 0)
				break;
			usleep(20000);
		}
		EXPECT_STREQ(out, expected);
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
		close(pidfd[i]);
		close(ram[i]);
		close(log[i]);
	}
}

TEST(the_step_that_failed_is_named)
{
	const char *argv[] = { "/nonexistent/qemu", NULL };
	struct spawn s = { .argv = argv };
	char out[64];
	struct err e;

	EXPECT_EQ(run(&s, out, sizeof(out), &e), -ENOENT);
	EXPECT_NE(strstr(e.text, "/nonexistent/qemu"), NULL);
	s.user = "no-such-user-here";
	EXPECT_EQ(run(&s, out, sizeof(out), &e), -EINVAL);
	EXPECT_NE(strstr(e.text, "no-such-user-here"), NULL);
	s.user = NULL;
	argv[0] = "/bin/true";
	s.cwd = "/nonexistent";
	EXPECT_EQ(run(&s, out, sizeof(out), &e), -ENOENT);
	EXPECT_NE(strstr(e.text, "directory"), NULL);
}

TEST(runs_as_the_user_with_its_groups)
{
	const char *argv[] = { "/usr/bin/id", "-un", NULL };
	struct spawn s = { .argv = argv, .user = "nobody" };
	char out[64];
	struct err e;

	if (geteuid() != 0)
		SKIP(return, "needs root");
	ASSERT_EQ(run(&s, out, sizeof(out), &e), 0)
	{
		TH_LOG("%s", e.text);
	}
	EXPECT_STREQ(out, "nobody\n");
}

/* A guest stands while its QEMU starts; what that starts is nothing that a guest waits for. */
TEST(one_that_goes_first_does_so_alone)
{
	const char *argv[] = { "/bin/sh", "-c",
			       "for p in $$ self; do cut -d ' ' -f 19 /proc/$p/stat; done", NULL };
	struct spawn s = { .argv = argv, .first = true, .user = "nobody" };
	char out[64];
	struct err e;

	if (geteuid() != 0)
		SKIP(return, "needs root");
	ASSERT_EQ(run(&s, out, sizeof(out), &e), 0);
	EXPECT_STREQ(out, "-20\n0\n");
	s.first = false;
	ASSERT_EQ(run(&s, out, sizeof(out), &e), 0);
	EXPECT_STREQ(out, "0\n0\n");
}

/* A process that goes first, for somebody else to end; -1 if there is none. */
static pid_t spawn_first(void)
{
	const char *argv[] = { "/bin/sleep", "60", NULL };
	struct spawn s = { .argv = argv, .first = true, .log_fd = STDERR_FILENO };
	struct err e;
	int pidfd;
	pid_t pid;

	if (spawn(&s, &pid, &pidfd, &e) < 0)
		return -1;
	close(pidfd);
	return pid;
}

TEST(one_that_went_first_no_longer_does)
{
	pid_t pid;

	if (geteuid() != 0)
		SKIP(return, "needs root");
	pid = spawn_first();
	ASSERT_GT(pid, 0);
	EXPECT_EQ(getpriority(PRIO_PROCESS, (id_t)pid), -20);
	EXPECT_EQ(priority_nice(pid), 0);
	EXPECT_EQ(priority_ordinary_all(pid, 7), 0);
	EXPECT_EQ(getpriority(PRIO_PROCESS, (id_t)pid), 7);
	EXPECT_EQ(priority_nice(pid), 7);
	/* And not a trace: what an operator makes quicker later is so with all its threads. */
	EXPECT_EQ(sched_getscheduler(pid), SCHED_OTHER);
	/* What somebody has changed since stays so. */
	ASSERT_EQ(setpriority(PRIO_PROCESS, (id_t)pid, -5), 0);
	EXPECT_EQ(priority_ordinary_all(pid, 0), 0);
	EXPECT_EQ(getpriority(PRIO_PROCESS, (id_t)pid), -5);
	ASSERT_EQ(setpriority(PRIO_PROCESS, (id_t)pid, -20), 0);
	EXPECT_EQ(priority_ordinary_all(pid, 0), 0);
	EXPECT_EQ(getpriority(PRIO_PROCESS, (id_t)pid), -20);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_EQ(priority_ordinary_all(pid, 0), -ESRCH);
	EXPECT_EQ(priority_nice(pid), 0);
}

static void *wait_forever(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

/* How many threads @pid has; -1 if one's nice value is not @nice. */
static int threads_at(pid_t pid, int nice)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/task", pid);
	DIR *d = opendir(path);
	struct dirent *de;
	int n = 0;

	while (d && n >= 0 && (de = readdir(d)))
		if (de->d_name[0] != '.')
			n = getpriority(PRIO_PROCESS, (id_t)atoi(de->d_name)) == nice ? n + 1 : -1;
	if (d)
		closedir(d);
	return n;
}

TEST(all_threads_go_first_and_no_longer)
{
	pthread_t thread;
	char ready;
	int up[2];
	pid_t pid;

	if (geteuid() != 0)
		SKIP(return, "needs root");
	ASSERT_EQ(pipe(up), 0);
	pid = fork();
	if (pid == 0) {
		for (int i = 0; i < 3; i++)
			pthread_create(&thread, NULL, wait_forever, NULL);
		(void)!write(up[1], "", 1);
		wait_forever(NULL);
	}
	ASSERT_EQ(read(up[0], &ready, 1), 1);
	EXPECT_EQ(threads_at(pid, 0), 4);
	EXPECT_EQ(priority_first_all(pid), 0);
	EXPECT_EQ(threads_at(pid, -20), 4);
	EXPECT_EQ(priority_ordinary_all(pid, -3), 0);
	EXPECT_EQ(threads_at(pid, -3), 4);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_EQ(priority_first_all(pid), -ENOENT);
	close(up[0]);
	close(up[1]);
}

TEST(a_policy_of_its_own_is_left_alone)
{
	const struct sched_param none = { 0 };
	pid_t pid;

	if (geteuid() != 0)
		SKIP(return, "needs root");
	ASSERT_EQ(sched_setscheduler(0, SCHED_BATCH, &none), 0);
	EXPECT_EQ(priority_nice(0), 0);
	pid = spawn_first();
	ASSERT_GT(pid, 0);
	EXPECT_EQ(sched_getscheduler(pid), SCHED_BATCH);
	EXPECT_EQ(priority_first_all(pid), 0);
	EXPECT_EQ(getpriority(PRIO_PROCESS, (id_t)pid), 0);
	EXPECT_EQ(priority_ordinary_all(pid, 0), 0);
	EXPECT_EQ(sched_getscheduler(pid), SCHED_BATCH);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	ASSERT_EQ(sched_setscheduler(0, SCHED_OTHER, &none), 0);
	ASSERT_EQ(setpriority(PRIO_PROCESS, 0, 4), 0);
	ASSERT_EQ(priority_first(), 0);
	EXPECT_EQ(getpriority(PRIO_PROCESS, 0), -20);
	EXPECT_EQ(priority_ordinary(4), 0);
	EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 4);
}

TEST(a_process_is_known_by_its_start)
{
	EXPECT_NE(process_start_time(getpid()), 0);
	EXPECT_EQ(process_start_time(getpid()), process_start_time(getpid()));
	EXPECT_EQ(process_start_time(0x3ffffff), 0);
}

TEST_HARNESS_MAIN
