// SPDX-License-Identifier: GPL-2.0-or-later

#include "cmdline.h"
#include "kexec.h"

#include "kselftest_harness.h"

TEST(switches_are_read_as_the_kernel_reads_them)
{
	EXPECT_EQ(cmdline_switch("liveupdate=on", "liveupdate"), 1);
	EXPECT_EQ(cmdline_switch("root=/dev/vda liveupdate=1 quiet", "liveupdate"), 1);
	EXPECT_EQ(cmdline_switch("liveupdate=off", "liveupdate"), 0);
	EXPECT_EQ(cmdline_switch("liveupdate=on liveupdate=off", "liveupdate"), 0);
	EXPECT_EQ(cmdline_switch("noliveupdate=on", "liveupdate"), -1);
	EXPECT_EQ(cmdline_switch("liveupdate", "liveupdate"), -1);
	EXPECT_EQ(cmdline_switch("", "liveupdate"), -1);
}

TEST(lines_the_kernel_would_cut_are_refused)
{
	char big[KEXEC_CMDLINE_MAX + 1];
	char *line = NULL;
	struct err e;

	memset(big, 'a', sizeof(big));
	big[KEXEC_CMDLINE_MAX] = '\0';
	EXPECT_EQ(cmdline_build(false, big, 0, false, &line, &e), -E2BIG);
	EXPECT_EQ(line, NULL);
	big[KEXEC_CMDLINE_MAX - 1] = '\0';
	EXPECT_EQ(cmdline_build(false, big, 0, false, &line, &e), 0);
	EXPECT_STREQ(line, big);
	free(line);
	EXPECT_EQ(cmdline_build(false, NULL, 0, false, &line, &e), 0);
	EXPECT_STREQ(line, "");
	free(line);
}

TEST(reused_line_comes_first)
{
	_cleanup_free_ char *line = NULL, *running = NULL;
	struct err e;

	ASSERT_EQ(read_file("/proc/cmdline", 4096, &running, NULL), 0);
	running[strcspn(running, "\n")] = '\0';
	ASSERT_EQ(cmdline_build(true, "vmkeep.test=1", 0, false, &line, &e), 0);
	EXPECT_EQ(strncmp(line, running, strlen(running)), 0);
	EXPECT_STREQ(line + strlen(running), " vmkeep.test=1");
}

TEST(the_counters_rate_is_passed_on_once)
{
	char *line = NULL;
	struct err e;

	ASSERT_EQ(cmdline_build(false, NULL, 2499999, false, &line, &e), 0);
	EXPECT_STREQ(line, "tsc_early_khz=2499999");
	free(line);
	ASSERT_EQ(cmdline_build(false, "quiet", 2499999, false, &line, &e), 0);
	EXPECT_STREQ(line, "quiet tsc_early_khz=2499999");
	free(line);
	/* The operator's own figure stands. */
	ASSERT_EQ(cmdline_build(false, "quiet tsc_early_khz=1 x", 2499999, false, &line, &e), 0);
	EXPECT_STREQ(line, "quiet tsc_early_khz=1 x");
	free(line);
}

#define OURS "init=" VMKEEP_INIT
#define END " rw vmkeep.early=1"

static const struct {
	const char *before, *early;
} lines[] = {
	{ "root=/dev/vda ro single", OURS " root=/dev/vda ro single" END },
	{ "root=/dev/vda init=/mine rw quiet",
	  "root=/dev/vda vmkeep.init=/mine " OURS " rw quiet" END },
	{ "init=/a b init=/c d", "init=/a b vmkeep.init=/c " OURS " d" END },
	{ "", OURS END },
};

TEST(early_guests_come_before_the_hosts_init)
{
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		_cleanup_free_ char *line = NULL, *again = NULL, *back = NULL;
		struct err e;

		ASSERT_EQ(cmdline_build(false, lines[i].before, 0, true, &line, &e), 0);
		EXPECT_STREQ(line, lines[i].early);
		/* Whoever copies it. */
		ASSERT_EQ(cmdline_build(false, line, 0, true, &again, &e), 0);
		EXPECT_STREQ(again, lines[i].early);
		back = cmdline_strip(line);
		EXPECT_STREQ(back, lines[i].before);
	}
}

TEST(what_updates_have_added_is_taken_out_again)
{
	_cleanup_free_ char *line = cmdline_strip("a tsc_early_khz=5 " OURS " b" END " " OURS
						  " rw c" END);
	_cleanup_free_ char *built = NULL;
	struct err e;

	EXPECT_STREQ(line, "a b rw c");
	EXPECT_EQ(cmdline_build(false, "quiet -- single", 0, true, &built, &e), -EINVAL);
}

TEST(values)
{
	char *v = cmdline_value("quiet root=/dev/a rootwait root=LABEL=b rw", "root");

	EXPECT_STREQ(v, "LABEL=b");
	free(v);
	EXPECT_EQ(cmdline_value("quiet rootwait nfsroot=x root", "root"), NULL);
}

TEST_HARNESS_MAIN
