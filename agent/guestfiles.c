// SPDX-License-Identifier: GPL-2.0-or-later

#include "guestfiles.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "log.h"

/* More than a QEMU says that is well; less than hurts, from each of a hundred guests. */
#define LOG_MAX (1024L * 1024)
#define LOG_TAIL (256L * 1024)

static char *guests_dir;
static char *logs_dir;

void guest_setup(const char *run_dir, const char *log_dir)
{
	guests_dir = xasprintf("%s/guests", run_dir);
	logs_dir = xstrdup(log_dir);
}

static char *file_of(const char *name, const char *file)
{
	return xasprintf("%s/%s/%s", guests_dir, name, file);
}

static char *log_of(const struct guest *g)
{
	return xasprintf("%s/%s.log", logs_dir, g->name);
}

char *guestfiles_qmp(const char *name)
{
	return file_of(name, "qmp.sock");
}

int guestfiles_make(const struct guest *g, int *ret_log, off_t *log_start, struct err *e)
{
	_cleanup_free_ char *dir = xasprintf("%s/%s", guests_dir, g->name);
	_cleanup_free_ char *log = log_of(g);
	struct stat st;
	int r = mkdir_parents(dir, 0700);

	if (r < 0)
		return err_set(e, r, "%s: %s", dir, strerror(-r));
	*ret_log = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (*ret_log < 0 || fstat(*ret_log, &st) < 0)
		return err_set(e, -errno, "%s: %s", log, strerror(errno));
	*log_start = st.st_size;
	return 0;
}

int guestfiles_save(const char *name, json *state)
{
	_cleanup_free_ char *path = file_of(name, "state.json");
	const char *text = json_object_to_json_string_ext(state, JSON_C_TO_STRING_PRETTY);
	int r = write_file_atomic(path, text, strlen(text));

	if (r < 0)
		log_error("%s: a restarted agent will not find it: %s: %s", name, path,
			  strerror(-r));
	return r;
}

json *guestfiles_load(const char *name)
{
	_cleanup_free_ char *path = file_of(name, "state.json");
	_cleanup_free_ char *text = NULL;
	json *state;

	if (!guest_name_valid(name) || read_file(path, HANDOVER_PAYLOAD_MAX, &text, NULL) < 0)
		return NULL;
	state = json_tokener_parse(text);
	/* Whose directory it is says whose it is, not what is in it. */
	if (!json_str(state, "name") || strcmp(json_str(state, "name"), name) != 0) {
		json_object_put(state);
		return NULL;
	}
	return state;
}

void guestfiles_list(struct strv *names)
{
	DIR *d = opendir(guests_dir);
	struct dirent *de;

	if (!d)
		return;
	while ((de = readdir(d)))
		if (guest_name_valid(de->d_name))
			strv_add(names, de->d_name);
	closedir(d);
}

void guestfiles_forget(const char *name)
{
	static const char *const files[] = { "qmp.sock", "state.json", "state.json.new" };
	_cleanup_free_ char *dir = xasprintf("%s/%s", guests_dir, name);

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		_cleanup_free_ char *path = file_of(name, files[i]);

		unlink(path);
	}
	rmdir(dir);
}

void guestfiles_remove(const struct guest *g)
{
	guestfiles_forget(g->name);
}

static int copy_end(int from, off_t size, const char *to)
{
	_cleanup_free_ char *tail = xmalloc0(LOG_TAIL);
	ssize_t n = pread(from, tail, LOG_TAIL, size - LOG_TAIL);

	return n < 0 ? -errno : write_file_atomic(to, tail, (size_t)n);
}

void guestfiles_bound_log(const struct guest *g)
{
	_cleanup_free_ char *path = log_of(g), *old = xasprintf("%s.old", path);
	_cleanup_close_ int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size <= LOG_MAX)
		return;
	r = copy_end(fd, st.st_size, old);
	/* QEMU appends: what it writes next is at the beginning. Also when there is no room for the copy. */
	if (ftruncate(fd, 0) < 0)
		r = -errno;
	if (r < 0)
		log_warn("%s: its QEMU's log, %s: %s", g->name, path, strerror(-r));
	else
		log_warn("%s: its QEMU has written %lld KiB into its log: the end of that is in %s",
			 g->name, (long long)(st.st_size / 1024), old);
}

off_t guestfiles_log_end(const struct guest *g)
{
	_cleanup_free_ char *path = log_of(g);
	struct stat st;

	return stat(path, &st) < 0 ? 0 : st.st_size;
}

void guestfiles_last_words(const struct guest *g, off_t log_start, struct err *e)
{
	_cleanup_free_ char *path = log_of(g);
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	char line[1024];

	if (fd >= 0 && read_last_line(fd, log_start, line, sizeof(line)))
		err_set(e, 0, "QEMU ended: %.300s (all of it in %s)", line, path);
}
