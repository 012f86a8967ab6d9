// SPDX-License-Identifier: GPL-2.0-or-later

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>

#include "memfd.h"
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

TEST(a_process_is_known_by_its_start)
{
	EXPECT_NE(process_start_time(getpid()), 0);
	EXPECT_EQ(process_start_time(getpid()), process_start_time(getpid()));
	EXPECT_EQ(process_start_time(0x3ffffff), 0);
}

TEST_HARNESS_MAIN
