// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who can come back before the host's init. "/" is a file system in memory here, with another one on /other. A process
 * that does nothing stands for the guest's QEMU.
 */

#include "early.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <linux/close_range.h>

#include "fakeguest.h"
#include "loop.h"

#include "kselftest_harness.h"

static struct guest *g;
static const char *opened; /* by its QEMU, or NULL */
static struct err said;
static int possible, ready;

static void touch(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0755);

	if (fd < 0)
		abort();
	close(fd);
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		abort();
	close(fd);
}

static void ask(void *arg)
{
	struct err e;

	(void)arg;
	said.text[0] = '\0';
	possible = early_possible(g, &said);
	ready = early_ready(g, possible ? &e : &said);
	loop_quit();
}

static pid_t start_qemu(void)
{
	int ready_fd[2];
	pid_t pid;
	char c;

	if (pipe(ready_fd) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		dup2(ready_fd[1], 100);
		close_range(0, 99, 0);
		if (opened && open(opened, O_RDONLY) < 0)
			abort();
		close(100);
		pause();
	}
	close(ready_fd[1]);
	(void)!read(ready_fd[0], &c, 1);
	close(ready_fd[0]);
	return pid;
}

static void ask_of(struct guest *guest)
{
	g = guest;
	g->pid = start_qemu();
	free(g->argv.v[0]);
	g->argv.v[0] = xstrdup("/qemu");
	if (loop_init() < 0)
		abort();
	task_start(ask, NULL);
	loop_run();
	kill(g->pid, SIGKILL);
	waitpid(g->pid, NULL, 0);
}

FIXTURE(host)
{
	char dir[32];
};

FIXTURE_SETUP(host)
{
	static const char *const dirs[] = { "proc", "other", "state", "log" };

	snprintf(self->dir, sizeof(self->dir), "/tmp/vmkeep-early-XXXXXX");
	ASSERT_NE(mkdtemp(self->dir), NULL);
	ASSERT_EQ(unshare(CLONE_NEWNS), 0);
	ASSERT_EQ(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ASSERT_EQ(mount("tmpfs", self->dir, "tmpfs", 0, NULL), 0);
	ASSERT_EQ(chdir(self->dir), 0);
	for (size_t i = 0; i < ARRAY_SIZE(dirs); i++)
		ASSERT_EQ(mkdir(dirs[i], 0700), 0);
	ASSERT_EQ(mount("proc", "proc", "proc", 0, NULL), 0);
	ASSERT_EQ(mount("tmpfs", "other", "tmpfs", 0, NULL), 0);
	ASSERT_EQ(chroot("."), 0);
	touch("/qemu");
	touch("/disk");
	touch("/other/disk");
	write_text("/mounts",
		   "1 1 0:1 / / rw - ext4 /dev/vda rw\n2 1 0:2 / /other rw - tmpfs none rw\n");
	early_setup("/state", "/log", true, "/mounts");
}

FIXTURE_TEARDOWN(host)
{
	(void)self;
}

TEST_F(host, one_that_needs_only_the_root_file_system)
{
	opened = "/disk";
	ask_of(fake_guest("-drive", "file=/disk", "-cdrom", "/disk", "-bios", "bios.bin",
			  "-chardev", "file,id=c,path=/log/new", NULL));
	EXPECT_EQ(possible, 0);
	EXPECT_EQ(ready, 0);
	EXPECT_STREQ(said.text, "");
}

TEST_F(host, an_image_on_another_file_system)
{
	ask_of(fake_guest("-drive", "file=/disk", "-drive", "file=/other/disk", NULL));
	EXPECT_EQ(possible, -EXDEV);
	EXPECT_STREQ(said.text, "/other/disk is not on the root file system");
	EXPECT_EQ(ready, -EXDEV);
}

/* What is mounted there is a directory of the same file system; before it is, there may be another file of that name. */
TEST_F(host, an_image_below_a_mount)
{
	write_text(
		"/mounts",
		"1 1 0:1 / / rw - ext4 /dev/vda rw\n3 1 0:1 /data /state rw - ext4 /dev/vda rw\n");
	touch("/state/disk");
	touch("/statedisk");
	early_setup("/log", "/log", true, "/mounts");
	ask_of(fake_guest("-drive", "file=/state/disk", NULL));
	EXPECT_EQ(possible, -EXDEV);
	EXPECT_STREQ(said.text, "/state/disk is not on the root file system");
}

TEST_F(host, an_image_beside_a_mount)
{
	write_text(
		"/mounts",
		"1 1 0:1 / / rw - ext4 /dev/vda rw\n3 1 0:1 /data /state rw - ext4 /dev/vda rw\n");
	touch("/statedisk");
	early_setup("/log", "/log", true, "/mounts");
	ask_of(fake_guest("-drive", "file=/statedisk", NULL));
	EXPECT_EQ(possible, 0);
}

TEST_F(host, a_socket_that_would_be_below_a_mount)
{
	ask_of(fake_guest("-chardev", "socket,id=c,server=on,wait=off,path=/other/ga", NULL));
	EXPECT_EQ(possible, -EXDEV);
}

TEST_F(host, a_socket_in_memory)
{
	ask_of(fake_guest("-chardev", "socket,id=c,server=on,wait=off,path=/run/new/ga", NULL));
	EXPECT_EQ(possible, 0);
	EXPECT_EQ(ready, 0);
}

/* At the same path there may be another one as long as that file system is not mounted. */
TEST_F(host, an_image_that_only_another_image_names)
{
	opened = "/other/disk";
	ask_of(fake_guest("-drive", "file=/disk", NULL));
	EXPECT_EQ(possible, -EXDEV);
	EXPECT_STREQ(said.text, "/other/disk is not on the root file system");
}

TEST_F(host, what_qemu_is_to_write_on_another_file_system)
{
	ask_of(fake_guest("-chardev", "file,id=c,path=/other/new", NULL));
	EXPECT_EQ(possible, -EXDEV);
}

TEST_F(host, what_we_write_on_another_file_system)
{
	early_setup("/state", "/other", true, "/mounts");
	ask_of(fake_guest("-drive", "file=/disk", NULL));
	EXPECT_EQ(possible, -EXDEV);
}

/* As long as the root file system is mounted read-only, for one. */
static void make_read_only(const char *path)
{
	if (mount(path, path, NULL, MS_BIND, NULL) < 0 ||
	    mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
		abort();
}

TEST_F(host, an_image_that_cannot_be_written_yet)
{
	make_read_only("/disk");
	ask_of(fake_guest("-drive", "file=/disk", NULL));
	EXPECT_EQ(possible, 0);
	EXPECT_EQ(ready, -EROFS);
	EXPECT_STREQ(said.text, "/disk: Read-only file system");
}

TEST_F(host, an_image_that_need_not_be_written)
{
	make_read_only("/disk");
	ask_of(fake_guest("-drive", "file=/disk,readonly=on", NULL));
	EXPECT_EQ(ready, 0);
}

TEST_F(host, a_user_whom_nobody_knows_yet)
{
	struct guest *guest = fake_guest("-drive", "file=/disk", NULL);

	guest->user = xstrdup("vm-user");
	ask_of(guest);
	EXPECT_EQ(possible, 0);
	EXPECT_EQ(ready, -EINVAL);
}

TEST_F(host, a_socket_where_nobody_listens_yet)
{
	ask_of(fake_guest("-chardev", "socket,id=c,path=/tpm", NULL));
	EXPECT_EQ(possible, 0);
	EXPECT_EQ(ready, -ETIMEDOUT);
}

TEST_F(host, a_kernel_that_could_not_start)
{
	struct err e;

	EXPECT_EQ(early_check_host("root=/dev/vda vmkeep.init=/qemu", &e), -ENOENT);
	EXPECT_STREQ(e.text, VMKEEP_INIT ": No such file or directory");
	ASSERT_EQ(mkdir_parents(VMKEEP_INIT, 0755), 0);
	ASSERT_EQ(rmdir(VMKEEP_INIT), 0);
	touch(VMKEEP_INIT);
	EXPECT_EQ(early_check_host("root=/dev/no-such vmkeep.init=/qemu", &e), -EINVAL);
	EXPECT_EQ(strncmp(e.text, "the next kernel's root file system, root=/dev/no-such, is not",
			  60),
		  0);
	early_setup("/state", "/log", false, "/mounts");
	EXPECT_EQ(early_check_host("root=/dev/no-such vmkeep.init=/qemu", &e), -EINVAL);
	EXPECT_EQ(strncmp(e.text, "vmkeepd has other directories", 29), 0);
}

TEST_HARNESS_MAIN
