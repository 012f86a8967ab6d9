// SPDX-License-Identifier: GPL-2.0-or-later
/* What of the clock can be tested without setting it. */

#include <errno.h>

#include "clock.h"
#include "util.h"

#include "kselftest_harness.h"

#define HZ 1000000000ULL

TEST(a_wall_clock_that_is_too_far_off_is_left_alone)
{
	int64_t now = clock_realtime_ns(), by;

	/* "It was five seconds later than now, just before": the chip's grain does not explain that. */
	EXPECT_EQ(clock_carry_realtime(now + 5 * NSEC_PER_SEC, clock_tsc(), HZ, &by), -ERANGE);
	EXPECT_GT(by, 4 * NSEC_PER_SEC);
	EXPECT_LT(by, 6 * NSEC_PER_SEC);
	EXPECT_EQ(clock_carry_realtime(now - 5 * NSEC_PER_SEC, clock_tsc(), HZ, &by), -ERANGE);
	EXPECT_LT(by, -4 * NSEC_PER_SEC);
	EXPECT_LT(clock_realtime_ns() - now, NSEC_PER_SEC);
}

TEST(a_jump_of_which_too_little_is_known_sets_nothing)
{
	int64_t now = clock_realtime_ns(), by;

	EXPECT_EQ(clock_carry_realtime(now, clock_tsc(), 0, &by), -ERANGE);
	EXPECT_EQ(clock_carry_realtime(now, clock_tsc() + 1000 * HZ, HZ, &by), -ERANGE);
	EXPECT_EQ(by, 0);
}

TEST_HARNESS_MAIN
