// SPDX-License-Identifier: GPL-2.0-or-later

#include "readahead.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fileargs.h"
#include "log.h"
#include "loop.h"
#include "pagemap.h"
#include "readlist.h"

#define MAPS_MAX ((size_t)4 * 1024 * 1024)

/* Files of one QEMU have been 60; some hosts have a few QEMUs. */
#define PATHS_MAX 1024

/* Pages between two used ones are read with them, up to so many bytes: one long read costs less than two. */
#define GAP ((int64_t)64 * 1024)

/* Of one file: QEMU itself has had 30. */
#define RANGES_MAX 128

/* Where files end that can be meant. */
#define OFFSET_MAX ((uint64_t)1 << 40)

static char *list_path;

void readahead_setup(const char *state_dir)
{
	free(list_path);
	list_path = xasprintf("%s/" READLIST_NAME, state_dir);
}

/* The entry of @path: its name alone, for all of it, or {path, ranges}, pairs of offset and size in bytes. */
static json *find(json *paths, const char *path)
{
	for (size_t i = 0; i < json_object_array_length(paths); i++) {
		json *j = json_object_array_get_idx(paths, i);
		const char *its = json_object_is_type(j, json_type_string)
					  ? json_object_get_string(j)
					  : json_str(j, "path");

		if (its && strcmp(its, path) == 0)
			return j;
	}
	return NULL;
}

static void note(json *paths, const char *path)
{
	if (path && path[0] == '/' && json_object_array_length(paths) < PATHS_MAX &&
	    !find(paths, path))
		json_object_array_add(paths, json_object_new_string(path));
}

/* What is there already and near it is widened; with RANGES_MAX of them, the last in any case. */
static void add_range(json *ranges, int64_t from, int64_t end)
{
	size_t n = json_object_array_length(ranges);

	for (size_t i = 0; i < n; i += 2) {
		json *its_from = json_object_array_get_idx(ranges, i);
		json *its_size = json_object_array_get_idx(ranges, i + 1);
		int64_t a = json_object_get_int64(its_from);
		int64_t b = a + json_object_get_int64(its_size);

		if ((from > b + GAP || end < a - GAP) && i + 2 < 2 * (size_t)RANGES_MAX)
			continue;
		json_object_set_int64(its_from, from < a ? from : a);
		json_object_set_int64(its_size, (end > b ? end : b) - (from < a ? from : a));
		return;
	}
	json_object_array_add(ranges, json_object_new_int64(from));
	json_object_array_add(ranges, json_object_new_int64(end - from));
}

/* A mapped file: what of it is in use, or all of it where the kernel does not tell. */
static void note_used(json *paths, const char *path, int pagemap, uint64_t start, uint64_t end,
		      uint64_t offset)
{
	json *entry = find(paths, path), *ranges = json_get(entry, "ranges", json_type_array);
	uint64_t at = start;
	int64_t size;

	if (entry && !ranges)
		return;
	while ((size = pagemap_next_present(pagemap, &at, end)) > 0) {
		if (!ranges) {
			if (json_object_array_length(paths) == PATHS_MAX)
				return;
			entry = qmp_args("path", path, NULL);
			ranges = json_object_new_array();
			json_object_object_add(entry, "ranges", ranges);
			json_object_array_add(paths, entry);
		}
		add_range(ranges, (int64_t)(offset + (at - start)),
			  (int64_t)(offset + (at - start)) + size);
		at += (uint64_t)size;
	}
	if (size < 0)
		note(paths, path);
}

/* "7f00-7f01 r-xp 00000000 08:01 42      /usr/lib/libc.so.6" */
static void note_mapped(json *paths, const char *line, int pagemap)
{
	const char *path = strchr(line, '/');
	uint64_t start, end, offset;

	/* A memfd, a device, or one whose place another has taken. */
	if (path && strncmp(path, "/dev/", 5) != 0 && !strstr(path, " (deleted)") &&
	    sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %" SCNx64, &start, &end, &offset) == 3 &&
	    start < end && end - start < OFFSET_MAX && offset < OFFSET_MAX)
		note_used(paths, path, pagemap, start, end, offset);
}

static void note_process(pid_t pid, json *paths)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/maps", pid), *maps = NULL;
	_cleanup_close_ int pagemap = pagemap_open(pid);

	if (read_file(path, MAPS_MAX, &maps, NULL) < 0)
		return;
	for (char *at = maps, *line; (line = strsep(&at, "\n"));)
		note_mapped(paths, line, pagemap);
}

/* What @g runs: its name, or "" if the file has gone since. */
static void program(const struct guest *g, char *ret, size_t size)
{
	_cleanup_free_ char *link = xasprintf("/proc/%d/exe", g->pid);
	ssize_t n = readlink(link, ret, size - 1);

	ret[n > 0 ? n : 0] = '\0';
	if (strstr(ret, " (deleted)"))
		ret[0] = '\0';
}

static void note_program(const struct guest *g, json *paths)
{
	char exe[PATH_MAX];
	struct stat a, b;

	program(g, exe, sizeof(exe));
	/* The first guest of a program stands for all: what another uses besides is read when it comes to it. */
	if (!find(paths, exe[0] ? exe : g->argv.v[0]))
		note_process(g->pid, paths);
	/* The host has another one by now, of which nothing is known. */
	if (!exe[0] || stat(exe, &a) < 0 || stat(g->argv.v[0], &b) < 0 || a.st_dev != b.st_dev ||
	    a.st_ino != b.st_ino)
		note(paths, g->argv.v[0]);
}

void readahead_note_self(json *paths)
{
	note_process(getpid(), paths);
}

void readahead_note(const struct guest *g, json *paths)
{
	_cleanup_json_ json *named = fileargs_parse(&g->argv);

	note_program(g, paths);
	for (size_t i = 0; i < json_object_array_length(named); i++) {
		json *j = json_object_array_get_idx(named, i);

		if (!json_flag(j, "output") && (!json_flag(j, "image") || json_flag(j, "readonly")))
			note(paths, json_str(j, "path"));
	}
}

/* One that a line could not name is left out. */
static void write_line(FILE *f, int64_t from, int64_t size, const char *path)
{
	if (path[0] == '/' && !strchr(path, '\n'))
		fprintf(f, "%" PRId64 " %" PRId64 " %s\n", from, size, path);
}

static void write_entry(FILE *f, json *entry)
{
	json *ranges = json_get(entry, "ranges", json_type_array);
	struct stat st;

	if (!ranges) {
		const char *path = json_object_get_string(entry);

		if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size <= READLIST_FILE_MAX)
			write_line(f, 0, st.st_size, path);
		return;
	}
	for (size_t i = 0; i + 1 < json_object_array_length(ranges); i += 2)
		write_line(f, json_object_get_int64(json_object_array_get_idx(ranges, i)),
			   json_object_get_int64(json_object_array_get_idx(ranges, i + 1)),
			   json_str(entry, "path"));
}

int readahead_save(json *paths)
{
	_cleanup_free_ char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return -errno;
	for (size_t i = 0; i < json_object_array_length(paths); i++)
		write_entry(f, json_object_array_get_idx(paths, i));
	if (fclose(f) != 0)
		return -ENOMEM;
	return write_file_atomic(list_path, text, len);
}

static int read_thread(void *arg)
{
	(void)arg;
	readlist_read(list_path);
	return 0;
}

static void read_task(void *arg)
{
	int r = task_blocking(read_thread, arg);

	if (r < 0)
		log_warn("nothing is read ahead, guests start later: %s", strerror(-r));
}

void readahead_start(void)
{
	task_start(read_task, NULL);
}
