// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 * -------------------
 * Two lists of files: the images that QEMU says it has open, which are compared with what
 * it has open in fact; and what its command line names, some of which it reads only
 * at its start. All of them must be there when the guest comes back, and open to the user it
 * runs as. A file system may hang, so that all of this is done on a thread.
 */

#include "checkfiles.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/major.h>
#include <mntent.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "fileargs.h"
#include "findings.h"
#include "guestargs.h"
#include "mountinfo.h"
#include "optargs.h"
#include "useraccess.h"

#define OPEN_MAX 4096

struct looking {
	json *all;
	const struct guest *g;
	json *nodes, *drives;
	struct stat open[OPEN_MAX]; /* what QEMU has open */
	size_t n_open;
	json *said;
	const char *user;	  /* whom its QEMU runs as, or NULL: as us */
	bool from_start;	  /* it is that user already when it opens its files */
	struct access_want *want; /* what its user must be able to open, */
	struct strv want_names;	  /* and what that is called */
};

static json *item(json *array, size_t i)
{
	return i < json_object_array_length(array) ? json_object_array_get_idx(array, i) : NULL;
}

/* --- where a file lies --- */

struct mount {
	char *table;  /* all mounts */
	char *device; /* "8:1", of the file system */
	char *point;
	char *upper; /* of an overlay: where what is written goes */
};

static void mount_free(struct mount *m)
{
	free(m->table);
	free(m->device);
	free(m->point);
	free(m->upper);
}

/* Return: Whether the mount that @path is in was found. */
static bool find_mount(const char *path, struct mount *m)
{
	struct statx sx;

	if (statx(AT_FDCWD, path, 0, STATX_MNT_ID, &sx) < 0 || !(sx.stx_mask & STATX_MNT_ID) ||
	    read_file("/proc/self/mountinfo", MOUNTINFO_MAX, &m->table, NULL) < 0)
		return false;
	for (const char *p = m->table; *p; p += strcspn(p, "\n"), p += *p == '\n') {
		const char *upper, *end = p + strcspn(p, "\n");

		if (strtoull(p, NULL, 10) != sx.stx_mnt_id)
			continue;
		m->device = mountinfo_field(p, MOUNTINFO_DEVICE);
		m->point = mountinfo_field(p, MOUNTINFO_POINT);
		upper = strstr(p, "upperdir=");
		if (upper && upper < end) {
			upper += strlen("upperdir=");
			m->upper = strndup(upper, strcspn(upper, ", \n"));
			mountinfo_unescape(m->upper);
		}
		return true;
	}
	return false;
}

static bool in_memory(const char *path)
{
	struct statfs sf;

	return statfs(path, &sf) == 0 && (sf.f_type == TMPFS_MAGIC || sf.f_type == RAMFS_MAGIC);
}

static bool in_fstab(const char *point)
{
	FILE *f = setmntent("/etc/fstab", "re");
	struct mntent m;
	char buf[4096];
	bool ret = strcmp(point, "/") == 0;

	while (f && !ret && getmntent_r(f, &m, buf, sizeof(buf)))
		ret = strcmp(m.mnt_dir, point) == 0;
	if (f)
		endmntent(f);
	return ret;
}

/*
 * The same file system may be mounted in several places, some of them for this service
 * only (ProtectSystem= and others of systemd.exec(5)). One that the host mounts suffices.
 */
static bool mounted_at_boot(const struct mount *m)
{
	bool ret = false;

	for (const char *p = m->table; *p && !ret; p += strcspn(p, "\n"), p += *p == '\n') {
		_cleanup_free_ char *device = mountinfo_field(p, MOUNTINFO_DEVICE);
		_cleanup_free_ char *point = mountinfo_field(p, MOUNTINFO_POINT);

		ret = strcmp(device, m->device) == 0 && in_fstab(point);
	}
	return ret;
}

/* Paths of files, and of mounts, are each spoken of once. */
static bool said_before(struct looking *l, const char *path)
{
	if (json_object_object_get_ex(l->said, path, NULL))
		return true;
	json_set_str(l->said, path, "");
	return false;
}

/* A file that is there: whether it will be afterwards. */
static void check_place(struct looking *l, const char *name, const char *path, bool image,
			const struct stat *st)
{
	struct mount m __attribute__((cleanup(mount_free))) = { 0 };
	_cleanup_free_ char *what = NULL;

	if (S_ISBLK(st->st_mode)) {
		if (major(st->st_rdev) != LOOP_MAJOR && major(st->st_rdev) != NBD_MAJOR)
			return;
		what = xasprintf("%s is a device that somebody has set up (%s)", name,
				 major(st->st_rdev) == LOOP_MAJOR ? "losetup" : "nbd-client");
		found(l->all, NOTE, l->g->name, what,
		      "it is gone after the jump, and the guest cannot come back without it",
		      "see that it is set up at boot, before vmkeepd starts");
		return;
	}
	if (S_ISCHR(st->st_mode) || !find_mount(path, &m))
		return;
	if (in_memory(path) && strcmp(m.point, "/") == 0 && !image) {
		what = xasprintf("%s is on the root file system, which is in memory", name);
		found(l->all, NOTE, l->g->name, what,
		      "it is there after the jump only if the next kernel's initrd has it too",
		      "see that it is in the initrd");
	} else if (in_memory(path)) {
		what = xasprintf("%s is on %s, a file system in memory", name, m.point);
		found(l->all, BLOCKED, l->g->name, what, "it is gone after the jump",
		      image ? "stop the guest, and move its image to a disk"
			    : "copy it to a disk, and start the guest anew with that");
	} else if (m.upper && in_memory(m.upper)) {
		what = xasprintf("%s is on %s, an overlay whose changes are kept in memory", name,
				 m.point);
		found(l->all, NOTE, l->g->name, what,
		      "what was changed in it since the host's boot is gone after the jump",
		      "move it to a disk");
	} else if (!mounted_at_boot(&m) && !said_before(l, m.point)) {
		what = xasprintf("%s is on %s, which is not in /etc/fstab", name, m.point);
		found(l->all, NOTE, l->g->name, what,
		      "the guest cannot come back before that is mounted",
		      "see that it is mounted at boot, before vmkeepd starts");
	}
}

/* --- what QEMU has open --- */

static bool same_file(const struct stat *a, const struct stat *b)
{
	/* Device nodes are made anew, under another number. */
	if (S_ISBLK(a->st_mode))
		return S_ISBLK(b->st_mode) && a->st_rdev == b->st_rdev;
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static void list_open(struct looking *l)
{
	_cleanup_free_ char *dir = xasprintf("/proc/%d/fd", l->g->pid);
	DIR *d = opendir(dir);
	struct dirent *de;

	while (d && l->n_open < OPEN_MAX && (de = readdir(d))) {
		struct stat *st = &l->open[l->n_open];

		if (fstatat(dirfd(d), de->d_name, st, 0) == 0 &&
		    (S_ISREG(st->st_mode) || S_ISBLK(st->st_mode)))
			l->n_open++;
	}
	if (d)
		closedir(d);
}

/* Also when it could not be looked up, or there was too much. */
static bool has_open(const struct looking *l, const struct stat *st)
{
	for (size_t i = 0; i < l->n_open; i++)
		if (same_file(&l->open[i], st))
			return true;
	return !l->n_open || l->n_open == OPEN_MAX;
}

/* --- whom QEMU runs as --- */

static void want(struct looking *l, const char *name, const char *path, int mode)
{
	size_t n = l->want_names.n;
	struct access_want *w = realloc(l->want, (n + 1) * sizeof(*w));

	if (!w)
		abort();
	w[n] = (struct access_want){ .path = xstrdup(path), .mode = mode };
	l->want = w;
	strv_add(&l->want_names, name);
}

/*
 * A QEMU that gives up being root by itself (-run-with user=) has its files open by then. But
 * images that it writes it opens again when it gets its guest's state, and then it is that user.
 */
static char *becomes(const struct strv *argv)
{
	const char *name, *value, *user;
	char *ret = NULL;
	size_t at = 1;

	while (guestargs_next(argv, &at, &name, &value)) {
		_cleanup_json_ json *j = NULL;

		if (!value)
			continue;
		if (strcmp(name, "run-with") == 0)
			j = optargs_parse(value, NULL);
		user = strcmp(name, "runas") == 0 ? value : json_str(j, "user");
		if (user) {
			free(ret);
			ret = xstrdup(user);
		}
	}
	return ret;
}

static void may_not(struct looking *l, const char *name, const struct access_want *w)
{
	_cleanup_free_ char *what = xasprintf("%s: user %s may not open it%s: %s", name, l->user,
					      w->mode & W_OK ? " for writing" : "",
					      strerror(w->error));

	found(l->all, BLOCKED, l->g->name, what,
	      "the QEMU that brings the guest back could not open it",
	      "let that user open it (chown, chmod; also the directories above it), or stop the guest");
}

static void check_user(struct looking *l)
{
	_cleanup_free_ char *what = NULL;
	int r;

	if (!l->user || !l->want_names.n)
		return;
	r = user_access(l->user, l->want, l->want_names.n);
	if (r == -ENOENT) {
		what = xasprintf("it runs as %s, and there is no such user", l->user);
		found(l->all, BLOCKED, l->g->name, what,
		      "the QEMU that brings the guest back could not be started",
		      "make that user again, or stop the guest");
	} else if (r < 0) {
		what = xasprintf("cannot find out what user %s may open: %s", l->user,
				 strerror(-r));
		found(l->all, UNKNOWN, l->g->name, what,
		      "whether the QEMU that brings the guest back may open its files is not known",
		      "try again");
	}
	for (size_t i = 0; !r && i < l->want_names.n; i++)
		if (l->want[i].error)
			may_not(l, l->want_names.v[i], &l->want[i]);
}

/* --- one file --- */

static char *absolute(const struct looking *l, const char *path)
{
	return *path == '/' || !l->g->cwd ? xstrdup(path) : xasprintf("%s/%s", l->g->cwd, path);
}

static void not_there(struct looking *l, const char *name, int error)
{
	_cleanup_free_ char *what = xasprintf("%s: %s", name, strerror(error));

	found(l->all, BLOCKED, l->g->name, what,
	      "the QEMU that brings the guest back could not open it",
	      "put it where it was, or stop the guest");
}

/*
 * Firmware in flash was read at the start, and is in the guest's state since. A package
 * that was upgraded meanwhile does no harm if its file has the same length.
 */
static bool is_flash(const struct looking *l, const char *file)
{
	json *d;

	for (size_t i = 0; (d = item(l->drives, i)); i++) {
		const char *name = json_str(d, "device"), *qdev = json_str(d, "qdev");
		const char *has = json_str(json_get(d, "inserted", json_type_object), "file");

		if (has && strcmp(has, file) == 0 &&
		    ((name && strncmp(name, "pflash", 6) == 0) || (qdev && strstr(qdev, "flash"))))
			return true;
	}
	return false;
}

static void replaced(struct looking *l, const char *name, json *node, const struct stat *st)
{
	json *image = json_get(node, "image", json_type_object);
	_cleanup_free_ char *what = xasprintf(
		"%s is another file than the one that its QEMU has open", name);

	if (json_flag(node, "ro") && is_flash(l, json_str(node, "file")) &&
	    json_int(image, "virtual-size", -1) == (int64_t)st->st_size)
		found(l->all, NOTE, l->g->name, what,
		      "it is firmware: the guest keeps what it has until it is started anew", "");
	else
		found(l->all, BLOCKED, l->g->name, what,
		      "the QEMU that brings the guest back would open this one: the guest would see another disk",
		      "put back the file that the guest was started with, or stop the guest");
}

static void check_image(struct looking *l, json *node)
{
	const char *drv = json_str(node, "drv"), *file = json_str(node, "file");
	const char *given = file ? fileargs_path(file) : NULL;
	_cleanup_free_ char *path = NULL, *name = NULL;
	struct stat st;

	/* The drivers that open a path; the others are above one of these, or not local. */
	if (!given || !drv ||
	    (strcmp(drv, "file") != 0 && strcmp(drv, "host_device") != 0 &&
	     strcmp(drv, "host_cdrom") != 0))
		return;
	path = absolute(l, given);
	if (said_before(l, path))
		return;
	name = xasprintf("image %s", path);
	if (stat(path, &st) < 0) {
		not_there(l, name, errno);
		return;
	}
	if (!has_open(l, &st))
		replaced(l, name, node, &st);
	if (l->from_start || !json_flag(node, "ro"))
		want(l, name, path, json_flag(node, "ro") ? R_OK : R_OK | W_OK);
	check_place(l, name, path, true, &st);
}

/* Made if it is not there: then its directory counts. */
static void check_output(struct looking *l, const char *name, const char *path)
{
	_cleanup_free_ char *dir = xstrdup(path);
	char *slash = strrchr(dir, '/');

	if (access(path, F_OK) == 0) {
		if (l->from_start)
			want(l, name, path, W_OK);
		return;
	}
	if (slash)
		slash[slash == dir] = '\0';
	if (access(dir, F_OK) < 0)
		not_there(l, name, errno);
	else if (l->from_start)
		want(l, name, dir, W_OK | X_OK);
}

static void check_named(struct looking *l, json *arg)
{
	_cleanup_free_ char *path = absolute(l, json_str(arg, "path")), *name = NULL;
	const char *option = json_str(arg, "option");
	struct stat st;

	if (said_before(l, path))
		return;
	name = xasprintf("-%s %s", option, path);
	if (json_flag(arg, "output")) {
		check_output(l, name, path);
	} else if (stat(path, &st) == 0) {
		check_place(l, name, path, json_flag(arg, "image"), &st);
		if (l->from_start)
			want(l, name, path, S_ISDIR(st.st_mode) ? R_OK | X_OK : R_OK);
	}
	/* QEMU has looked for it elsewhere; or these are several, for a multiboot kernel. */
	else if (!json_flag(arg, "searched") &&
		 !(strcmp(option, "initrd") == 0 && strpbrk(path, ", ")))
		not_there(l, name, errno);
}

static int look(void *arg)
{
	struct looking *l = arg;
	_cleanup_json_ json *named = fileargs_parse(&l->g->argv);
	_cleanup_free_ char *later = becomes(&l->g->argv);
	json *j;

	l->from_start = l->g->user;
	l->user = l->g->user ? l->g->user : later;
	list_open(l);
	for (size_t i = 0; (j = item(l->nodes, i)); i++)
		check_image(l, j);
	for (size_t i = 0; (j = item(named, i)); i++)
		check_named(l, j);
	check_user(l);
	return 0;
}

void check_files(json *all, const struct guest *g, json *nodes, json *drives)
{
	struct looking *l = xmalloc0(sizeof(*l));

	l->all = all;
	l->g = g;
	l->nodes = nodes;
	l->drives = drives;
	l->said = json_object_new_object();
	if (task_blocking(look, l) < 0)
		found(all, UNKNOWN, g->name, "there was no thread to look at its files with",
		      "whether they will be there after the jump is not known", "try again");
	for (size_t i = 0; i < l->want_names.n; i++)
		free(l->want[i].path);
	free(l->want);
	strv_free(&l->want_names);
	json_object_put(l->said);
	free(l);
}
