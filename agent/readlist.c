// SPDX-License-Identifier: GPL-2.0-or-later

#include "readlist.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What the kernel takes of one call at least: a device's read_ahead_kb, unless somebody has lowered it. */
#define STEP ((int64_t)128 * 1024)

/* A list that has been damaged is not to keep a host busy. */
#define LINES_MAX 16384

/* The file that the last line was about. */
struct at {
	char path[PATH_MAX];
	int fd;
	int64_t size;
	int64_t left; /* of READLIST_FILE_MAX */
};

static void go_to(struct at *a, const char *path)
{
	struct stat st;

	if (strcmp(a->path, path) == 0)
		return;
	if (a->fd >= 0)
		close(a->fd);
	snprintf(a->path, sizeof(a->path), "%s", path);
	a->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (a->fd >= 0 && (fstat(a->fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(a->fd);
		a->fd = -1;
	}
	a->size = a->fd >= 0 ? st.st_size : 0;
	a->left = READLIST_FILE_MAX;
}

static void read_range(struct at *a, int64_t from, int64_t size)
{
	if (from < 0 || size <= 0 || from >= a->size)
		return;
	if (size > a->size - from)
		size = a->size - from;
	if (size > a->left)
		size = a->left;
	a->left -= size;
	for (int64_t end = from + size; from < end; from += STEP)
		if (readahead(a->fd, from, (size_t)(end - from < STEP ? end - from : STEP)) < 0)
			return;
}

void readlist_read(const char *path)
{
	FILE *f = fopen(path, "re");
	struct at a = { .fd = -1 };
	char line[PATH_MAX + 64];

	for (int i = 0; f && i < LINES_MAX && fgets(line, sizeof(line), f); i++) {
		int64_t from, size;
		int name = 0;

		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%" SCNd64 " %" SCNd64 " %n", &from, &size, &name) != 2 ||
		    line[name] != '/')
			continue;
		go_to(&a, line + name);
		read_range(&a, from, size);
	}
	if (a.fd >= 0)
		close(a.fd);
	if (f)
		fclose(f);
}
