// SPDX-License-Identifier: GPL-2.0-or-later
/* Who begins when: by priority, and not held up by one that hangs. */

#include <stdio.h>

#include "loop.h"
#include "turns.h"
#include "util.h"

#include "kselftest_harness.h"

static char trace[256];
static unsigned int ended;
static int64_t began;

struct one {
	const char *name;
	int ms;
	int64_t at;	     /* when it began, */
	unsigned int before; /* and how many had ended */
};

static void note(const char *name)
{
	size_t len = strlen(trace);

	snprintf(trace + len, sizeof(trace) - len, "%s ", name);
}

static void body(void *arg)
{
	struct one *o = arg;

	o->at = now_ms() - began;
	o->before = ended;
	note(o->name);
	if (o->ms)
		task_sleep(o->ms);
	ended++;
}

static struct turn *turns;
static size_t n_turns;
static int head_start;

static void run_all(void *arg)
{
	(void)arg;
	began = now_ms();
	turns_run(turns, n_turns, head_start);
	note("all");
	loop_quit();
}

static void run(struct turn *t, size_t n, int head_start_ms)
{
	turns = t;
	n_turns = n;
	head_start = head_start_ms;
	trace[0] = '\0';
	if (loop_init() < 0)
		abort();
	task_start(run_all, NULL);
	loop_run();
}

TEST(higher_ones_first_those_alike_side_by_side)
{
	struct one low = { .name = "low" }, a = { .name = "a", .ms = 20 },
		   b = { .name = "b", .ms = 60 }, top = { .name = "top", .ms = 10 };
	struct turn t[] = {
		{ -1, body, &low }, { 0, body, &a }, { 7, body, &top }, { 0, body, &b }
	};

	run(t, ARRAY_SIZE(t), 60000);
	EXPECT_STREQ(trace, "top a b low all ");
	EXPECT_EQ(a.before, 1);
	EXPECT_EQ(b.before, 1);
	EXPECT_EQ(low.before, 3);
	EXPECT_EQ(ended, 4); /* all are waited for */
}

TEST(one_that_fails_at_once_holds_nobody)
{
	struct one top = { .name = "top" }, low = { .name = "low" };
	struct turn t[] = { { 0, body, &low }, { 1, body, &top } };

	run(t, ARRAY_SIZE(t), 60000);
	EXPECT_STREQ(trace, "top low all ");
	EXPECT_EQ(low.before, 1);
	EXPECT_LT(low.at, 30000);
}

/* The others' wait is bounded in all, however many ranks there are; they keep their order. */
TEST(ones_that_hang_hold_the_others_no_longer_than_the_head_start)
{
	struct one hang = { .name = "hang", .ms = 3000 }, slow = { .name = "slow", .ms = 3000 },
		   c = { .name = "c" }, d = { .name = "d" };
	struct turn t[] = {
		{ 1, body, &d }, { 2, body, &c }, { 3, body, &slow }, { 4, body, &hang }
	};

	run(t, ARRAY_SIZE(t), 200);
	EXPECT_STREQ(trace, "hang slow c d all ");
	EXPECT_GE(slow.at, 200);
	EXPECT_EQ(c.before, 0);
	EXPECT_LT(d.at, 3000);
	EXPECT_EQ(ended, 4);
}

TEST(nobody_is_nobody)
{
	run(NULL, 0, 60000);
	EXPECT_STREQ(trace, "all ");
}

TEST_HARNESS_MAIN
