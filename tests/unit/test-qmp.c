// SPDX-License-Identifier: GPL-2.0-or-later
/* The QMP client against a scripted peer that fails on anything unexpected. */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "loop.h"
#include "qmp.h"
#include "unixsock.h"

#include "kselftest_harness.h"

#define GREETING "{\"QMP\":{\"version\":{},\"capabilities\":[]}}\n"

/* A line that must come (its "execute"), and what is answered; "@" stands for the command's id. */
struct step {
	const char *expect;
	const char *answer;
};

static struct {
	const char *greeting;
	const struct step *steps;
	char path[64];
	int listener;
	char unexpected[256];
	char events[256];
	int r1, r2, r3;
	struct err e1, e2;
} t;

/* After the first command, send another one that may take ten seconds. */
static bool send_again;

static void peer(void *arg)
{
	struct jsonio io = { .max = 65536 };
	int fd;

	(void)arg;
	task_poll(t.listener, POLLIN, 2000);
	fd = accept4(t.listener, NULL, NULL, SOCK_NONBLOCK);
	if (fd < 0)
		return;
	io.fd = fd;
	(void)!write(fd, t.greeting, strlen(t.greeting));
	for (const struct step *s = t.steps; s->expect; s++) {
		_cleanup_json_ json *msg = NULL;
		const char *got;

		if (jsonio_read(&io, 2000, &msg) != 1)
			break;
		got = json_str(msg, "execute");
		if (!got || strcmp(got, s->expect) != 0) {
			snprintf(t.unexpected, sizeof(t.unexpected), "got %s, not %s",
				 got ? got : "?", s->expect);
			break;
		}
		for (const char *p = s->answer; p && *p; p++) {
			char id[24];

			snprintf(id, sizeof(id), "%lld", (long long)json_int(msg, "id", -1));
			(void)!write(fd, *p == '@' ? id : p, *p == '@' ? strlen(id) : 1);
		}
	}
	task_sleep(20);
	jsonio_free(&io);
	close(fd);
}

static void on_event(void *user, const char *event, json *data)
{
	(void)user, (void)data;
	strncat(t.events, event ? event : "END", sizeof(t.events) - strlen(t.events) - 2);
	strcat(t.events, " ");
}

static void client(void *arg)
{
	struct qmp *q = NULL;

	(void)arg;
	t.r1 = qmp_open(t.path, 1000, on_event, NULL, &q, &t.e1);
	if (!t.r1) {
		t.r2 = qmp_call(q, "test", NULL, -1, 200, NULL, &t.e2);
		if (send_again)
			t.r3 = qmp_call(q, "again", NULL, -1, 10000, NULL, &t.e1);
		task_sleep(60);
		qmp_close(q);
		task_sleep(1);
	}
	loop_quit();
}

static void play(const char *greeting, const struct step *steps)
{
	memset(&t, 0, sizeof(t));
	snprintf(t.path, sizeof(t.path), "/tmp/vmkeep-qmp-%d", getpid());
	t.greeting = greeting;
	t.steps = steps;
	t.listener = unixsock_listen(t.path, 0600);
	if (t.listener < 0 || loop_init() < 0)
		abort();
	task_start(peer, NULL);
	task_start(client, NULL);
	loop_run();
	close(t.listener);
	unlink(t.path);
}

#define NEGOTIATE "qmp_capabilities", "{\"return\":{},\"id\":@}\n"

TEST(replies_events_and_the_end)
{
	static const struct step steps[] = {
		{ NEGOTIATE },
		{ "test",
		  "{\"event\":\"STOP\",\"timestamp\":{}}\n{\"return\":{},\"id\":99}\n{\"return\":{},\"id\":@}\n"
		  "{\"event\":\"RESUME\",\"data\":{}}\n" },
		{ 0 },
	};

	play(GREETING, steps);
	EXPECT_STREQ(t.unexpected, "");
	EXPECT_EQ(t.r1, 0);
	EXPECT_EQ(t.r2, 0)
	{
		TH_LOG("%s", t.e2.text);
	}
	EXPECT_STREQ(t.events, "STOP RESUME END ");
}

TEST(an_error_comes_with_qemus_words)
{
	static const struct step steps[] = {
		{ NEGOTIATE },
		{ "test",
		  "{\"error\":{\"class\":\"GenericError\",\"desc\":\"no such thing\"},\"id\":@}\n" },
		{ 0 },
	};

	play(GREETING, steps);
	EXPECT_EQ(t.r2, -EREMOTEIO);
	EXPECT_STREQ(t.e2.text, "test: no such thing");
}

TEST(silence_is_a_timeout)
{
	static const struct step steps[] = {
		{ NEGOTIATE }, { "test", "" }, { "never", NULL }, { 0 }
	};

	play(GREETING, steps);
	EXPECT_EQ(t.r2, -ETIMEDOUT);
}

/* The peer would go after two seconds more: given up before, the call has timed out. */
TEST(one_that_is_silent_is_not_waited_for_in_full_again)
{
	static const struct step steps[] = {
		{ NEGOTIATE }, { "test", "" }, { "again", "" }, { "never", NULL }, { 0 },
	};

	send_again = true;
	play(GREETING, steps);
	EXPECT_EQ(t.r2, -ETIMEDOUT);
	EXPECT_EQ(t.r3, -ETIMEDOUT);
}

TEST(one_that_was_silent_can_answer_again)
{
	static const struct step steps[] = {
		{ NEGOTIATE },
		{ "test", "" },
		{ "again", "{\"event\":\"STOP\",\"timestamp\":{}}\n{\"return\":{},\"id\":@}\n" },
		{ 0 },
	};

	send_again = true;
	play(GREETING, steps);
	EXPECT_EQ(t.r2, -ETIMEDOUT);
	EXPECT_EQ(t.r3, 0);
}

static void pass(void *arg)
{
	struct qmp *q = NULL;
	struct err e;

	(void)arg;
	if (!qmp_open(t.path, 1000, on_event, NULL, &q, &e))
		qmp_call(q, "add-fd", NULL, STDIN_FILENO, -1, NULL, &e);
	_exit(1);
}

/* Reads up to the end of a line. */
static void hear(int fd)
{
	char c = 0;

	while (c != '\n' && read(fd, &c, 1) == 1)
		;
}

static bool hung_up(int fd, int timeout_ms)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, timeout_ms) == 1 && p.revents & POLLHUP;
}

/* QEMU crashes when the hang-up overtakes it in taking the fd. */
TEST(one_that_is_killed_while_it_passes_an_fd_hangs_up_after_the_answer)
{
	static const char *const lines[] = { GREETING, "{\"return\": {}, \"id\": 1}\n",
					     "{\"return\": {}, \"id\": 2}\n" };
	int fd;
	pid_t pid;

	snprintf(t.path, sizeof(t.path), "/tmp/vmkeep-qmp-%d", getpid());
	t.listener = unixsock_listen(t.path, 0600);
	ASSERT_GE(t.listener, 0);
	pid = fork();
	if (pid == 0) {
		if (loop_init() < 0)
			_exit(1);
		task_start(pass, NULL);
		loop_run();
	}
	ASSERT_EQ(fcntl(t.listener, F_SETFL, 0), 0);
	fd = accept(t.listener, NULL, NULL);
	ASSERT_GE(fd, 0);
	for (int i = 0; i < 2; i++) {
		(void)!write(fd, lines[i], strlen(lines[i]));
		hear(fd);
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_FALSE(hung_up(fd, 200));
	(void)!write(fd, lines[2], strlen(lines[2]));
	EXPECT_TRUE(hung_up(fd, 5000));
	close(fd);
	close(t.listener);
	unlink(t.path);
}

TEST(a_peer_that_goes_fails_the_call)
{
	static const struct step steps[] = { { NEGOTIATE }, { "test", NULL }, { 0 } };

	play(GREETING, steps);
	EXPECT_EQ(t.r2, -ECONNRESET);
	EXPECT_STREQ(t.events, "END ");
}

TEST(garbage_ends_the_connection)
{
	static const struct step steps[] = { { NEGOTIATE }, { "test", "%%% not json\n" }, { 0 } };

	play(GREETING, steps);
	EXPECT_EQ(t.r2, -ECONNRESET);
}

TEST(a_wrong_greeting_is_no_qemu)
{
	static const struct step steps[] = { { 0 } };

	play("{\"hello\":1}\n", steps);
	EXPECT_LT(t.r1, 0);
	play("", steps);
	EXPECT_LT(t.r1, 0);
}

TEST_HARNESS_MAIN
