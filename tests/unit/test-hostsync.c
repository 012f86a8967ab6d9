// SPDX-License-Identifier: GPL-2.0-or-later
/* sync(2) with an end. */

#include "hostsync.h"

#include "loop.h"

#include "kselftest_harness.h"

TEST(what_is_unwritten)
{
	EXPECT_EQ(hostsync_unwritten("MemTotal: 100 kB\nDirty:      12 kB\nWriteback:   3 kB\n"
				     "WritebackTmp: 99 kB\n"),
		  15 * 1024);
	EXPECT_EQ(hostsync_unwritten(""), 0);
}

static int done, given_up;
static struct err why;

static void sync_twice(void *unused)
{
	struct err e;

	(void)unused;
	given_up = hostsync(0, NULL, NULL, &why);
	done = hostsync(60000, NULL, NULL, &e);
	loop_quit();
}

TEST(ends)
{
	ASSERT_EQ(loop_init(), 0);
	task_start(sync_twice, NULL);
	ASSERT_EQ(loop_run(), 0);
	EXPECT_EQ(done, 0);
	EXPECT_EQ(given_up, -ETIMEDOUT);
	EXPECT_NE(strstr(why.text, "does not answer"), NULL);
}

TEST_HARNESS_MAIN
