// SPDX-License-Identifier: GPL-2.0-or-later

#include "definitionfiles.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "log.h"

#define SUFFIX ".json"

static char *guests_dir;

void definitionfiles_setup(const char *config_dir)
{
	guests_dir = xasprintf("%s/guests", config_dir);
}

static char *path_of(const char *name)
{
	return xasprintf("%s/%s" SUFFIX, guests_dir, name);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void definitionfiles_list(struct strv *names)
{
	DIR *d = opendir(guests_dir);
	struct dirent *de;

	if (!d)
		return;
	while ((de = readdir(d))) {
		size_t len = strlen(de->d_name), suffix = strlen(SUFFIX);

		if (len <= suffix || strcmp(de->d_name + len - suffix, SUFFIX) != 0)
			continue;
		de->d_name[len - suffix] = '\0';
		if (!guest_name_valid(de->d_name))
			continue;
		if (names->n == DEFINITIONS_MAX) {
			log_error("%s: more than %d definitions: the others are not looked at",
				  guests_dir, DEFINITIONS_MAX);
			break;
		}
		strv_add(names, de->d_name);
	}
	closedir(d);
	if (names->n)
		qsort(names->v, names->n, sizeof(*names->v), by_name);
}

/* Only what nobody but us and root can have written; and nothing that reading could wait for. */
static int read_own_file(const char *path, char **ret, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	_cleanup_free_ char *text = NULL;
	struct stat st;
	ssize_t n;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, -errno, "%s",
			       errno == ELOOP ? "is a symbolic link" : strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, -EINVAL, "is no regular file");
	if ((st.st_uid && st.st_uid != geteuid()) || (st.st_mode & (S_IWGRP | S_IWOTH)))
		return err_set(e, -EPERM, "can be written by others than root");
	if ((uint64_t)st.st_size > DEFINITION_BYTES_MAX)
		return err_set(e, -EFBIG, "has more than %lu bytes", DEFINITION_BYTES_MAX);
	text = xmalloc0((size_t)st.st_size + 1);
	n = pread(fd, text, (size_t)st.st_size, 0);
	if (n < 0)
		return err_set(e, -errno, "%s", strerror(errno));
	text[n] = '\0';
	*ret = text;
	text = NULL;
	return 0;
}

/* People write these: where it stops making sense is worth telling. */
static int parse(const char *text, json **ret, struct err *e)
{
	struct json_tokener *tok = json_tokener_new();
	json *j = json_tokener_parse_ex(tok, text, (int)strlen(text) + 1);
	enum json_tokener_error error = json_tokener_get_error(tok);
	size_t end = json_tokener_get_parse_end(tok), line = 1;

	json_tokener_free(tok);
	for (size_t i = 0; i < end && text[i]; i++)
		line += text[i] == '\n';
	if (error == json_tokener_success && !text[end + strspn(text + end, " \t\r\n")]) {
		*ret = j;
		return 0;
	}
	json_object_put(j);
	return err_set(e, -EINVAL, "line %zu: %s", line,
		       error == json_tokener_success	? "more than one JSON object"
		       : error == json_tokener_continue ? "ends too early"
							: json_tokener_error_desc(error));
}

static int load(const char *path, const char *name, struct definition *ret, struct err *e)
{
	_cleanup_definition_ struct definition d = { 0 };
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ json *j = NULL;
	int r = read_own_file(path, &text, e);

	if (r < 0 || !text)
		return r;
	r = parse(text, &j, e);
	if (!r)
		r = definition_read(j, &d, e);
	if (r < 0)
		return r;
	/* Which file it is says whose it is. */
	if (!d.spec.name || strcmp(d.spec.name, name) != 0)
		return err_set(e, -EINVAL, "\"name\": must be %s, as the file's", name);
	*ret = d;
	d = (struct definition){ 0 };
	return 0;
}

int definitionfiles_load(const char *name, struct definition *ret, struct err *e)
{
	_cleanup_free_ char *path = NULL;
	int r = -ENOENT;

	if (guest_name_valid(name)) {
		path = path_of(name);
		r = load(path, name, ret, e);
	}
	if (r == -ENOENT)
		return err_set(e, r, "%.64s is not defined: `vmkeep define` does that", name);
	if (r < 0) {
		err_prefix(e, "%s", path);
		strncat(e->text, ": mend it, or give it up with `vmkeep undefine`",
			sizeof(e->text) - strlen(e->text) - 1);
	}
	return r;
}

static int sync_dir(void)
{
	_cleanup_close_ int fd = open(guests_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

int definitionfiles_save(json *definition, bool replace, struct err *e)
{
	const char *name = json_str(definition, "name");
	_cleanup_free_ char *text = xasprintf(
		"%s\n", json_object_to_json_string_ext(
				definition, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
						    JSON_C_TO_STRING_NOSLASHESCAPE));
	_cleanup_strv_ struct strv names = { 0 };
	_cleanup_free_ char *path = NULL;
	struct stat st;
	bool there;
	int r;

	if (!name || !guest_name_valid(name))
		return err_set(e, -EINVAL, "a definition needs a valid name");
	path = path_of(name);
	there = lstat(path, &st) == 0;
	if (there && !replace)
		return err_set(e, -EEXIST,
			       "%s is defined already: take --replace to define it anew", name);
	definitionfiles_list(&names);
	if (!there && names.n >= DEFINITIONS_MAX)
		return err_set(e, -ENOSPC, "%d guests are defined already: `vmkeep undefine` one",
			       DEFINITIONS_MAX);
	if (strlen(text) > DEFINITION_BYTES_MAX)
		return err_set(e, -EFBIG, "%s: its definition would have more than %lu bytes", name,
			       DEFINITION_BYTES_MAX);
	r = mkdir_parents(guests_dir, 0700);
	if (!r)
		r = write_file_atomic(path, text, strlen(text));
	if (!r)
		r = sync_dir();
	return r < 0 ? err_set(e, r, "%s: %s", path, strerror(-r)) : 0;
}

int definitionfiles_remove(const char *name, struct err *e)
{
	_cleanup_free_ char *path = NULL;

	if (guest_name_valid(name)) {
		path = path_of(name);
		if (unlink(path) == 0)
			return sync_dir();
		if (errno != ENOENT)
			return err_set(e, -errno, "%s: %s", path, strerror(errno));
	}
	return err_set(e, -ENOENT, "%.64s is not defined", name);
}
