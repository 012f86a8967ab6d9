// SPDX-License-Identifier: GPL-2.0-or-later
/* Setting a guest's clock, against an agent of a guest that has a clock of its own. */

#include "guestagent.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "clock.h"

#include "kselftest_harness.h"

static int ends[2];
static json *got;
/* How far its clock is ahead of the host's, and what its way takes. */
static int64_t ahead_ns;
static int slow_ms;
/* More than that, every other time. */
static int hiccup_ms;
static const char *garbage;
static int sets;
static bool tells_no_time;

static void reply(const char *text)
{
	(void)!write(ends[1], text, strlen(text));
}

static void inside(void *arg)
{
	struct jsonio io = { .fd = ends[1], .max = 4096 };

	(void)arg;
	if (garbage)
		reply(garbage);
	for (;;) {
		_cleanup_json_ json *msg = NULL, *args = NULL;
		const char *command;
		char text[64];

		if (jsonio_read(&io, -1, &msg) != 1)
			break;
		command = json_str(msg, "execute");
		args = json_object_get(json_get(msg, "arguments", json_type_object));
		if (strcmp(command, "guest-sync") == 0) {
			snprintf(text, sizeof(text), "{\"return\":%lld}\n",
				 (long long)json_int(args, "id", -1));
		} else if (strcmp(command, "guest-set-time") == 0) {
			if (slow_ms)
				task_sleep(slow_ms);
			if (hiccup_ms && sets % 2 == 0)
				task_sleep(hiccup_ms);
			ahead_ns = json_int(args, "time", 0) - clock_realtime_ns();
			sets++;
			snprintf(text, sizeof(text), "{\"return\":{}}\n");
		} else if (tells_no_time) {
			snprintf(text, sizeof(text),
				 "{\"error\":{\"class\":\"CommandNotFound\"}}\n");
		} else {
			snprintf(text, sizeof(text), "{\"return\":%lld}\n",
				 (long long)(clock_realtime_ns() + ahead_ns));
		}
		reply(text);
	}
	jsonio_free(&io);
}

static void outside(void *arg)
{
	(void)arg;
	got = guestagent_talk(ends[0]);
	shutdown(ends[0], SHUT_RDWR);
	task_sleep(1);
	loop_quit();
}

static void talk(void)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0 || loop_init() < 0)
		abort();
	task_start(inside, NULL);
	task_start(outside, NULL);
	loop_run();
}

static double number(const char *key)
{
	json *v = NULL;

	return json_object_object_get_ex(got, key, &v) ? json_object_get_double(v) : 1e9;
}

TEST(a_clock_that_is_behind_is_set)
{
	ahead_ns = -9 * NSEC_PER_SEC;
	talk();
	EXPECT_STREQ("guest agent", json_str(got, "set_by"));
	EXPECT_LT(number("off_ms"), 10);
	EXPECT_GT(number("off_ms"), -10);
	EXPECT_GT(ahead_ns, -10 * NSEC_PER_MSEC);
}

/* The time grows old on its way: the second try knows by how much. */
TEST(a_slow_way_is_made_up_for)
{
	ahead_ns = -9 * NSEC_PER_SEC;
	slow_ms = 150;
	talk();
	EXPECT_GT(sets, 1);
	EXPECT_GT(ahead_ns, -50 * NSEC_PER_MSEC);
	EXPECT_LT(ahead_ns, 50 * NSEC_PER_MSEC);
}

/* What one way has taken says little of the next. */
TEST(ways_of_different_length)
{
	ahead_ns = -9 * NSEC_PER_SEC;
	hiccup_ms = 200;
	talk();
	EXPECT_GT(ahead_ns, -50 * NSEC_PER_MSEC);
	EXPECT_LT(ahead_ns, 50 * NSEC_PER_MSEC);
}

TEST(a_clock_that_is_right_is_let_be)
{
	talk();
	EXPECT_EQ(sets, 0);
	EXPECT_EQ(NULL, json_str(got, "set_by"));
	EXPECT_LT(number("off_ms"), 10);
}

TEST(one_that_tells_no_time_can_take_it)
{
	ahead_ns = -9 * NSEC_PER_SEC;
	tells_no_time = true;
	talk();
	EXPECT_STREQ("guest agent", json_str(got, "set_by"));
	EXPECT_GT(ahead_ns, -50 * NSEC_PER_MSEC);
}

TEST(what_was_for_somebody_else)
{
	garbage =
		"\xff{\"return\":{}}\n{\"return\":77}\n{\"error\":{\"class\":\"GenericError\"}}\n";
	ahead_ns = NSEC_PER_SEC;
	talk();
	EXPECT_STREQ("guest agent", json_str(got, "set_by"));
	EXPECT_LT(number("off_ms"), 10);
}

TEST(an_agent_that_ends)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) < 0 || loop_init() < 0)
		abort();
	close(ends[1]);
	task_start(outside, NULL);
	loop_run();
	EXPECT_STREQ("the guest agent went away", json_str(got, "not_set"));
}

static char *find(const char *chardev, const char *device, char **path)
{
	_cleanup_strv_ struct strv argv = { 0 };

	strv_add(&argv, "qemu");
	strv_add(&argv, "-chardev");
	strv_add(&argv, chardev);
	strv_add(&argv, "-device");
	strv_add(&argv, device);
	return guestagent_chardev(&argv, path);
}

#define PORT "virtserialport,name=org.qemu.guest_agent.0,chardev=c"

TEST(which_port_is_its)
{
	char *path = NULL;

	EXPECT_STREQ("c", find("socket,path=/s,server=on,wait=off,id=c", PORT, &path));
	EXPECT_STREQ("/s", path);
	EXPECT_STREQ("c", find("socket,path=/s,server,nowait,id=c", PORT, &path));
	/* QEMU connects to somebody there. */
	EXPECT_EQ(NULL, find("socket,path=/s,id=c", PORT, &path));
	EXPECT_EQ(NULL, find("pty,id=c", PORT, &path));
	EXPECT_EQ(NULL, find("socket,path=/s,server=on,id=c", "virtserialport,name=other,chardev=c",
			     &path));
}

TEST_HARNESS_MAIN
