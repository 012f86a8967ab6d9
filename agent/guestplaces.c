// SPDX-License-Identifier: GPL-2.0-or-later

#include "guestplaces.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "charargs.h"
#include "loop.h"

#define UNIX_MAX (16UL * 1024 * 1024)
/* A service that may not make set-group-ID files may not make such directories. */
#define MODE_BITS 01777

static bool in_memory(const char *path)
{
	struct statfs sf;

	return statfs(path, &sf) == 0 && (sf.f_type == TMPFS_MAGIC || sf.f_type == RAMFS_MAGIC);
}

static bool listed(json *all, const char *path)
{
	for (size_t i = 0; i < json_object_array_length(all); i++)
		if (strcmp(json_str(json_object_array_get_idx(all, i), "path"), path) == 0)
			return true;
	return false;
}

/* @path up to its last "/", and what is above that first. */
static void add_above(json *all, const char *path)
{
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *dir = NULL;
	struct stat st;
	json *j;

	if (!slash || slash == path)
		return;
	dir = strndup(path, (size_t)(slash - path));
	if (!in_memory(dir) || stat(dir, &st) < 0)
		return;
	add_above(all, dir);
	if (listed(all, dir))
		return;
	j = json_object_new_object();
	json_set_str(j, "path", dir);
	json_set_int(j, "mode", st.st_mode & MODE_BITS);
	json_set_int(j, "uid", st.st_uid);
	json_set_int(j, "gid", st.st_gid);
	json_object_array_add(all, j);
}

json *guestplaces_describe(const struct strv *argv, const char *cwd)
{
	_cleanup_strv_ struct strv paths = { 0 };
	json *all = json_object_new_array();

	charargs_made(argv, &paths);
	for (size_t i = 0; i < paths.n; i++) {
		_cleanup_free_ char *path = path_absolute(paths.v[i], cwd);

		add_above(all, path);
	}
	return all;
}

/*
 * The directory above may be a user's, who puts a link of his in place of ours: only the directory
 * that was made is given away. The owner last: the next call may not be ours to make afterwards.
 */
static int make_one(const char *path, json *j)
{
	_cleanup_close_ int fd = -EBADF;
	struct stat st;

	if (mkdir(path, 0700) < 0)
		return errno == EEXIST ? 0 : -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_uid != geteuid() || (st.st_mode & 07777) != 0700)
		return -ESTALE;
	if (fchmod(fd, (mode_t)json_int(j, "mode", 0700) & MODE_BITS) < 0 ||
	    fchown(fd, (uid_t)json_int(j, "uid", 0), (gid_t)json_int(j, "gid", 0)) < 0)
		return -errno;
	return 0;
}

void guestplaces_make(json *places, struct strv *remarks)
{
	for (size_t i = 0; places && i < json_object_array_length(places); i++) {
		json *j = json_object_array_get_idx(places, i);
		const char *path = json_str(j, "path");
		int r = path && *path == '/' ? make_one(path, j) : -EBADMSG;

		if (r < 0)
			strv_addf(remarks, "directory %s is not made again: %s",
				  path ? path : "(no name)", strerror(-r));
	}
}

/*
 * Whether somebody listens there, by proc_net_unix(5). A socket's file may be an earlier boot's; and who
 * connects only to see whether he can may end the other (swtpm --terminate).
 */
static bool listens(const char *path)
{
	_cleanup_free_ char *text = NULL;
	char *at, *line;

	if (read_file("/proc/net/unix", UNIX_MAX, &text, NULL) < 0)
		return access(path, F_OK) == 0;
	at = text;
	while ((line = strsep(&at, "\n"))) {
		/* Num RefCount Protocol Flags Type St Inode Path */
		const char *has = strchr(line, '/');

		if (has && strcmp(has, path) == 0 && strstr(line, " 00010000 "))
			return true;
	}
	return false;
}

int guestplaces_wait(const struct strv *argv, const char *cwd, int timeout_ms, struct err *e)
{
	_cleanup_strv_ struct strv paths = { 0 };
	int64_t deadline = now_ms() + timeout_ms;

	charargs_wanted(argv, &paths);
	for (size_t i = 0; i < paths.n; i++) {
		_cleanup_free_ char *path = path_absolute(paths.v[i], cwd);

		while (!listens(path)) {
			if (now_ms() >= deadline)
				return err_set(e, -ETIMEDOUT,
					       "nobody listens at %s, which its QEMU connects to",
					       path);
			task_sleep(20);
		}
	}
	return 0;
}
