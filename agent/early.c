// SPDX-License-Identifier: GPL-2.0-or-later

#include "early.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "charargs.h"
#include "cmdline.h"
#include "fileargs.h"
#include "guestplaces.h"
#include "kexec.h"
#include "loop.h"
#include "mountinfo.h"
#include "net.h"
#include "spawn.h"
#include "useraccess.h"

static const char *own_dirs[2];
static bool standard_dirs;
static const char *mount_table;

#define DEFAULT_INIT "/sbin/init"

void early_setup(const char *state_dir, const char *log_dir, bool standard, const char *mounts)
{
	mount_table = mounts;
	standard_dirs = standard;
	own_dirs[0] = state_dir;
	own_dirs[1] = log_dir;
}

/* What is looked at on a thread: a file system may hang. */
struct look {
	const char *argv0, *cwd;
	json *files;	  /* fileargs_parse() */
	struct strv made; /* charargs_made() */
	const char *user;
	pid_t pid; /* 0: after the jump, when it has to be usable, too */
	struct err *e;
};

/* Whether another mount than the one on "/" holds the canonical @path. */
static bool below_mount(const char *path)
{
	_cleanup_free_ char *table = NULL;
	char *at;

	if (read_file(mount_table, MOUNTINFO_MAX, &table, NULL) < 0)
		return true;
	at = table;
	for (char *line; (line = strsep(&at, "\n"));) {
		_cleanup_free_ char *point = mountinfo_field(line, MOUNTINFO_POINT);
		size_t len = strlen(point);

		if (len > 1 && strncmp(path, point, len) == 0 && (path[len] == '/' || !path[len]))
			return true;
	}
	return false;
}

/* A directory that is mounted on another has the file system of "/", too, and is not there so early. */
static int on_root(const char *path, const struct stat *st, struct err *e)
{
	_cleanup_free_ char *real = NULL;
	struct stat root;

	if (S_ISBLK(st->st_mode) || S_ISCHR(st->st_mode))
		return 0;
	real = realpath(path, NULL);
	if (!real || stat("/", &root) < 0 || st->st_dev != root.st_dev || below_mount(real))
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

/* Return: Whether both lines say the same of it. @needed: and say anything. */
static bool same_word(const char *a, const char *b, const char *name, bool needed, struct err *e)
{
	_cleanup_free_ char *x = cmdline_value(a, name), *y = cmdline_value(b, name);

	if (x && y ? strcmp(x, y) == 0 : !x && !y && !needed)
		return true;
	err_set(e, -EINVAL,
		"the next kernel's root file system, %s=%s, is not this one's, %s=%s, which has " VMKEEP_INIT,
		name, x ? x : "(none)", name, y ? y : "(none)");
	return false;
}

/* Somebody sets the kernel's clock right by hours, later; guests would be told the wrong time. */
static int check_clock(struct err *e)
{
	_cleanup_free_ char *text = NULL;

	if (read_file("/etc/adjtime", 4096, &text, NULL) == 0 && strstr(text, "LOCAL"))
		return err_set(
			e, -EOPNOTSUPP,
			"the clock chip has local time (/etc/adjtime), which the host's init sets right");
	return 0;
}

int early_check_host(const char *cmdline, struct err *e)
{
	_cleanup_free_ char *init = cmdline_value(cmdline, CMDLINE_REAL_INIT), *running = NULL;
	struct stat st, own;
	int r = look_at(VMKEEP_INIT, X_OK, e);

	if (r < 0)
		return r;
	if (!standard_dirs)
		return err_set(
			e, -EINVAL,
			"vmkeepd has other directories than it has by itself, which an early one would not find");
	r = read_file("/proc/cmdline", KEXEC_CMDLINE_MAX, &running, NULL);
	if (r < 0)
		return err_set(e, r, "/proc/cmdline: %s", strerror(-r));
	running[strcspn(running, "\n")] = '\0';
	if (!same_word(cmdline, running, "root", true, e) ||
	    !same_word(cmdline, running, "rootflags", false, e))
		return -EINVAL;
	if (stat(init ? init : DEFAULT_INIT, &st) < 0 ||
	    access(init ? init : DEFAULT_INIT, X_OK) < 0)
		return err_set(e, -errno, "the host's init %s: %s", init ? init : DEFAULT_INIT,
			       strerror(errno));
	/* It would become itself, for ever. */
	if (stat(VMKEEP_INIT, &own) == 0 && st.st_dev == own.st_dev && st.st_ino == own.st_ino)
		return err_set(e, -EINVAL, "the host's init would be " VMKEEP_INIT " itself");
	return check_clock(e);
}

/* What QEMU makes: its directory is there, or is in memory and will be made (guestplaces.h). */
static int look_at_made(const struct look *l, const char *path)
{
	_cleanup_free_ char *dir = path_absolute(path, l->cwd);
	char *slash = strrchr(dir, '/');

	if (strncmp(dir, "/run/", 5) == 0 || strncmp(dir, "/dev/", 5) == 0)
		return 0;
	if (slash && slash != dir)
		*slash = '\0';
	return look_at(dir, X_OK, l->e);
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

/* Before udev has run, devices are root's alone. */
static int look_as_user(const struct look *l)
{
	struct access_want kvm = { .path = (char *)"/dev/kvm", .mode = R_OK | W_OK };
	int r = access(kvm.path, F_OK) == 0 ? user_access(l->user, &kvm, 1) : 0;

	if (!r && kvm.error)
		r = err_set(l->e, -kvm.error, "/dev/kvm: %s, as %s", strerror(kvm.error), l->user);
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
	for (size_t i = 0; !r && i < l->made.n; i++)
		r = look_at_made(l, l->made.v[i]);
	if (!r && l->user && !l->pid)
		r = look_as_user(l);
	return !r && l->pid ? look_at_open(l) : r;
}

static int look_at_all(const struct guest *g, pid_t pid, struct err *e)
{
	struct look l = { .argv0 = g->argv.v[0],
			  .cwd = g->cwd ? g->cwd : "/",
			  .files = fileargs_parse(&g->argv),
			  .user = g->user,
			  .pid = pid,
			  .e = e };
	int r;

	charargs_made(&g->argv, &l.made);
	r = task_blocking(look, &l);
	strv_free(&l.made);
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
