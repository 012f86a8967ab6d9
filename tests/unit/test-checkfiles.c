// SPDX-License-Identifier: GPL-2.0-or-later
/* What `vmkeep check` says of a guest's files. This process stands for its QEMU. */

#include "checkfiles.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "findings-said.h"

#include "kselftest_harness.h"

static struct guest g;
static json *all, *nodes, *drives;
static char dir[64];

/* A file of @len bytes in the directory; its path, which lasts until the next call. */
static const char *make(const char *name, off_t len, bool opened)
{
	static char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || ftruncate(fd, len) < 0)
		abort();
	if (!opened)
		close(fd);
	return path;
}

static json *node(const char *file, const char *drv, bool ro)
{
	json *j = qmp_args("node-name", "#block1", "drv", drv, "file", file, NULL);
	json *image = json_object_new_object();

	json_set_bool(j, "ro", ro);
	json_set_int(image, "virtual-size", 4096);
	json_object_object_add(j, "image", image);
	json_object_array_add(nodes, j);
	return j;
}

static void task(void *arg)
{
	(void)arg;
	check_files(all, &g, nodes, drives);
	loop_quit();
}

static void check(void)
{
	json_object_put(all);
	all = json_object_new_array();
	if (loop_init() < 0)
		abort();
	task_start(task, NULL);
	loop_run();
}

FIXTURE(files)
{
	int unused;
};

FIXTURE_SETUP(files)
{
	(void)self;
	snprintf(dir, sizeof(dir), "/tmp/vmkeep-files-XXXXXX");
	ASSERT_NE(mkdtemp(dir), NULL);
	snprintf(g.name, sizeof(g.name), "a");
	g.pid = getpid();
	g.cwd = dir;
	strv_add(&g.argv, "qemu");
	nodes = json_object_new_array();
	drives = json_object_new_array();
}

FIXTURE_TEARDOWN(files)
{
	_cleanup_free_ char *command = xasprintf("rm -r %s", dir);

	EXPECT_EQ(system(command), 0);
}

TEST_F(files, that_are_where_they_were)
{
	node(make("disk", 4096, true), "file", false);
	node("disk", "file", false);
	node("nbd://host/x", "nbd", false);
	check();
	EXPECT_FALSE(said(all, BLOCKED, "No such file"));
	EXPECT_FALSE(said(all, BLOCKED, "another file"));
}

TEST_F(files, an_image_is_gone)
{
	node(make("disk", 4096, true), "file", false);
	node("disk", "raw", false); /* above the other */
	unlink(make("disk", 4096, false));
	check();
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "/disk: No such file"));
}

static void replace(off_t len)
{
	_cleanup_free_ char *new = xstrdup(make("new", len, false));

	if (rename(new, make("disk", 4096, true)) < 0)
		abort();
}

TEST_F(files, an_image_was_renamed_over)
{
	node("disk", "file", false);
	replace(4096);
	check();
	EXPECT_TRUE(said(all, BLOCKED, "/disk is another file"));
}

TEST_F(files, a_cd_was_renamed_over)
{
	node("disk", "file", true);
	replace(4096);
	check();
	EXPECT_TRUE(said(all, BLOCKED, "/disk is another file"));
}

static void flash(void)
{
	json *d = qmp_args("device", "pflash0", NULL);

	json_object_object_add(d, "inserted", qmp_args("file", "disk", NULL));
	json_object_array_add(drives, d);
	node("disk", "file", true);
}

TEST_F(files, firmware_was_upgraded)
{
	flash();
	replace(4096);
	check();
	EXPECT_TRUE(said(all, NOTE, "/disk is another file"));
	EXPECT_FALSE(said(all, BLOCKED, "/disk is another file"));
}

TEST_F(files, firmware_has_another_length)
{
	flash();
	replace(8192);
	check();
	EXPECT_TRUE(said(all, BLOCKED, "/disk is another file"));
}

TEST_F(files, on_the_command_line)
{
	strv_add(&g.argv, "-kernel");
	strv_add(&g.argv, "vmlinuz");
	strv_add(&g.argv, "-bios");
	strv_add(&g.argv, "bios.bin"); /* in a directory of QEMU's */
	strv_add(&g.argv, "-initrd");
	strv_add(&g.argv, "a x=1,b"); /* two modules */
	check();
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "-kernel "));
	EXPECT_TRUE(said(all, BLOCKED, "/vmlinuz: No such file"));
	make("vmlinuz", 1, false);
	check();
	EXPECT_FALSE(said(all, BLOCKED, "No such file"));
}

/* A user who may look into the directory, and owns nothing in it. */
static void as_nobody(void)
{
	if (chmod(dir, 0755) < 0)
		abort();
	g.user = xstrdup("nobody");
}

#define NEEDS_ROOT()   \
	if (geteuid()) \
	SKIP(return, "only root can become another user")

TEST_F(files, its_user_may_open)
{
	NEEDS_ROOT();
	as_nobody();
	ASSERT_EQ(chmod(make("disk", 4096, true), 0666), 0);
	node("disk", "file", false);
	ASSERT_EQ(chmod(make("cd", 4096, true), 0644), 0);
	node("cd", "file", true);
	ASSERT_EQ(chmod(make("vmlinuz", 1, false), 0644), 0);
	strv_add(&g.argv, "-kernel");
	strv_add(&g.argv, "vmlinuz");
	check();
	EXPECT_FALSE(said(all, BLOCKED, "may not open"));
	EXPECT_FALSE(said(all, UNKNOWN, ""));
}

TEST_F(files, its_user_may_not_write)
{
	NEEDS_ROOT();
	as_nobody();
	ASSERT_EQ(chmod(make("disk", 4096, true), 0644), 0);
	node("disk", "file", false);
	ASSERT_EQ(chmod(make("vmlinuz", 1, false), 0600), 0);
	strv_add(&g.argv, "-kernel");
	strv_add(&g.argv, "vmlinuz");
	check();
	EXPECT_TRUE(said(all, BLOCKED,
			 "/disk: user nobody may not open it for writing: Permission denied"));
	EXPECT_TRUE(said(all, BLOCKED, "/vmlinuz: user nobody may not open it: Permission denied"));
	EXPECT_EQ(geteuid(), 0);
}

/* QEMU has its images open when it gives up being root; the next one opens them when it has. */
TEST_F(files, it_becomes_a_user_who_may_not_write)
{
	const char *forms[][2] = { { "-run-with", "async-teardown=on,user=nobody" },
				   { "-runas", "65534:65534" } };

	NEEDS_ROOT();
	ASSERT_EQ(chmod(dir, 0755), 0);
	ASSERT_EQ(chmod(make("disk", 4096, true), 0644), 0);
	node("disk", "file", false);
	ASSERT_EQ(chmod(make("cd", 4096, true), 0600), 0);
	node("cd", "file", true);
	ASSERT_EQ(chmod(make("vmlinuz", 1, false), 0600), 0);
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		strv_free(&g.argv);
		strv_add(&g.argv, "qemu");
		strv_add(&g.argv, "-kernel");
		strv_add(&g.argv, "vmlinuz");
		strv_add(&g.argv, forms[i][0]);
		strv_add(&g.argv, forms[i][1]);
		check();
		EXPECT_TRUE(said(all, BLOCKED, "/disk: user "));
		EXPECT_TRUE(said(all, BLOCKED, "may not open it for writing: Permission denied"));
		EXPECT_FALSE(said(all, BLOCKED, "/cd: user"));
		EXPECT_FALSE(said(all, BLOCKED, "/vmlinuz: user"));
	}
	ASSERT_EQ(chmod(make("disk", 4096, true), 0666), 0);
	check();
	EXPECT_FALSE(said(all, BLOCKED, "may not open"));
}

TEST_F(files, its_user_may_not_look_into_the_directory)
{
	NEEDS_ROOT();
	as_nobody();
	ASSERT_EQ(chmod(make("disk", 4096, true), 0666), 0);
	node("disk", "file", false);
	ASSERT_EQ(chmod(dir, 0700), 0);
	check();
	EXPECT_TRUE(said(all, BLOCKED,
			 "/disk: user nobody may not open it for writing: Permission denied"));
}

TEST_F(files, its_user_has_gone)
{
	node(make("disk", 4096, true), "file", false);
	g.user = xstrdup("no-such-user");
	check();
	EXPECT_TRUE(said(all, BLOCKED, "it runs as no-such-user, and there is no such user"));
}

TEST_F(files, it_writes_itself)
{
	NEEDS_ROOT();
	as_nobody();
	strv_add(&g.argv, "-chardev");
	strv_add(&g.argv, "file,id=a,path=log");
	strv_add(&g.argv, "-chardev");
	strv_add(&g.argv, "file,id=b,path=/nonexistent/log");
	strv_add(&g.argv, "-chardev");
	strv_add(&g.argv, "socket,id=c,path=/nonexistent/sock,server=on");
	check();
	EXPECT_EQ(said_in_all(all, 2), 2);
	EXPECT_TRUE(said(all, BLOCKED,
			 "/log: user nobody may not open it for writing: Permission denied"));
	EXPECT_TRUE(said(all, BLOCKED, "-chardev /nonexistent/log: No such file"));
	ASSERT_EQ(chmod(make("log", 1, false), 0666), 0);
	check();
	EXPECT_FALSE(said(all, BLOCKED, "may not open"));
}

TEST_F(files, in_memory)
{
	char path[] = "/dev/shm/vmkeep-files-XXXXXX";
	struct statfs sf;
	int fd;

	if (statfs("/dev/shm", &sf) < 0 || sf.f_type != TMPFS_MAGIC)
		SKIP(return, "/dev/shm is not a tmpfs");
	fd = mkstemp(path);
	ASSERT_GE(fd, 0);
	node(path, "file", false);
	strv_add(&g.argv, "-kernel");
	strv_add(&g.argv, path);
	check();
	unlink(path);
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "is on /dev/shm, a file system in memory"));
}

TEST_HARNESS_MAIN
