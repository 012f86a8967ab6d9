// SPDX-License-Identifier: GPL-2.0-or-later
/* Which files a guest's QEMU will read again, and that they are read. */

#include "readahead.h"

#include <fcntl.h>
#include <sys/mman.h>

#include "loop.h"
#include "pagemap.h"
#include "readlist.h"

#include "fakeguest.h"

#include "kselftest_harness.h"

#define SIZE (4UL << 20)
#define PAGE 4096

static struct guest *guest;
static char list_dir[64];

static void remove_list(void)
{
	_cleanup_free_ char *path = xasprintf("%s/" READLIST_NAME, list_dir);

	unlink(path);
	rmdir(list_dir);
}

static const char *path_of(json *j)
{
	return json_object_is_type(j, json_type_string) ? json_object_get_string(j)
							: json_str(j, "path");
}

static unsigned int count(json *paths, const char *end)
{
	unsigned int n = 0;

	for (size_t i = 0; i < json_object_array_length(paths); i++) {
		const char *path = path_of(json_object_array_get_idx(paths, i));
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

static int make_file(void)
{
	static char page[PAGE] = "x";
	char file[] = "/var/tmp/vmkeep-readahead-XXXXXX";
	int fd = mkstemp(file);

	for (size_t at = 0; fd >= 0 && at < SIZE; at += PAGE)
		if (pwrite(fd, page, PAGE, (off_t)at) != PAGE)
			abort();
	fsync(fd);
	posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	return fd;
}

static void remove_file(int fd)
{
	_cleanup_free_ char *link = xasprintf("/proc/self/fd/%d", fd);
	char file[256] = "";

	if (readlink(link, file, sizeof(file) - 1) > 0)
		unlink(file);
	close(fd);
}

static char *path_of_fd(int fd)
{
	_cleanup_free_ char *link = xasprintf("/proc/self/fd/%d", fd);
	char file[256] = "";

	if (readlink(link, file, sizeof(file) - 1) < 0)
		abort();
	return xstrdup(file);
}

/* Pages of @fd in memory, from page @from to before page @to. */
static size_t resident(int fd, size_t from, size_t to)
{
	unsigned char in[SIZE / PAGE];
	void *p = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, 0);
	size_t n = 0;

	if (p == MAP_FAILED || mincore(p, SIZE, in) < 0)
		return 0;
	munmap(p, SIZE);
	for (size_t i = from; i < to; i++)
		n += in[i] & 1;
	return n;
}

struct wanted {
	int fd;
	size_t from, to;
};

static void wait_for_file(void *arg)
{
	struct wanted *w = arg;

	for (int i = 0; i < 100 && resident(w->fd, w->from, w->to) < w->to - w->from; i++)
		task_sleep(50);
	loop_quit();
}

static void read_and_wait(struct wanted *w)
{
	if (loop_init() < 0)
		abort();
	readahead_start();
	task_start(wait_for_file, w);
	if (loop_run() < 0)
		abort();
}

/* A state directory whose list has @text, or none. */
static void have_list(const char *text)
{
	char dir[] = "/var/tmp/vmkeep-readahead-XXXXXX";
	_cleanup_free_ char *path = NULL;

	if (!mkdtemp(dir))
		abort();
	readahead_setup(dir);
	path = xasprintf("%s/" READLIST_NAME, dir);
	if (text && write_file_atomic(path, text, strlen(text)) < 0)
		abort();
	snprintf(list_dir, sizeof(list_dir), "%s", dir);
}

TEST(what_is_listed_is_read_and_what_makes_no_sense_passed_over)
{
	struct wanted all = { make_file(), 0, SIZE / PAGE };
	_cleanup_free_ char *path = path_of_fd(all.fd), *text = NULL;

	ASSERT_EQ(0, resident(all.fd, 0, SIZE / PAGE));
	text = xasprintf(
		"0 9 /nowhere\n\n0 4096\nx y %s\n0 4096 relative\n0 4096 /dev/zero\n0 4096 /\n%5000s\n"
		"9999999999999999999 1 %s\n0 %lu %s",
		path, "/", path, SIZE, path);
	have_list(text);
	read_and_wait(&all);
	EXPECT_EQ(SIZE / PAGE, resident(all.fd, 0, SIZE / PAGE));
	remove_file(all.fd);
	remove_list();
}

TEST(without_a_list_nothing_is_read)
{
	int fd = make_file();

	readlist_read("/nowhere/" READLIST_NAME);
	EXPECT_EQ(0, resident(fd, 0, SIZE / PAGE));
	remove_file(fd);
}

TEST(of_a_file_in_parts_those_are_read)
{
	struct wanted part = { make_file(), 512, 520 };
	_cleanup_free_ char *p = path_of_fd(part.fd), *text = NULL;

	/* Before it, behind it, nothing, and pages 512 to 519. */
	text = xasprintf("-4096 8192 %s\n8388608 4096 %s\n0 0 %s\n4096 -1 %s\n2097152 32768 %s\n",
			 p, p, p, p, p);
	have_list(text);
	read_and_wait(&part);
	EXPECT_EQ(8, resident(part.fd, 512, 520));
	EXPECT_EQ(0, resident(part.fd, 0, 256));
	EXPECT_EQ(0, resident(part.fd, 768, 1024));
	remove_file(part.fd);
	remove_list();
}

TEST(what_was_noted_and_saved_is_read)
{
	_cleanup_json_ json *paths = json_object_new_array(), *entry = json_object_new_object();
	struct wanted whole = { make_file(), 0, SIZE / PAGE }, part = { make_file(), 512, 520 };
	_cleanup_free_ char *path = path_of_fd(whole.fd), *other = path_of_fd(part.fd);

	json_object_array_add(paths, json_object_new_string("/nowhere"));
	json_object_array_add(paths, json_object_new_string("/with\n0 4096 /a/line"));
	json_set_str(entry, "path", other);
	json_object_object_add(entry, "ranges", json_tokener_parse("[2097152, 32768]"));
	json_object_array_add(paths, json_object_get(entry));
	json_object_array_add(paths, json_object_new_string(path));
	have_list(NULL);
	ASSERT_EQ(0, readahead_save(paths));
	read_and_wait(&whole);
	EXPECT_EQ(SIZE / PAGE, resident(whole.fd, 0, SIZE / PAGE));
	EXPECT_EQ(8, resident(part.fd, 512, 520));
	EXPECT_EQ(0, resident(part.fd, 768, 1024));
	remove_file(whole.fd);
	remove_file(part.fd);
	remove_list();
}

TEST(an_agent_notes_itself)
{
	_cleanup_json_ json *paths = json_object_new_array();

	readahead_note_self(paths);
	EXPECT_EQ(1, count(paths, "/test-readahead"));
	EXPECT_EQ(1, count(paths, "/libc.so.6"));
	EXPECT_EQ(0, count(paths, "]"));
}

static bool kernel_tells(void)
{
	_cleanup_close_ int pagemap = pagemap_open(0);
	uint64_t at = (uintptr_t)&guest & -(uint64_t)PAGE;

	return pagemap_next_present(pagemap, &at, at + PAGE) == PAGE;
}

/* What @paths has of @fd, or NULL. */
static json *entry_of(json *paths, int fd)
{
	_cleanup_free_ char *name = path_of_fd(fd);

	for (size_t i = 0; i < json_object_array_length(paths); i++) {
		json *j = json_object_array_get_idx(paths, i);

		if (strcmp(path_of(j), name) == 0)
			return j;
	}
	return NULL;
}

static long number(json *ranges, size_t i)
{
	return (long)json_object_get_int64(json_object_array_get_idx(ranges, i));
}

static volatile char *map(int fd, size_t from, size_t size)
{
	void *p = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, (off_t)from);

	if (p == MAP_FAILED)
		abort();
	/* Not sixteen pages at a time. */
	madvise(p, size, MADV_RANDOM);
	return p;
}

TEST(of_a_mapped_file_what_is_in_use)
{
	_cleanup_json_ json *paths = json_object_new_array();
	int fd = make_file();
	volatile char *whole, *half;
	json *ranges;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, resident(fd, 0, SIZE / PAGE));
	half = map(fd, SIZE / 2, SIZE / 2);
	whole = map(fd, 0, SIZE);
	EXPECT_EQ('x', half[SIZE / 4]);
	EXPECT_EQ('x', half[SIZE / 2 - PAGE]);
	/* Nearer to each other than is worth a read of its own. */
	EXPECT_EQ('x', whole[0]);
	EXPECT_EQ('x', whole[8UL * PAGE]);
	/* Again. */
	EXPECT_EQ('x', whole[SIZE - PAGE]);
	guest = fake_guest(NULL);
	readahead_note(guest, paths);
	ASSERT_NE(NULL, entry_of(paths, fd));
	ranges = json_get(entry_of(paths, fd), "ranges", json_type_array);
	/* A kernel before 6.7 cannot tell: all of it. */
	EXPECT_EQ(kernel_tells(), ranges != NULL);
	if (ranges) {
		long from[4] = { 0 }, size[4] = { 0 };

		ASSERT_EQ(6, json_object_array_length(ranges));
		for (size_t i = 0; i < 6; i += 2) {
			size_t which = number(ranges, i) == 0			 ? 0
				       : number(ranges, i) == (long)SIZE * 3 / 4 ? 1
										 : 2;

			from[which] = number(ranges, i);
			size[which] = number(ranges, i + 1);
		}
		EXPECT_EQ(9L * PAGE, size[0]);
		EXPECT_EQ(PAGE, size[1]);
		EXPECT_EQ((long)SIZE - PAGE, from[2]);
		EXPECT_EQ(PAGE, size[2]);
	}
	munmap((void *)whole, SIZE);
	munmap((void *)half, SIZE / 2);
	remove_file(fd);
}

/* Too far from each other to be one: the index has a limit. */
TEST(scattered_pages_do_not_fill_the_index)
{
	_cleanup_json_ json *paths = json_object_new_array();
	char file[] = "/var/tmp/vmkeep-readahead-XXXXXX";
	const size_t step = 32UL * PAGE, n = 400;
	int fd = mkstemp(file);
	volatile char *p;
	json *ranges;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(0, ftruncate(fd, (off_t)(n * step)));
	p = map(fd, 0, n * step);
	for (size_t i = 0; i < n; i++)
		EXPECT_EQ(0, p[i * step]);
	guest = fake_guest(NULL);
	readahead_note(guest, paths);
	ASSERT_NE(NULL, entry_of(paths, fd));
	ranges = json_get(entry_of(paths, fd), "ranges", json_type_array);
	if (ranges) {
		size_t last = json_object_array_length(ranges) - 2;

		EXPECT_EQ(2 * 128, json_object_array_length(ranges));
		/* The last has what there was no room for. */
		EXPECT_EQ((long)((n - 1) * step + PAGE),
			  number(ranges, last) + number(ranges, last + 1));
	}
	munmap((void *)p, n * step);
	remove_file(fd);
}

TEST(a_new_version_of_the_program_is_read_whole)
{
	_cleanup_json_ json *paths = json_object_new_array();

	guest = fake_guest(NULL);
	free(guest->argv.v[0]);
	guest->argv.v[0] = xstrdup("/bin/sh");
	readahead_note(guest, paths);
	readahead_note(guest, paths);
	EXPECT_EQ(1, count(paths, "/bin/sh"));
	for (size_t i = 0; i < json_object_array_length(paths); i++) {
		json *j = json_object_array_get_idx(paths, i);

		if (strcmp(path_of(j), "/bin/sh") == 0)
			EXPECT_TRUE(json_object_is_type(j, json_type_string));
	}
}

TEST_HARNESS_MAIN
