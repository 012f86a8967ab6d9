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
	EXPECT_EQ(cmdline_build(false, big, 0, &line, &e), -E2BIG);
	EXPECT_EQ(line, NULL);
	big[KEXEC_CMDLINE_MAX - 1] = '\0';
	EXPECT_EQ(cmdline_build(false, big, 0, &line, &e), 0);
	EXPECT_STREQ(line, big);
	free(line);
	EXPECT_EQ(cmdline_build(false, NULL, 0, &line, &e), 0);
	EXPECT_STREQ(line, "");
	free(line);
}

TEST(reused_line_comes_first)
{
	_cleanup_free_ char *line = NULL, *running = NULL;
	struct err e;

	ASSERT_EQ(read_file("/proc/cmdline", 4096, &running, NULL), 0);
	running[strcspn(running, "\n")] = '\0';
	ASSERT_EQ(cmdline_build(true, "vmkeep.test=1", 0, &line, &e), 0);
	EXPECT_EQ(strncmp(line, running, strlen(running)), 0);
	EXPECT_STREQ(line + strlen(running), " vmkeep.test=1");
}

TEST(the_counters_rate_is_passed_on_once)
{
	char *line = NULL;
	struct err e;

	ASSERT_EQ(cmdline_build(false, NULL, 2499999, &line, &e), 0);
	EXPECT_STREQ(line, "tsc_early_khz=2499999");
	free(line);
	ASSERT_EQ(cmdline_build(false, "quiet", 2499999, &line, &e), 0);
	EXPECT_STREQ(line, "quiet tsc_early_khz=2499999");
	free(line);
	/* The operator's own figure stands. */
	ASSERT_EQ(cmdline_build(false, "quiet tsc_early_khz=1 x", 2499999, &line, &e), 0);
	EXPECT_STREQ(line, "quiet tsc_early_khz=1 x");
	free(line);
}

TEST(images)
{
	unsigned char img[0x400] = { 0 };
	char path[] = "/tmp/vmkeep-image-XXXXXX", version[64];
	int fd = mkstemp(path);
	struct err e;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(write(fd, img, sizeof(img)), (ssize_t)sizeof(img));
	EXPECT_EQ(kexec_image_check(path, version, sizeof(version), &e), -ENOEXEC);
	memcpy(img + 0x202, "HdrS", 4);
	img[0x20e] = 0x00;
	img[0x20f] = 0x01; /* version text at 0x200 + 0x100 */
	strcpy((char *)img + 0x300, "7.3.4 (somebody@somewhere)");
	ASSERT_EQ(pwrite(fd, img, sizeof(img), 0), (ssize_t)sizeof(img));
	EXPECT_EQ(kexec_image_check(path, version, sizeof(version), &e), 0);
	EXPECT_STREQ(version, "7.3.4");
	/* A version that points out of the file is no reason to fall. */
	img[0x20f] = 0xff;
	ASSERT_EQ(pwrite(fd, img, sizeof(img), 0), (ssize_t)sizeof(img));
	EXPECT_EQ(kexec_image_check(path, version, sizeof(version), &e), 0);
	EXPECT_STREQ(version, "");
	ASSERT_EQ(ftruncate(fd, 100), 0);
	EXPECT_EQ(kexec_image_check(path, version, sizeof(version), &e), -ENOEXEC);
	unlink(path);
	EXPECT_EQ(kexec_image_check(path, version, sizeof(version), &e), -ENOENT);
	close(fd);
}

TEST_HARNESS_MAIN
