// SPDX-License-Identifier: GPL-2.0-or-later
/* Programs that are no QEMU, and what is remembered of one. What a real one can do, the scenarios ask. */

#include <stdio.h>
#include <sys/stat.h>

#include "loop.h"
#include "probe.h"

#include "kselftest_harness.h"

static char dir[64], program[96];
static const struct qemu_caps *caps;
static struct err why;
static int result;

static void probe(void *arg)
{
	(void)arg;
	result = probe_qemu(program, &caps, &why);
	loop_quit();
}

static void script(const char *text)
{
	_cleanup_free_ char *s = xasprintf("#!/bin/sh\n%s\n", text);

	write_file_atomic(program, s, strlen(s));
	chmod(program, 0755);
}

static const char *reason(void)
{
	const char *text = strstr(why.text, "does not work as a QEMU: ");

	return text ? text + strlen("does not work as a QEMU: ") : why.text;
}

FIXTURE(trial)
{
	int unused;
};
FIXTURE_SETUP(trial)
{
	self->unused = 0;
	strcpy(dir, "/tmp/vmkeep-probe-XXXXXX");
	ASSERT_NE(mkdtemp(dir), NULL);
	snprintf(program, sizeof(program), "%s/qemu", dir);
	probe_setup(dir);
	ASSERT_EQ(loop_init(), 0);
	task_start(probe, NULL);
}
FIXTURE_TEARDOWN(trial)
{
	_cleanup_free_ char *remembered = xasprintf("%s/probe.json", dir);

	unlink(remembered);
	unlink(program);
	EXPECT_EQ(rmdir(dir), 0);
}

TEST_F(trial, says_what_it_said_last)
{
	script("echo warning: old option; echo; echo error: no such machine; exit 3");
	EXPECT_EQ(loop_run(), 0);
	EXPECT_LT(result, 0);
	EXPECT_STREQ(reason(), "it ended with status 3: error: no such machine");
}

TEST_F(trial, says_what_it_died_of)
{
	script("echo warning: old option; kill -SEGV $$");
	EXPECT_EQ(loop_run(), 0);
	EXPECT_LT(result, 0);
	EXPECT_STREQ(reason(), "it died of signal 11: warning: old option");
}

TEST_F(trial, one_that_says_nothing)
{
	script("exit 0");
	EXPECT_EQ(loop_run(), 0);
	EXPECT_LT(result, 0);
	EXPECT_STREQ(reason(), "it ended with status 0");
}

/* One that closes its monitor and does not end: what it said is not why, and it is killed. */
TEST_F(trial, one_that_is_none_and_goes_on)
{
	script("echo something; exec 3<&-; exec sleep 1000");
	EXPECT_EQ(loop_run(), 0);
	EXPECT_LT(result, 0);
	/* It may have closed it before we came. */
	EXPECT_NE(strstr(reason(), "QEMU's monitor"), NULL);
}

TEST_F(trial, what_is_known_is_not_tried_again)
{
	_cleanup_free_ char *path = xasprintf("%s/probe.json", dir), *text = NULL;
	struct stat st;

	script("exit 1");
	ASSERT_EQ(stat(program, &st), 0);
	text = xasprintf(
		"{\"2:%s:%llu:%lld.%09ld:%lld\":{\"version\":\"11.1.3\",\"fdset_ram\":true,\"machines\":{},\"devices\":{},\"cpus\":{}}}",
		program, (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec,
		st.st_mtim.tv_nsec, (long long)st.st_size);
	write_file_atomic(path, text, strlen(text));
	EXPECT_EQ(loop_run(), 0);
	ASSERT_EQ(result, 0);
	EXPECT_STREQ(caps->version, "11.1.3");
	EXPECT_TRUE(caps->fdset_ram);
}

TEST_HARNESS_MAIN
