// SPDX-License-Identifier: GPL-2.0-or-later

#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "holder.h"
#include "log.h"
#include "memfd.h"
#include "util.h"

#include "kselftest_harness.h"

/* A session, as far as the holder can tell: an fd that is there once. */
static int fake_session(const char *name)
{
	static int busy = 2;

	if (strcmp(name, "none") == 0)
		return -ENOENT;
	if (strcmp(name, "busy") == 0 && busy--)
		return -EBUSY;
	return memfd_create_plain(name, 0);
}

static ino_t inode(int fd)
{
	struct stat st = { 0 };

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

FIXTURE(holder)
{
	char dir[32];
	char path[64];
};

FIXTURE_SETUP(holder)
{
	struct err e;

	snprintf(self->dir, sizeof(self->dir), "/tmp/vmkeep-holder-XXXXXX");
	ASSERT_NE(mkdtemp(self->dir), NULL);
	snprintf(self->path, sizeof(self->path), "%s/holder.sock", self->dir);
	ASSERT_EQ(holder_start(self->dir, fake_session, &e), 0);
}

FIXTURE_TEARDOWN(holder)
{
	holder_release("a");
	holder_release("b");
	holder_release("busy");
	unlink(self->path);
	rmdir(self->dir);
}

TEST_F(holder, gives_what_it_took)
{
	bool again = true;
	int one = holder_take("a", &again), two;

	ASSERT_GE(one, 0);
	EXPECT_FALSE(again);
	EXPECT_EQ(fcntl(one, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	two = holder_take("a", &again);
	ASSERT_GE(two, 0);
	EXPECT_TRUE(again);
	EXPECT_EQ(inode(one), inode(two));
	EXPECT_EQ(holder_take("none", &again), -ENOENT);
	close(one);
	close(two);
}

TEST_F(holder, an_agent_that_is_killed_loses_nothing)
{
	ino_t in_agent = 0;
	bool again;
	int told[2], fd, status;
	pid_t agent;

	ASSERT_EQ(pipe(told), 0);
	agent = fork();
	if (agent == 0) {
		in_agent = inode(holder_take("a", &again));
		(void)!write(told[1], &in_agent, sizeof(in_agent));
		pause();
	}
	ASSERT_EQ(read(told[0], &in_agent, sizeof(in_agent)), (ssize_t)sizeof(in_agent));
	kill(agent, SIGKILL);
	waitpid(agent, &status, 0);
	fd = holder_take("a", &again);
	ASSERT_GE(fd, 0);
	EXPECT_TRUE(again);
	EXPECT_EQ(inode(fd), in_agent);
	close(fd);
}

TEST_F(holder, the_next_agent_finds_it)
{
	struct err e;
	bool again;
	int fd = holder_take("a", &again), found;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(holder_start(self->dir, fake_session, &e), 0);
	found = holder_take("a", &again);
	EXPECT_TRUE(again);
	EXPECT_EQ(inode(found), inode(fd));
	close(fd);
	close(found);
}

TEST_F(holder, what_was_released_is_not_given_again)
{
	bool again;
	int a = holder_take("a", &again), b = holder_take("b", &again);

	ASSERT_GE(a, 0);
	ASSERT_GE(b, 0);
	holder_release("a");
	EXPECT_EQ(holder_take("a", &again), -EALREADY);
	close(a);
	close(b);
}

TEST_F(holder, a_busy_device_is_asked_again)
{
	bool again;
	int fd;

	EXPECT_EQ(holder_take("busy", &again), -EBUSY);
	EXPECT_EQ(holder_take("busy", &again), -EBUSY);
	fd = holder_take("busy", &again);
	EXPECT_GE(fd, 0);
	close(fd);
}

TEST_F(holder, ends_when_it_holds_nothing)
{
	bool again;
	int fd = holder_take("a", &again);

	ASSERT_GE(fd, 0);
	EXPECT_EQ(access(self->path, F_OK), 0);
	holder_release("a");
	EXPECT_EQ(access(self->path, F_OK), -1);
	close(fd);
}

/* The agent's lock goes with the agent, or no other could start. */
TEST_F(holder, has_none_of_the_agents_files)
{
	_cleanup_free_ char *path = xasprintf("%s/lock", self->dir);
	int low = open(path, O_RDWR | O_CREAT, 0600), second;
	int fd = fcntl(low, F_DUPFD, 20); /* not where the holder's own fds come to lie */
	struct err e;
	bool again;

	close(low);

	/* It ends, and the agent starts another, now that it has a lock. */
	holder_release("a");
	ASSERT_EQ(access(self->path, F_OK), -1);
	ASSERT_EQ(flock(fd, LOCK_EX | LOCK_NB), 0);
	ASSERT_EQ(holder_start(self->dir, fake_session, &e), 0);
	close(holder_take("a", &again));
	close(fd);
	second = open(path, O_RDWR);
	EXPECT_EQ(flock(second, LOCK_EX | LOCK_NB), 0);
	close(second);
	unlink(path);
}

TEST(without_a_holder_the_agent_takes_for_itself)
{
	struct err e;
	bool again;
	int fd;

	EXPECT_LT(holder_start("/nonexistent", fake_session, &e), 0);
	fd = holder_take("a", &again);
	EXPECT_GE(fd, 0);
	close(fd);
	EXPECT_EQ(holder_take("none", &again), -ENOENT);
}

TEST_HARNESS_MAIN
