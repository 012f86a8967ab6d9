// SPDX-License-Identifier: GPL-2.0-or-later

#include "readahead.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "fileargs.h"
#include "log.h"
#include "loop.h"

#define MAPS_MAX ((size_t)4 * 1024 * 1024)

/* Files of one QEMU have been 60; some hosts have a few QEMUs. */
#define PATHS_MAX 1024

/* What is larger is an image of some kind. */
#define FILE_MAX ((off_t)128 * 1024 * 1024)

/* What the kernel takes of one call at least: a device's read_ahead_kb, unless somebody has lowered it. */
#define STEP ((off_t)128 * 1024)

/* Return: whether it is new. */
static bool note(json *paths, const char *path)
{
	if (!path || path[0] != '/' || json_object_array_length(paths) == PATHS_MAX)
		return false;
	for (size_t i = 0; i < json_object_array_length(paths); i++)
		if (strcmp(json_object_get_string(json_object_array_get_idx(paths, i)), path) == 0)
			return false;
	json_object_array_add(paths, json_object_new_string(path));
	return true;
}

/* "7f00-7f01 r-xp 00000000 08:01 42      /usr/lib/libc.so.6" */
static void note_mapped(json *paths, char *line)
{
	char *path = strchr(line, '/');

	/* A memfd, a device, or one whose place another has taken. */
	if (path && strncmp(path, "/dev/", 5) != 0 && !strstr(path, " (deleted)"))
		note(paths, path);
}

void readahead_note(const struct guest *g, json *paths)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/maps", g->pid), *maps = NULL;
	_cleanup_json_ json *named = fileargs_parse(&g->argv);

	/* A program's libraries are the same in each guest of it. */
	if (note(paths, g->argv.v[0]) && read_file(path, MAPS_MAX, &maps, NULL) == 0)
		for (char *at = maps, *line; (line = strsep(&at, "\n"));)
			note_mapped(paths, line);
	for (size_t i = 0; i < json_object_array_length(named); i++) {
		json *j = json_object_array_get_idx(named, i);

		if (!json_flag(j, "output") && (!json_flag(j, "image") || json_flag(j, "readonly")))
			note(paths, json_str(j, "path"));
	}
}

static void read_one(const char *path)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size > FILE_MAX)
		return;
	for (off_t at = 0; at < st.st_size; at += STEP)
		if (readahead(fd, at, (size_t)STEP) < 0)
			return;
}

static int read_thread(void *arg)
{
	json *paths = arg;

	for (size_t i = 0; i < json_object_array_length(paths) && i < PATHS_MAX; i++) {
		json *path = json_object_array_get_idx(paths, i);

		if (json_object_is_type(path, json_type_string))
			read_one(json_object_get_string(path));
	}
	return 0;
}

static void read_task(void *arg)
{
	json *paths = arg;
	int r = task_blocking(read_thread, paths);

	if (r < 0)
		log_warn("nothing is read ahead, guests start later: %s", strerror(-r));
	json_object_put(paths);
}

void readahead_start(json *paths)
{
	if (paths)
		task_start(read_task, json_object_get(paths));
}
