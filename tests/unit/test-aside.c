// SPDX-License-Identifier: GPL-2.0-or-later
/* A QEMU's sockets and PID file, out of another one's way and back. */

#include "aside.h"

#include <stdio.h>
#include <sys/stat.h>

#include "unixsock.h"

#include "kselftest_harness.h"

FIXTURE(aside)
{
	char dir[32];
	struct strv argv, paths;
	int first, second;
	struct err e;
};

FIXTURE_SETUP(aside)
{
	*self = (FIXTURE_DATA(aside)){ .dir = "/tmp/test-aside-XXXXXX" };
	ASSERT_NE(mkdtemp(self->dir), NULL);
	ASSERT_EQ(chdir(self->dir), 0);
	strv_add(&self->argv, "qemu");
	strv_add(&self->argv, "-chardev");
	strv_addf(&self->argv, "socket,id=a,path=%s/sock,server=on", self->dir);
	strv_add(&self->argv, "-chardev");
	strv_addf(&self->argv, "file,id=f,path=%s/log", self->dir);
	strv_add(&self->argv, "-monitor");
	strv_add(&self->argv, "unix:never,server=on");
	strv_add(&self->argv, "-pidfile");
	strv_add(&self->argv, "pid");
	ASSERT_EQ(write_file_atomic("pid", "1\n", 2), 0);
	ASSERT_EQ(write_file_atomic("log", "log\n", 4), 0);
	self->first = unixsock_listen("sock", 0600);
	ASSERT_GE(self->first, 0);
	self->second = -EBADF;
	aside_list(&self->argv, self->dir, &self->paths);
}

FIXTURE_TEARDOWN(aside)
{
	_cleanup_free_ char *rm = xasprintf("rm -r %s", self->dir);

	fd_close(&self->first);
	fd_close(&self->second);
	strv_free(&self->argv);
	strv_free(&self->paths);
	EXPECT_EQ(system(rm), 0);
}

static ino_t inode(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : st.st_ino;
}

TEST_F(aside, what_two_cannot_have_is_listed)
{
	_cleanup_free_ char *sock = xasprintf("%s/sock", self->dir),
			    *pid = xasprintf("%s/pid", self->dir);

	ASSERT_EQ(self->paths.n, 2); /* a log is appended to; the monitor's socket is not there */
	EXPECT_STREQ(self->paths.v[0], sock);
	EXPECT_STREQ(self->paths.v[1], pid);
}

TEST_F(aside, back_in_place_of_the_others)
{
	ino_t sock = inode("sock"), pid = inode("pid");

	ASSERT_EQ(aside_move(&self->paths, &self->e), 0);
	EXPECT_EQ(inode("sock"), 0);
	self->second = unixsock_listen("sock", 0600);
	ASSERT_GE(self->second, 0);
	aside_back(&self->paths);
	EXPECT_EQ(inode("sock"), sock);
	EXPECT_EQ(inode("pid"), pid);
	fd_close(&self->second);
	/* The first one's listener is at the name again. */
	self->second = unixsock_connect("sock");
	EXPECT_GE(self->second, 0);
}

TEST_F(aside, dropped_when_the_other_stays)
{
	ASSERT_EQ(aside_move(&self->paths, &self->e), 0);
	self->second = unixsock_listen("sock", 0600);
	aside_drop(&self->paths);
	EXPECT_NE(inode("sock"), 0);
	aside_back(&self->paths); /* nothing is left that could be put back */
	EXPECT_NE(inode("sock"), 0);
	EXPECT_EQ(inode("pid"), 0);
}

TEST_F(aside, one_that_cannot_be_moved_moves_none)
{
	ino_t sock = inode("sock");

	unlink("pid");
	EXPECT_EQ(aside_move(&self->paths, &self->e), -ENOENT);
	EXPECT_NE(strstr(self->e.text, "/pid cannot be moved"), NULL);
	EXPECT_EQ(inode("sock"), sock);
}

TEST_HARNESS_MAIN
