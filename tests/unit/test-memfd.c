// SPDX-License-Identifier: GPL-2.0-or-later

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "memfd.h"
#include "util.h"

#include "kselftest_harness.h"

#define SIZE (4UL << 20)

TEST(ram_can_be_neither_cut_nor_grown)
{
	int fd = memfd_create_ram("ram", SIZE);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(memfd_check_ram(fd, SIZE), 0);
	EXPECT_EQ(ftruncate(fd, SIZE / 2), -1);
	EXPECT_EQ(errno, EPERM);
	EXPECT_EQ(ftruncate(fd, SIZE * 2), -1);
	EXPECT_EQ(errno, EPERM);
	EXPECT_EQ(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	EXPECT_EQ(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	close(fd);
}

TEST(what_is_not_our_ram_is_told_apart)
{
	int other = memfd_create_ram("ram", SIZE / 2), unsealed = memfd_create_plain("ram", SIZE);
	int file = open("/proc/self/exe", O_RDONLY);

	EXPECT_EQ(memfd_check_ram(other, SIZE), -ESTALE);
	EXPECT_EQ(memfd_check_ram(unsealed, SIZE), -EPERM);
	EXPECT_EQ(memfd_check_ram(file, SIZE), -ENOTTY);
	EXPECT_EQ(memfd_check_ram(-1, SIZE), -ENOTTY);
	close(other);
	close(unsealed);
	close(file);
}

TEST(settling_fills_every_hole_and_keeps_what_is_there)
{
	int fd = memfd_create_ram("ram", SIZE);
	uint64_t huge = 1;
	struct stat st;
	char c = 'x';

	ASSERT_EQ(pwrite(fd, &c, 1, SIZE / 2), 1);
	fstat(fd, &st);
	EXPECT_LT(st.st_blocks * 512, (off_t)SIZE);
	EXPECT_EQ(memfd_settle(fd, SIZE, &huge), 0);
	EXPECT_EQ(huge % (2UL << 20), 0);
	EXPECT_LE(huge, SIZE);
	fstat(fd, &st);
	EXPECT_EQ(st.st_blocks * 512, (off_t)SIZE);
	c = 0;
	EXPECT_EQ(pread(fd, &c, 1, SIZE / 2), 1);
	EXPECT_EQ(c, 'x');
	close(fd);
}

TEST(found_again_by_inode_among_a_process_fds)
{
	int a = memfd_create_ram("a", SIZE), b = memfd_create_ram("b", SIZE), again;
	char c = 'b';

	ASSERT_EQ(pwrite(b, &c, 1, 0), 1);
	again = memfd_find(getpid(), memfd_inode(b));
	ASSERT_GE(again, 0);
	c = 0;
	EXPECT_EQ(pread(again, &c, 1, 0), 1);
	EXPECT_EQ(c, 'b');
	EXPECT_EQ(memfd_find(getpid(), 1), -ENOENT);
	close(again);
	close(a);
	close(b);
}

/* As one that came over a kexec, which has no name. */
TEST(found_whatever_its_name)
{
	int unnamed = open("/dev/shm", O_TMPFILE | O_RDWR, 0600), again;

	ASSERT_GE(unnamed, 0);
	again = memfd_find(getpid(), memfd_inode(unnamed));
	EXPECT_GE(again, 0);
	EXPECT_EQ(memfd_inode(again), memfd_inode(unnamed));
	close(again);
	close(unnamed);
}

TEST(the_process_that_holds_it_is_found)
{
	int fd = memfd_create_plain("held", 4096), ready[2];
	char c;
	pid_t child;

	ASSERT_EQ(memfd_holder(memfd_inode(fd)), 0);
	ASSERT_EQ(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		(void)!write(ready[1], "r", 1);
		pause();
	}
	ASSERT_EQ(read(ready[0], &c, 1), 1);
	EXPECT_EQ(memfd_holder(memfd_inode(fd)), child);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	EXPECT_EQ(memfd_holder(memfd_inode(fd)), 0);
	close(fd);
}

TEST(reopened_with_other_access)
{
	int fd = memfd_create_plain("state", 4096), w = memfd_reopen(fd, O_WRONLY);

	ASSERT_GE(w, 0);
	EXPECT_EQ(fcntl(w, F_GETFL) & O_ACCMODE, O_WRONLY);
	close(w);
	close(fd);
}

TEST_HARNESS_MAIN
