// SPDX-License-Identifier: GPL-2.0-or-later
/* A guest's blocks, on a session that loses some of them. */

#include "guestram.h"

#include <fcntl.h>

#include "handover.h"
#include "luo.h"
#include "memfd.h"

#include "kselftest_harness.h"

#define SIZE 65536

/* What is in the session: blocks by number, negative for an error. It stands in for luo.c. */
static int session[RAM_BLOCKS_MAX];

int luo_retrieve(int s, uint64_t token)
{
	uint64_t block = token - HANDOVER_TOKEN_RAM;
	int ret;

	(void)s;
	if (block >= RAM_BLOCKS_MAX)
		return -ENOENT;
	ret = session[block];
	session[block] = -EALREADY;
	return ret;
}

int luo_preserve(int s, int fd, uint64_t token)
{
	(void)s, (void)fd, (void)token;
	return -ENOSYS;
}

static void put_in(size_t blocks)
{
	for (size_t i = 0; i < RAM_BLOCKS_MAX; i++)
		session[i] = i < blocks ? memfd_create_ram("test", SIZE) : -ENOENT;
}

static struct guest_ram three(void)
{
	struct guest_ram ram;

	guestram_init(&ram);
	ram.size.n = 3;
	for (size_t i = 0; i < 3; i++)
		ram.size.v[i] = SIZE;
	return ram;
}

TEST(all_blocks_come)
{
	struct guest_ram ram = three();
	struct err e;

	put_in(3);
	guestram_retrieve(&ram, 0);
	EXPECT_EQ(guestram_check(&ram, &e), 0);
	guestram_close(&ram);
}

TEST(one_that_does_not_come_costs_none_of_the_others)
{
	struct guest_ram ram = three();
	struct err e;

	put_in(3);
	fd_close(&session[0]);
	session[0] = -EIO;
	guestram_retrieve(&ram, 0);
	EXPECT_GE(ram.fd[1], 0);
	EXPECT_GE(ram.fd[2], 0);
	EXPECT_LT(guestram_check(&ram, &e), 0);
	EXPECT_STREQ(e.text, "its memory (vmkeep-ram0) did not come over: Input/output error");
	guestram_close(&ram);
}

TEST(fewer_than_there_were)
{
	struct guest_ram ram = three();
	struct err e;

	put_in(2);
	guestram_retrieve(&ram, 0);
	EXPECT_LT(guestram_check(&ram, &e), 0);
	EXPECT_NE(strstr(e.text, "(vmkeep-ram2) did not come over: No such file"), NULL);
	guestram_close(&ram);
}

/* A page that is not there would be zeros to the guest. */
TEST(a_block_with_a_hole)
{
	struct guest_ram ram = three();
	struct err e;

	put_in(3);
	guestram_retrieve(&ram, 0);
	ASSERT_EQ(guestram_settle(&ram), 0);
	EXPECT_EQ(guestram_check_whole(&ram, &e), 0);
	ASSERT_EQ(fallocate(ram.fd[1], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 8192, 4096), 0);
	EXPECT_EQ(guestram_check(&ram, &e), 0);
	EXPECT_EQ(guestram_check_whole(&ram, &e), -ENODATA);
	EXPECT_STREQ(e.text, "4 KiB of its memory (vmkeep-ram1) did not come over");
	guestram_close(&ram);
}

TEST_HARNESS_MAIN
