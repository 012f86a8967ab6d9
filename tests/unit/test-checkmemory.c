// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether memory suffices, by /proc/meminfo. */

#include "checkmemory.h"

#include <sys/stat.h>

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

/* A tree of cgroups: the agent's is /sys/agent, with 300 MiB used, 50 of them by files. */
FIXTURE(cgroup)
{
	char root[64];
	json *all;
};

static void put(const char *root, const char *name, const char *text)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", root, name);

	if (write_file_atomic(path, text, strlen(text)) < 0)
		abort();
}

FIXTURE_SETUP(cgroup)
{
	_cleanup_free_ char *dir = NULL;

	snprintf(self->root, sizeof(self->root), "/tmp/vmkeep-cgroup-XXXXXX");
	ASSERT_NE(mkdtemp(self->root), NULL);
	dir = xasprintf("%s/sys/agent", self->root);
	ASSERT_EQ(mkdir_parents(dir, 0755), 0);
	put(self->root, "sys/agent/memory.max", "max\n");
	put(self->root, "sys/agent/memory.current", "314572800\n");
	put(self->root, "sys/agent/memory.stat",
	    "anon 9\nfile 300000000\ninactive_file 31457280\nactive_file 20971520\n");
	put(self->root, "sys/memory.max", "max\n");
	put(self->root, "sys/memory.current", "524288000\n");
	self->all = json_object_new_array();
}

FIXTURE_TEARDOWN(cgroup)
{
	_cleanup_free_ char *command = xasprintf("rm -r %s", self->root);

	EXPECT_EQ(system(command), 0);
	json_object_put(self->all);
}

static const struct memory_need hundred = {
	.holes = 90 * MIB, .records = 10 * MIB, .tables = 900 * MIB, .rest = 900 * MIB
};

TEST_F(cgroup, without_a_limit)
{
	check_memory_cgroup(self->all, &hundred, self->root, "0::/sys/agent\n");
	EXPECT_EQ(said_in_all(self->all, 0), 0);
}

TEST_F(cgroup, with_room)
{
	put(self->root, "sys/agent/memory.max", "367001600\n"); /* 350 MiB */
	check_memory_cgroup(self->all, &hundred, self->root, "0::/sys/agent\n");
	EXPECT_EQ(said_in_all(self->all, 0), 0);
}

TEST_F(cgroup, with_a_limit)
{
	put(self->root, "sys/agent/memory.max", "365953024\n"); /* 349 MiB */
	check_memory_cgroup(self->all, &hundred, self->root, "1:cpu:/x\n0::/sys/agent\n");
	EXPECT_EQ(said_in_all(self->all, 1), 1);
	EXPECT_TRUE(said(self->all, BLOCKED,
			 "up to 100 MiB of memory in the agent's cgroup, and /sys/agent, with "
			 "memory.max 349 MiB, has 99 MiB left"));
}

TEST_F(cgroup, with_a_limit_further_up)
{
	put(self->root, "sys/memory.max", "524288000\n");
	check_memory_cgroup(self->all, &hundred, self->root, "0::/sys/agent\n");
	EXPECT_EQ(said_in_all(self->all, 1), 1);
	EXPECT_TRUE(said(self->all, BLOCKED, "and /sys, with memory.max 500 MiB, has 0 B left"));
}

TEST_F(cgroup, of_another_kind)
{
	put(self->root, "sys/agent/memory.max", "1\n");
	check_memory_cgroup(self->all, &hundred, self->root, "4:memory:/sys/agent\n0::/\n");
	EXPECT_EQ(said_in_all(self->all, 0), 0);
}

TEST_HARNESS_MAIN
