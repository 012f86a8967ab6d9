// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether memory suffices, by /proc/meminfo. */

#include "checkmemory.h"

#include "findings-said.h"

#include "kselftest_harness.h"

#define MIB (1ULL << 20)

static json *check(const struct memory_need *n, const char *meminfo)
{
	json *all = json_object_new_array();

	check_memory_need(all, n, meminfo);
	return all;
}

TEST(what_a_guest_takes)
{
	struct memory_need n = { 0 };

	memory_need_block(&n, 1024 * MIB, 1024 * MIB + 4096);
	EXPECT_EQ(n.holes, 0);
	EXPECT_EQ(n.tables, 262144 * 24);
	memory_need_block(&n, 1024 * MIB, 24 * MIB);
	EXPECT_EQ(n.holes, 1000 * MIB);
	EXPECT_EQ(n.tables, 2 * 262144 * 24);
}

TEST(enough)
{
	struct memory_need n = { .holes = 100 * MIB, .tables = 50 * MIB, .rest = 50 * MIB };
	_cleanup_json_ json *all = check(&n, "MemTotal: 1 kB\nMemAvailable:     204800 kB\n");

	EXPECT_EQ(said_in_all(all, 0), 0);
}

TEST(too_little)
{
	struct memory_need n = { .holes = 100 * MIB, .tables = 50 * MIB, .rest = 51 * MIB };
	_cleanup_json_ json *all = check(&n, "MemTotal: 1 kB\nMemAvailable:     204800 kB\n");

	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "up to 201 MiB of memory (100 MiB for"));
	EXPECT_TRUE(said(all, BLOCKED, "and 200 MiB is available"));
}

TEST(scratch_areas_do_not_count)
{
	struct memory_need n = { .holes = 100 * MIB };
	_cleanup_json_ json *all = check(&n, "MemAvailable: 204800 kB\nCmaFree: 153600 kB\n");

	EXPECT_TRUE(said(all, BLOCKED, "and 50 MiB is available"));
}

TEST(swap_helps)
{
	struct memory_need n = { .holes = 300 * MIB };
	_cleanup_json_ json *all = check(&n, "MemAvailable: 204800 kB\nSwapFree: 204800 kB\n");

	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, NOTE, "up to 300 MiB"));
}

TEST_HARNESS_MAIN
