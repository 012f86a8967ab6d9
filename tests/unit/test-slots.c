// SPDX-License-Identifier: GPL-2.0-or-later
/* So many at a time, in their order, and not held up by one that hangs. */

#include "slots.h"
#include "util.h"

#include "kselftest_harness.h"

#define TASKS 6

static struct slots slots;
static int patience;
static int lasts[TASKS]; /* milliseconds that each has its slot */
static int64_t at[TASKS];
static char trace[64];
static unsigned int now_in, most_in;

static void one(void *arg)
{
	int nr = (int)(intptr_t)arg;
	int64_t began = now_ms();

	slots_take(&slots, patience);
	at[nr] = now_ms() - began;
	trace[strlen(trace)] = (char)('0' + nr);
	if (++now_in > most_in)
		most_in = now_in;
	task_sleep(lasts[nr]);
	now_in--;
	slots_leave(&slots);
}

static void all(void *arg)
{
	struct task_group group = { 0 };

	(void)arg;
	for (intptr_t i = 0; i < TASKS; i++)
		task_group_start(&group, one, (void *)i);
	task_group_wait(&group);
	loop_quit();
}

static void run(unsigned long n, int patience_ms)
{
	slots = (struct slots){ .n = n };
	patience = patience_ms;
	if (loop_init() < 0)
		abort();
	task_start(all, NULL);
	loop_run();
}

static void each_lasts(int ms)
{
	for (int i = 0; i < TASKS; i++)
		lasts[i] = ms;
}

TEST(so_many_at_a_time_in_their_order)
{
	each_lasts(20);
	run(2, 60000);
	EXPECT_STREQ(trace, "012345");
	EXPECT_EQ(most_in, 2);
	EXPECT_EQ(slots.taken, 0);
	EXPECT_EQ(slots.first, NULL);
	EXPECT_GE(at[5], 40);
}

TEST(nobody_waits_when_there_are_enough)
{
	each_lasts(20);
	run(TASKS, 60000);
	EXPECT_EQ(most_in, TASKS);
}

/* All who wait go when nothing moves, not one after the other. */
TEST(ones_that_hang_hold_the_others_no_longer_than_patience)
{
	each_lasts(2000);
	run(2, 300);
	EXPECT_EQ(most_in, TASKS);
	for (int i = 2; i < TASKS; i++) {
		EXPECT_GE(at[i], 290);
		EXPECT_LT(at[i], 1500);
	}
	EXPECT_EQ(slots.taken, 0);
}

TEST(who_waits_while_others_move_on_is_patient)
{
	each_lasts(200);
	run(1, 500);
	EXPECT_EQ(most_in, 1);
	EXPECT_GE(at[5], 900);
}

TEST_HARNESS_MAIN
