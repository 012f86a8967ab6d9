// SPDX-License-Identifier: GPL-2.0-or-later
/* Directories in memory come back as they were; sockets of others are waited for. */

#include "guestplaces.h"

#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "loop.h"
#include "unixsock.h"

#include "kselftest_harness.h"

#define UID 4711
#define GID 4712

FIXTURE(places)
{
	char dir[64], cwd[80];
	struct strv argv;
};

FIXTURE_SETUP(places)
{
	if (geteuid())
		SKIP(return, "needs root");
	snprintf(self->dir, sizeof(self->dir), "/tmp/vmkeep-places-XXXXXX");
	ASSERT_NE(mkdtemp(self->dir), NULL);
	ASSERT_EQ(mount("tmpfs", self->dir, "tmpfs", 0, NULL), 0);
	snprintf(self->cwd, sizeof(self->cwd), "%s/run", self->dir);
	ASSERT_EQ(mkdir(self->cwd, 0755), 0);
	self->argv = (struct strv){ 0 };
	strv_add(&self->argv, "qemu");
}

FIXTURE_TEARDOWN(places)
{
	strv_free(&self->argv);
	EXPECT_EQ(umount2(self->dir, MNT_DETACH), 0);
	EXPECT_EQ(rmdir(self->dir), 0);
}

TEST_F(places, come_back_with_mode_and_owner)
{
	_cleanup_free_ char *inner = xasprintf("%s/deep/er", self->cwd);
	_cleanup_free_ char *outer = xasprintf("%s/deep", self->cwd);
	_cleanup_strv_ struct strv remarks = { 0 };
	_cleanup_json_ json *all = NULL;
	struct stat st;

	ASSERT_EQ(mkdir(outer, 0711), 0);
	ASSERT_EQ(mkdir(inner, 0), 0);
	ASSERT_EQ(chmod(inner, 01770), 0);
	ASSERT_EQ(chown(inner, UID, GID), 0);
	strv_add(&self->argv, "-pidfile");
	strv_add(&self->argv, "deep/er/pid");
	strv_add(&self->argv, "-D");
	strv_add(&self->argv, "/var/none/log");
	all = guestplaces_describe(&self->argv, self->cwd);
	ASSERT_EQ(rmdir(inner), 0);
	ASSERT_EQ(rmdir(outer), 0);
	guestplaces_make(all, &remarks);
	EXPECT_EQ(remarks.n, 0);
	ASSERT_EQ(stat(outer, &st), 0);
	EXPECT_EQ(st.st_mode & 07777, 0711);
	ASSERT_EQ(stat(inner, &st), 0);
	EXPECT_EQ(st.st_mode & 07777, 01770);
	EXPECT_EQ(st.st_uid, UID);
	EXPECT_EQ(st.st_gid, GID);
}

TEST_F(places, that_are_there_are_left_alone)
{
	_cleanup_strv_ struct strv remarks = { 0 };
	_cleanup_json_ json *all = NULL;
	struct stat st;

	strv_add(&self->argv, "-pidfile");
	strv_add(&self->argv, "pid");
	all = guestplaces_describe(&self->argv, self->cwd);
	ASSERT_EQ(chmod(self->cwd, 0700), 0);
	guestplaces_make(all, &remarks);
	ASSERT_EQ(stat(self->cwd, &st), 0);
	EXPECT_EQ(st.st_mode & 07777, 0700);
}

TEST_F(places, that_make_no_sense_are_told_of)
{
	_cleanup_json_ json *all = json_tokener_parse(
		"[{\"path\":\"relative\"},{\"path\":7},{\"path\":\"/proc/nowhere/x\"}]");
	_cleanup_strv_ struct strv remarks = { 0 };

	guestplaces_make(all, &remarks);
	EXPECT_EQ(remarks.n, 3);
}

static FIXTURE_DATA(places) * the;
static int waited;
static struct err why;

static void wait_task(void *arg)
{
	waited = guestplaces_wait(&the->argv, the->cwd, *(int *)arg, &why);
	loop_quit();
}

static void listen_task(void *arg)
{
	task_sleep(50);
	unixsock_listen(arg, 0600);
}

TEST_F(places, wait_for_whom_qemu_connects_to)
{
	_cleanup_free_ char *path = xasprintf("%s/tpm", self->cwd);
	int timeout_ms = 10000;

	the = self;
	strv_add(&self->argv, "-chardev");
	strv_add(&self->argv, "socket,id=t,path=tpm");
	ASSERT_EQ(loop_init(), 0);
	task_start(wait_task, &timeout_ms);
	task_start(listen_task, path);
	ASSERT_EQ(loop_run(), 0);
	EXPECT_EQ(waited, 0);
}

TEST_F(places, do_not_wait_for_ever)
{
	int timeout_ms = 60;

	the = self;
	strv_add(&self->argv, "-chardev");
	strv_add(&self->argv, "socket,id=t,path=tpm");
	ASSERT_EQ(loop_init(), 0);
	task_start(wait_task, &timeout_ms);
	ASSERT_EQ(loop_run(), 0);
	EXPECT_EQ(waited, -ETIMEDOUT);
	EXPECT_NE(strstr(why.text, "/run/tpm, which its QEMU connects to"), NULL);
}

TEST_HARNESS_MAIN
