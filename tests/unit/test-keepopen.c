// SPDX-License-Identifier: GPL-2.0-or-later
/* What QEMU sees when the process that has sent it a file descriptor ends before it has answered. */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "keepopen.h"

#include "kselftest_harness.h"

#define ID 7

/* QEMU's end, another socket that the sender had, and the sender, which is gone. */
FIXTURE(sender)
{
	int qemu;
	int other;
};

static void say(int fd, const char *text)
{
	(void)!write(fd, text, strlen(text));
}

static bool hangs_up(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, timeout_ms) == 1 && p.revents & POLLHUP;
}

/* Return: QEMU's end. */
static int send_and_end(bool answered, int *other)
{
	struct keepopen k;
	int qemu[2], its[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, qemu) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, its) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		close(qemu[0]);
		close(its[0]);
		if (keepopen_start(qemu[1], ID, &k) < 0)
			_exit(1);
		if (answered)
			keepopen_end(&k);
		raise(SIGKILL);
	}
	close(qemu[1]);
	close(its[1]);
	*other = its[0];
	waitpid(pid, NULL, 0);
	return qemu[0];
}

FIXTURE_SETUP(sender)
{
	self->qemu = send_and_end(false, &self->other);
}

FIXTURE_TEARDOWN(sender)
{
	close(self->qemu);
	close(self->other);
}

TEST_F(sender, stays_until_it_is_answered)
{
	EXPECT_FALSE(hangs_up(self->qemu, 200));
	say(self->qemu, "{\"return\": {\"fdset-id\": 900, \"fd\": 12}, \"id\": 7}\r\n");
	EXPECT_TRUE(hangs_up(self->qemu, 5000));
}

TEST_F(sender, what_answers_something_else_is_not_the_answer)
{
	char long_line[9000];

	say(self->qemu, "{\"return\": {}, \"id\": 6}\r\n{\"return\": {}, \"id\": 70}\r\n");
	say(self->qemu, "{\"event\": \"STOP\", \"timestamp\": {\"seconds\": 7}}\r\n");
	memset(long_line, 'x', sizeof(long_line));
	long_line[sizeof(long_line) - 2] = '\n';
	long_line[sizeof(long_line) - 1] = '\0';
	say(self->qemu, long_line);
	EXPECT_FALSE(hangs_up(self->qemu, 200));
	say(self->qemu, "{\"return\": {}, ");
	EXPECT_FALSE(hangs_up(self->qemu, 100));
	say(self->qemu, "\"id\": 7}\r\n");
	EXPECT_TRUE(hangs_up(self->qemu, 5000));
}

TEST_F(sender, keeps_nothing_else_open)
{
	EXPECT_TRUE(hangs_up(self->other, 5000));
	EXPECT_FALSE(hangs_up(self->qemu, 0));
}

TEST(nothing_is_left_of_one_that_was_answered)
{
	int other, qemu = send_and_end(true, &other);

	EXPECT_TRUE(hangs_up(qemu, 5000));
	close(qemu);
	close(other);
}

TEST_HARNESS_MAIN
