// SPDX-License-Identifier: GPL-2.0-or-later
/* Which files a guest's QEMU will read again, and that they are read. */

#include "readahead.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "loop.h"

#include "fakeguest.h"

#include "kselftest_harness.h"

#define SIZE (4UL << 20)
#define PAGE 4096

static struct guest *guest;

static unsigned int count(json *paths, const char *end)
{
	unsigned int n = 0;

	for (size_t i = 0; i < json_object_array_length(paths); i++) {
		const char *path = json_object_get_string(json_object_array_get_idx(paths, i));
		size_t len = strlen(path);

		n += len >= strlen(end) && strcmp(path + len - strlen(end), end) == 0;
	}
	return n;
}

TEST(program_libraries_and_what_is_named_but_no_images)
{
	_cleanup_json_ json *paths = json_object_new_array();

	guest = fake_guest("-kernel", "/boot/its-kernel", "-initrd", "initrd-elsewhere", "-drive",
			   "file=/srv/its.img,if=virtio", "-drive",
			   "file=/srv/code.fd,if=pflash,readonly=on", NULL);
	readahead_note(guest, paths);
	readahead_note(guest, paths);
	EXPECT_EQ(1, count(paths, guest->argv.v[0]));
	EXPECT_EQ(1, count(paths, "/libc.so.6"));
	EXPECT_EQ(1, count(paths, "/boot/its-kernel"));
	EXPECT_EQ(1, count(paths, "/srv/code.fd"));
	EXPECT_EQ(0, count(paths, "/srv/its.img"));
	EXPECT_EQ(0, count(paths, "initrd-elsewhere"));
	EXPECT_EQ(0, count(paths, "]"));
}

static char file[] = "/var/tmp/vmkeep-readahead-XXXXXX";

static size_t resident(int fd)
{
	unsigned char in[SIZE / PAGE];
	void *p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	size_t n = 0;

	if (p == MAP_FAILED || mincore(p, SIZE, in) < 0)
		return 0;
	munmap(p, SIZE);
	for (size_t i = 0; i < SIZE / PAGE; i++)
		n += in[i] & 1;
	return n;
}

static void wait_for_file(void *arg)
{
	int fd = *(int *)arg;

	for (int i = 0; i < 100 && resident(fd) < SIZE / PAGE; i++)
		task_sleep(50);
	loop_quit();
}

TEST(they_are_read_and_what_makes_no_sense_is_passed_over)
{
	_cleanup_json_ json *paths = json_tokener_parse(
		"[\"/nowhere\", 7, null, {}, \"/dev/zero\", \"/\", \"\"]");
	static char page[PAGE] = "x";
	int fd = mkstemp(file);

	ASSERT_GE(fd, 0);
	for (size_t at = 0; at < SIZE; at += PAGE)
		ASSERT_EQ(PAGE, pwrite(fd, page, PAGE, (off_t)at));
	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	json_object_array_add(paths, json_object_new_string(file));
	ASSERT_EQ(0, loop_init());
	readahead_start(NULL);
	readahead_start(paths);
	task_start(wait_for_file, &fd);
	EXPECT_EQ(0, loop_run());
	EXPECT_EQ(SIZE / PAGE, resident(fd));
	unlink(file);
	close(fd);
}

TEST_HARNESS_MAIN
