// SPDX-License-Identifier: GPL-2.0-or-later

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "log.h"
#include "util.h"

#include "kselftest_harness.h"

TEST(sizes_are_read_whole_or_refused)
{
	static const char *const bad[] = { "",
					   "G",
					   "-1",
					   "1GG",
					   "1X",
					   "0x10",
					   " 1",
					   "1 G",
					   "99999999999999999999",
					   "17179869184T" };
	uint64_t n;

	EXPECT_EQ(parse_size("4G", 1, &n), 0);
	EXPECT_EQ(n, 4ULL << 30);
	EXPECT_EQ(parse_size("256m", 1, &n), 0);
	EXPECT_EQ(n, 256ULL << 20);
	EXPECT_EQ(parse_size("256", 1ULL << 20, &n), 0);
	EXPECT_EQ(n, 256ULL << 20);
	EXPECT_EQ(parse_size("4096B", 1ULL << 20, &n), 0);
	EXPECT_EQ(n, 4096ULL);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(parse_size(bad[i], 1, &n), -EINVAL)
		{
			TH_LOG("%s", bad[i]);
		}
	}
}

TEST(sizes_are_shown_exactly_or_rounded)
{
	char buf[32];

	EXPECT_STREQ(format_size(256ULL << 20, buf, sizeof(buf)), "256 MiB");
	EXPECT_STREQ(format_size(3ULL << 29, buf, sizeof(buf)), "1.5 GiB");
	EXPECT_STREQ(format_size(0, buf, sizeof(buf)), "0 B");
}

TEST(words_of_others_stay_on_one_line)
{
	struct err e;

	EXPECT_EQ(err_set(&e, -EIO, "QEMU said: %s", "no\n<3>forged \033[2J\177"), -EIO);
	EXPECT_STREQ(e.text, "QEMU said: no?<3>forged ?[2J?");
	err_prefix(&e, "a\nb");
	EXPECT_STREQ(e.text, "a?b: QEMU said: no?<3>forged ?[2J?");
}

TEST(what_is_logged_is_one_line)
{
	int fds[2], err = dup(STDERR_FILENO);
	char got[64] = "";

	ASSERT_EQ(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	log_error("event %s", "STOP\n<0>forged\r");
	dup2(err, STDERR_FILENO);
	ASSERT_GT(read(fds[0], got, sizeof(got) - 1), 0);
	EXPECT_STREQ(got, "event STOP?<0>forged?\n");
}

TEST(uuids)
{
	char a[37], b[37];

	random_uuid(a);
	random_uuid(b);
	EXPECT_TRUE(uuid_valid(a));
	EXPECT_STRNE(a, b);
	EXPECT_FALSE(uuid_valid(NULL));
	EXPECT_FALSE(uuid_valid("not-a-uuid"));
	a[3] = '/';
	EXPECT_FALSE(uuid_valid(a));
}

TEST(err_prefix_keeps_the_reason_when_all_is_too_long)
{
	struct err e;
	char longer[2 * sizeof(e.text)];

	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	EXPECT_EQ(err_set(&e, -EIO, "reason"), -EIO);
	err_prefix(&e, "guest %s", "g1");
	EXPECT_STREQ(e.text, "guest g1: reason");
	err_prefix(&e, "%s", longer);
	EXPECT_EQ(strlen(e.text), sizeof(e.text) - 1);
}

TEST(the_last_line_of_a_log)
{
	static const char text[] = "first\nsecond line\r\n\n";
	FILE *f = tmpfile();
	char buf[64];
	int fd;

	ASSERT_NE(f, NULL);
	fd = fileno(f);
	EXPECT_EQ(read_last_line(fd, 0, buf, sizeof(buf)), 0);
	ASSERT_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	EXPECT_EQ(read_last_line(fd, 0, buf, sizeof(buf)), 11);
	EXPECT_STREQ(buf, "second line");
	EXPECT_EQ(read_last_line(fd, 8, buf, sizeof(buf)), 9);
	EXPECT_STREQ(buf, "cond line");
	EXPECT_EQ(read_last_line(fd, 0, buf, 8), 4);
	EXPECT_STREQ(buf, "line");
	EXPECT_EQ(read_last_line(fd, 17, buf, sizeof(buf)), 0);
	EXPECT_EQ(read_last_line(fd, (off_t)strlen(text), buf, sizeof(buf)), 0);
	EXPECT_STREQ(buf, "");
	EXPECT_EQ(read_last_line(-1, 0, buf, sizeof(buf)), 0);
	fclose(f);
}

TEST(files_are_replaced_whole)
{
	char dir[] = "/tmp/vmkeep-util-XXXXXX", path[64];
	_cleanup_free_ char *s = NULL;
	size_t len;

	ASSERT_NE(mkdtemp(dir), NULL);
	snprintf(path, sizeof(path), "%s/f", dir);
	EXPECT_EQ(write_file_atomic(path, "one", 3), 0);
	EXPECT_EQ(write_file_atomic(path, "second", 6), 0);
	EXPECT_EQ(read_file(path, 100, &s, &len), 0);
	EXPECT_STREQ(s, "second");
	EXPECT_EQ(len, 6);
	free_ptr(&s);
	s = NULL;
	EXPECT_EQ(read_file(path, 3, &s, NULL), -EFBIG);
	unlink(path);
	/* Nothing else was left behind. */
	EXPECT_EQ(rmdir(dir), 0);
	EXPECT_EQ(write_file_atomic("/nonexistent/f", "x", 1), -ENOENT);
}

TEST_HARNESS_MAIN
