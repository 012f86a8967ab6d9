// SPDX-License-Identifier: GPL-2.0-or-later
/* The gate, with the real vmkeep-exec coming through it. */

#include "execgate.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "loop.h"

#include "kselftest_harness.h"

#define STATE_NUMBER 77
/* What the program does that it becomes. */
#define WENT_ON 7

static struct exec_gate gate;
static struct exec_files files;
static struct err why;
static pid_t comes, awaited;
static int result;
static bool is_hopeless;

static bool hopeless(const void *user)
{
	(void)user;
	return is_hopeless;
}

static void admit(void *arg)
{
	(void)arg;
	result = execgate_admit(&gate, awaited, hopeless, NULL, 3000, &files, &why);
	loop_quit();
}

/* A process that becomes vmkeep-exec with @state open as STATE_NUMBER, and a variable that says @said. */
static pid_t come(const char *address, int state, const char *said)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	if (state >= 0)
		dup2(state, STATE_NUMBER);
	if (said)
		setenv(EXEC_STATE_VARIABLE, said, 1);
	execl(getenv("VMKEEP_EXEC_PROGRAM"), "vmkeep-exec", address, "/bin/sh", "-c",
	      "[ -e /proc/$$/fd/77 ] && exit 7; exit 8", NULL);
	_exit(99);
}

static int exit_status(void)
{
	int status;

	waitpid(comes, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int made_by_qemu(const char *content)
{
	int fd = memfd_create("QEMU_CPR_EXEC_STATE", MFD_CLOEXEC);

	(void)!write(fd, content, strlen(content));
	return fd;
}

FIXTURE(gate)
{
	int state;
};

FIXTURE_SETUP(gate)
{
	ASSERT_NE(getenv("VMKEEP_EXEC_PROGRAM"), NULL);
	ASSERT_EQ(loop_init(), 0);
	self->state = made_by_qemu("state");
	ASSERT_EQ(execgate_open(&gate, &why), 0);
	is_hopeless = false;
	why.text[0] = '\0';
}

FIXTURE_TEARDOWN(gate)
{
	execgate_close(&gate);
	exec_files_release(&files);
	close(self->state);
}

static int pass(int state, const char *said)
{
	comes = awaited = come(gate.address, state, said);
	task_start(admit, NULL);
	loop_run();
	return result;
}

TEST_F(gate, shows_what_it_takes_along_and_goes_on)
{
	struct stat ours, theirs;
	bool seen = false;

	ASSERT_EQ(pass(self->state, "77"), 0)
	{
		TH_LOG("%s", why.text);
	}
	EXPECT_EQ(exit_status(), WENT_ON);
	EXPECT_STREQ(files.variable, EXEC_STATE_VARIABLE "=77");
	ASSERT_EQ(fstat(self->state, &ours), 0);
	for (size_t i = 0; i < files.n; i++)
		if (files.v[i].as == STATE_NUMBER && fstat(files.v[i].fd, &theirs) == 0)
			seen = theirs.st_ino == ours.st_ino;
	EXPECT_TRUE(seen);
}

TEST_F(gate, a_number_that_names_nothing)
{
	EXPECT_EQ(pass(self->state, "78"), -EBADMSG);
	EXPECT_NE(strstr(why.text, "no number 78"), NULL);
	EXPECT_EQ(exit_status(), 1);
	EXPECT_EQ(files.n, 0);
}

TEST_F(gate, no_number)
{
	EXPECT_EQ(pass(self->state, "77x"), -EBADMSG);
	EXPECT_EQ(exit_status(), 1);
}

TEST_F(gate, no_variable)
{
	EXPECT_EQ(pass(self->state, NULL), -EBADMSG);
	EXPECT_EQ(exit_status(), 1);
}

TEST_F(gate, a_file_that_qemu_did_not_make)
{
	int file = open("/tmp", O_TMPFILE | O_RDWR, 0600);

	ASSERT_GE(file, 0);
	ASSERT_EQ(write(file, "state", 5), 5);
	EXPECT_EQ(pass(file, "77"), -EBADMSG);
	EXPECT_NE(strstr(why.text, "is not what QEMU makes"), NULL);
	EXPECT_EQ(exit_status(), 1);
}

TEST_F(gate, one_with_nothing_in_it)
{
	EXPECT_EQ(pass(made_by_qemu(""), "77"), -EBADMSG);
	EXPECT_EQ(exit_status(), 1);
}

TEST_F(gate, somebody_else_does_not_pass_for_it)
{
	comes = come(gate.address, self->state, "77");
	awaited = getpid();
	is_hopeless = true;
	task_start(admit, NULL);
	loop_run();
	EXPECT_LT(result, 0);
	EXPECT_EQ(files.n, 0);
	/* It is not kept: the agent that it asked is not its. */
	EXPECT_EQ(exit_status(), WENT_ON);
}

TEST_F(gate, without_an_agent_it_goes_on)
{
	execgate_close(&gate);
	comes = come(gate.address, self->state, "77");
	EXPECT_EQ(exit_status(), WENT_ON);
}

TEST_HARNESS_MAIN
