// SPDX-License-Identifier: GPL-2.0-or-later

#include "aside.h"

#include <stdio.h>
#include <sys/stat.h>

#include "charargs.h"
#include "guestargs.h"
#include "log.h"

#define SUFFIX ".vmkeep-old"

static bool is_kind(const char *path, mode_t kind)
{
	struct stat st;

	return lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

void aside_list(const struct strv *argv, const char *cwd, struct strv *paths)
{
	_cleanup_strv_ struct strv made = { 0 };
	const char *name, *value;
	size_t at = 1;

	charargs_made(argv, &made);
	for (size_t i = 0; i < made.n; i++) {
		_cleanup_free_ char *path = path_absolute(made.v[i], cwd);

		if (is_kind(path, S_IFSOCK))
			strv_add(paths, path);
	}
	/* The one file that QEMU keeps locked. */
	while (guestargs_next(argv, &at, &name, &value)) {
		_cleanup_free_ char *path = value && strcmp(name, "pidfile") == 0
						    ? path_absolute(value, cwd)
						    : NULL;

		if (path && is_kind(path, S_IFREG))
			strv_add(paths, path);
	}
}

int aside_move(const struct strv *paths, struct err *e)
{
	aside_drop(paths); /* of a host that has lost power, say */
	for (size_t i = 0; i < paths->n; i++) {
		_cleanup_free_ char *to = xasprintf("%s" SUFFIX, paths->v[i]);

		if (rename(paths->v[i], to) < 0) {
			int r = err_set(e, -errno, "%s cannot be moved aside: %s", paths->v[i],
					strerror(errno));

			aside_back(paths);
			return r;
		}
	}
	return 0;
}

void aside_back(const struct strv *paths)
{
	for (size_t i = 0; i < paths->n; i++) {
		_cleanup_free_ char *from = xasprintf("%s" SUFFIX, paths->v[i]);

		if (rename(from, paths->v[i]) < 0 && errno != ENOENT)
			log_warn("%s is left at %s: %s", paths->v[i], from, strerror(errno));
	}
}

void aside_drop(const struct strv *paths)
{
	for (size_t i = 0; i < paths->n; i++) {
		_cleanup_free_ char *old = xasprintf("%s" SUFFIX, paths->v[i]);

		unlink(old);
	}
}
