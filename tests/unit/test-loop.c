// SPDX-License-Identifier: GPL-2.0-or-later

#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

#include "loop.h"
#include "util.h"

#include "kselftest_harness.h"

static char trace[256];

static void note(const char *s)
{
	strncat(trace, s, sizeof(trace) - strlen(trace) - 1);
}

FIXTURE(loop)
{
	int unused;
};
FIXTURE_SETUP(loop)
{
	self->unused = 0;
	ASSERT_EQ(loop_init(), 0);
}
FIXTURE_TEARDOWN(loop)
{
}

static void sleeper(void *arg)
{
	task_sleep(*(int *)arg);
	note(*(int *)arg == 10 ? "short " : "long ");
}

static void sleep_two(void *arg)
{
	struct task_group g = { 0 };
	int ten = 10, sixty = 60;

	(void)arg;
	task_group_start(&g, sleeper, &sixty);
	task_group_start(&g, sleeper, &ten);
	task_group_wait(&g);
	note("both");
	loop_quit();
}

TEST_F(loop, tasks_sleep_side_by_side_and_are_waited_for)
{
	int64_t start = now_ms();

	task_start(sleep_two, NULL);
	EXPECT_EQ(loop_run(), 0);
	EXPECT_STREQ(trace, "short long both");
	EXPECT_GE(now_ms() - start, 60);
}

static void poll_times_out_then_comes(void *arg)
{
	int fd = *(int *)arg;

	note(task_poll(fd, POLLIN, 20) == -ETIMEDOUT ? "timeout " : "? ");
	eventfd_write(fd, 1);
	note(task_poll(fd, POLLIN, 1000) == POLLIN ? "ready " : "? ");
	loop_quit();
}

TEST_F(loop, poll)
{
	int fd = eventfd(0, EFD_NONBLOCK);

	task_start(poll_times_out_then_comes, &fd);
	EXPECT_EQ(loop_run(), 0);
	EXPECT_STREQ(trace, "timeout ready ");
	close(fd);
}

static void waiter(void *arg)
{
	struct wakeup *w = arg;

	note(wakeup_wait(w, -1) == 0 ? "told " : "? ");
	note(wakeup_wait(w, 10) == -ETIMEDOUT ? "alone" : "?");
	loop_quit();
}

static void teller(void *arg)
{
	wakeup_fire(arg);
}

TEST_F(loop, a_wakeup_is_kept_until_it_is_waited_for_once)
{
	struct wakeup w = { 0 };

	task_start(teller, &w);
	task_start(waiter, &w);
	EXPECT_EQ(loop_run(), 0);
	EXPECT_STREQ(trace, "told alone");
}

static void one_of_two(void *arg)
{
	note(wakeup_wait(arg, 1000) == 0 ? "told " : "? ");
}

static void tells_two(void *arg)
{
	struct wakeup w = { 0 };
	struct task_group g = { 0 };

	(void)arg;
	task_group_start(&g, one_of_two, &w);
	task_group_start(&g, one_of_two, &w);
	task_sleep(5);
	wakeup_fire(&w);
	task_group_wait(&g);
	note(wakeup_wait(&w, 5) == -ETIMEDOUT ? "spent" : "?");
	loop_quit();
}

TEST_F(loop, all_who_wait_are_told)
{
	task_start(tells_two, NULL);
	EXPECT_EQ(loop_run(), 0);
	EXPECT_STREQ(trace, "told told spent");
}

static int slow(void *arg)
{
	usleep(50000);
	return *(int *)arg;
}

static void runs_meanwhile(void *arg)
{
	(void)arg;
	task_sleep(5);
	note("meanwhile ");
}

static void blocks(void *arg)
{
	int value = -EDQUOT;

	(void)arg;
	note(task_blocking(slow, &value) == -EDQUOT ? "done" : "?");
	loop_quit();
}

TEST_F(loop, blocking_calls_do_not_hold_up_others)
{
	task_start(blocks, NULL);
	task_start(runs_meanwhile, NULL);
	EXPECT_EQ(loop_run(), 0);
	EXPECT_STREQ(trace, "meanwhile done");
}

static int niceness(void *arg)
{
	(void)arg;
	return getpriority(PRIO_PROCESS, 0);
}

static void background(void *arg)
{
	int before = getpriority(PRIO_PROCESS, 0);

	(void)arg;
	note(task_background(niceness, NULL) == before + 10 ? "behind " : "?");
	note(task_blocking(niceness, NULL) == before ? "beside " : "?");
	note(getpriority(PRIO_PROCESS, 0) == before ? "itself" : "?");
	loop_quit();
}

TEST_F(loop, background_work_stands_back_alone)
{
	task_start(background, NULL);
	EXPECT_EQ(loop_run(), 0);
	EXPECT_STREQ(trace, "behind beside itself");
}

static int count;

static void counter(void *arg)
{
	(void)arg;
	task_sleep(1);
	count++;
}

static void many(void *arg)
{
	struct task_group g = { 0 };

	(void)arg;
	for (int i = 0; i < 1000; i++)
		task_group_start(&g, counter, NULL);
	task_group_wait(&g);
	loop_quit();
}

TEST_F(loop, a_thousand_tasks)
{
	task_start(many, NULL);
	EXPECT_EQ(loop_run(), 0);
	EXPECT_EQ(count, 1000);
}

TEST_HARNESS_MAIN
