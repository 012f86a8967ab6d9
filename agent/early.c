// SPDX-License-Identifier: GPL-2.0-or-later

#include "early.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cmdline.h"
#include "fileargs.h"
#include "guestplaces.h"
#include "kexec.h"
#include "loop.h"
#include "net.h"
#include "spawn.h"

static const char *own_dirs[2];
static bool standard_dirs;

void early_setup(const char *state_dir, const char *log_dir, bool standard)
{
	standard_dirs = standard;
	own_dirs[0] = state_dir;
	own_dirs[1] = log_dir;
}

/* What is looked at on a thread: a file system may hang. */
struct look {
	const char *argv0, *cwd;
	json *files; /* fileargs_parse() */
	pid_t pid;   /* 0: after the jump, when it has to be usable, too */
	struct err *e;
};

static int on_root(const char *path, const struct stat *st, struct err *e)
{
	struct stat root;

	if (S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode))
		return 0;
	if (stat("/", &root) < 0 || st->st_dev != root.st_dev)
		return err_set(e, -EXDEV, "%s is not on the root file system", path);
	return 0;
}

/* @mode: of access(2). */
static int look_at(const char *path, int mode, struct err *e)
{
	struct stat st;

	if (stat(path, &st) < 0 || access(path, mode) < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	return on_root(path, &st, e);
}

int early_check_host(const char *cmdline, struct err *e)
{
	_cleanup_free_ char *init = cmdline_value(cmdline, CMDLINE_REAL_INIT);
	_cleanup_free_ char *root = cmdline_value(cmdline, "root"), *running = NULL, *had = NULL;
	int r = look_at(VMKEEP_INIT, X_OK, e);

	if (r < 0)
		return r;
	if (!standard_dirs)
		return err_set(
			e, -EINVAL,
			"vmkeepd has other directories than it has by itself, which an early one would not find");
	if (read_file("/proc/cmdline", KEXEC_CMDLINE_MAX, &running, NULL) == 0)
		had = cmdline_value(running, "root");
	if (!root || !had || strcmp(root, had) != 0)
		return err_set(
			e, -EINVAL,
			"the next kernel's root file system, root=%s, is not this one's, root=%s, which has " VMKEEP_INIT,
			root ? root : "(none)", had ? had : "(none)");
	/* Also when it has been forgotten in a line that was put together by hand. */
	if (!init || access(init, X_OK) < 0)
		return err_set(e, -ENOENT, "the host's init %s: %s", init ? init : "(none named)",
			       init ? strerror(errno) : "nothing would be started after it");
	return 0;
}

static int look_at_file(const struct look *l, json *j)
{
	_cleanup_free_ char *path = path_absolute(json_str(j, "path"), l->cwd);
	bool written = json_flag(j, "image") && !json_flag(j, "readonly");
	char *slash;

	/* QEMU's own, beside the program. */
	if (json_flag(j, "searched"))
		return 0;
	if (!json_flag(j, "output") || access(path, F_OK) == 0)
		return look_at(path, l->pid || !written ? R_OK : R_OK | W_OK, l->e);
	slash = strrchr(path, '/');
	if (slash && slash != path)
		*slash = '\0';
	return look_at(path, l->pid ? X_OK : W_OK | X_OK, l->e);
}

/* Images that images refer to are in no command line. */
static int look_at_open(const struct look *l)
{
	_cleanup_free_ char *dir = xasprintf("/proc/%d/fd", l->pid);
	DIR *d = opendir(dir);
	struct dirent *de;
	int r = 0;

	while (d && !r && (de = readdir(d))) {
		_cleanup_free_ char *path = xasprintf("%s/%s", dir, de->d_name);
		char name[512] = "";
		struct stat st;

		if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink &&
		    readlink(path, name, sizeof(name) - 1) > 0)
			r = on_root(name, &st, l->e);
	}
	if (d)
		closedir(d);
	return r;
}

static int look(void *arg)
{
	const struct look *l = arg;
	int r = look_at(l->argv0, X_OK, l->e);

	if (!r)
		r = look_at(l->cwd, X_OK, l->e);
	for (size_t i = 0; !r && i < ARRAY_SIZE(own_dirs) && own_dirs[i]; i++)
		r = look_at(own_dirs[i], l->pid ? X_OK : W_OK | X_OK, l->e);
	for (size_t i = 0; !r && i < json_object_array_length(l->files); i++)
		r = look_at_file(l, json_object_array_get_idx(l->files, i));
	return !r && l->pid ? look_at_open(l) : r;
}

static int look_at_all(const struct guest *g, pid_t pid, struct err *e)
{
	struct look l = { .argv0 = g->argv.v[0],
			  .cwd = g->cwd ? g->cwd : "/",
			  .files = fileargs_parse(&g->argv),
			  .pid = pid,
			  .e = e };
	int r = task_blocking(look, &l);

	json_object_put(l.files);
	return r;
}

int early_possible(struct guest *g, struct err *e)
{
	int r;

	guest_hold(g);
	r = g->pid ? look_at_all(g, g->pid, e) : err_set(e, -ESRCH, "it has no QEMU");
	guest_release(g);
	return r;
}

int early_ready(struct guest *g, struct err *e)
{
	int r = look_at_all(g, 0, e);

	if (!r && g->user)
		r = spawn_check_user(g->user, e);
	if (!r)
		r = guestplaces_wait(&g->argv, g->cwd, 0, e);
	if (!r && g->net)
		r = net_ready(g->net, e);
	return r;
}
