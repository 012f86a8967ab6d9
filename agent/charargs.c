// SPDX-License-Identifier: GPL-2.0-or-later

#include "charargs.h"

#include "guestargs.h"
#include "optargs.h"

/* Options with the old form of a character device, "BACKEND:WHERE,…" (qemu_chr_parse_compat()). */
static const char *const old_form[] = {
	"serial", "parallel", "debugcon", "monitor", "qmp", "qmp-pretty", "gdb",
};

/* Of these, the ones whose device a guest writes to. */
#define WRITTEN_BY_GUEST 3

static bool has_old_form(const char *name, size_t of)
{
	for (size_t i = 0; i < of; i++)
		if (strcmp(name, old_form[i]) == 0)
			return true;
	return false;
}

/* "nowait" is "wait=off", "server" is "server=on". */
static void switches(json *j)
{
	static const char *const names[] = { "server", "wait" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_free_ char *no = xasprintf("no%s", names[i]);
		json *v;

		if (json_object_object_get_ex(j, no, &v)) {
			json_object_object_del(j, no);
			json_set_str(j, names[i], "off");
		}
	}
}

static json *parse_old(const char *value)
{
	static const struct {
		const char *prefix, *backend;
	} kinds[] = {
		{ "unix:", "socket" },	 { "tcp:", "socket" },	     { "telnet:", "socket" },
		{ "tn3270:", "socket" }, { "websocket:", "socket" }, { "pipe:", "pipe" },
	};
	json *j;

	if (strncmp(value, "mon:", 4) == 0)
		value += 4;
	/* Its path is all the rest, commas too. */
	if (strncmp(value, "file:", 5) == 0) {
		j = json_object_new_object();
		json_set_str(j, "backend", "file");
		json_set_str(j, "path", value + 5);
		return j;
	}
	if (strcmp(value, "pty") == 0 || strncmp(value, "pty,", 4) == 0) {
		j = json_object_new_object();
		json_set_str(j, "backend", "pty");
		return j;
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		size_t len = strlen(kinds[i].prefix);

		if (strncmp(value, kinds[i].prefix, len) != 0)
			continue;
		j = optargs_parse(value + len,
				  strcmp(kinds[i].prefix, "unix:") == 0 ? "path" : "at");
		json_set_str(j, "backend", kinds[i].backend);
		return j;
	}
	return NULL;
}

json *charargs_parse(const char *name, const char *value)
{
	json *j = NULL;

	if (!value)
		return NULL;
	if (strcmp(name, "chardev") == 0)
		j = optargs_parse(value, "backend");
	else if (has_old_form(name, ARRAY_SIZE(old_form)))
		j = parse_old(value);
	if (j)
		switches(j);
	return j;
}

static bool is(json *j, const char *key, const char *value)
{
	const char *has = json_str(j, key);

	return has && strcmp(has, value) == 0;
}

static bool is_on(json *j, const char *key)
{
	return is(j, key, "on") || is(j, key, "yes") || is(j, key, "true") || is(j, key, "y");
}

/* With every comma twice, as a value is written. */
static char *quoted(const char *s)
{
	char *ret = xmalloc0(2 * strlen(s) + 1), *to = ret;

	for (; *s; s++) {
		if (*s == ',')
			*to++ = ',';
		*to++ = *s;
	}
	return ret;
}

/* @value with what it lacks; of several the last counts. NULL: nothing. */
static char *again(const char *name, const char *value, json *j)
{
	bool chardev = strcmp(name, "chardev") == 0;
	const char *wait = "", *append = "", *log = "";

	if (is(j, "backend", "socket") && is_on(j, "server") && !is(j, "wait", "off"))
		wait = ",wait=off";
	if (chardev && is(j, "backend", "file"))
		append = ",append=on";
	if (json_str(j, "logfile") && (chardev || is(j, "backend", "socket")))
		log = ",logappend=on";
	if (!*wait && !*append && !*log)
		return NULL;
	return xasprintf("%s%s%s%s", value, wait, append, log);
}

void charargs_again(const struct strv *argv, struct strv *ret)
{
	const char *name, *value;
	size_t at = 1, done = 0;
	unsigned int files = 0;

	while (guestargs_next(argv, &at, &name, &value)) {
		_cleanup_json_ json *j = charargs_parse(name, value);
		_cleanup_free_ char *more = j ? again(name, value, j) : NULL;
		bool mon = value && strncmp(value, "mon:", 4) == 0;

		/* Up to the value, or if there is none, the option itself. */
		while (done < at - (value != NULL))
			strv_add(ret, argv->v[done++]);
		if (!value)
			continue;
		done++;
		/* The old form of a file cannot say that it is to be appended to. */
		if (j && !mon && is(j, "backend", "file") && has_old_form(name, WRITTEN_BY_GUEST)) {
			_cleanup_free_ char *path = quoted(json_str(j, "path"));

			strv_addf(ret, "chardev:vmkeep-file%u", files);
			strv_add(ret, "-chardev");
			strv_addf(ret, "file,id=vmkeep-file%u,path=%s,append=on", files++, path);
		} else {
			strv_add(ret, more ? more : value);
		}
	}
	while (done < argv->n)
		strv_add(ret, argv->v[done++]);
}

static void add_path(struct strv *paths, const char *path)
{
	if (path && *path)
		strv_add(paths, path);
}

void charargs_made(const struct strv *argv, struct strv *paths)
{
	const char *name, *value;
	size_t at = 1;

	while (guestargs_next(argv, &at, &name, &value)) {
		_cleanup_json_ json *j = charargs_parse(name, value);

		if (value && (strcmp(name, "pidfile") == 0 || strcmp(name, "D") == 0))
			add_path(paths, value);
		if (value && strcmp(name, "vnc") == 0 && strncmp(value, "unix:", 5) == 0) {
			_cleanup_json_ json *vnc = optargs_parse(value + 5, "path");

			add_path(paths, json_str(vnc, "path"));
		}
		if (!j)
			continue;
		if (is(j, "backend", "file") || (is(j, "backend", "socket") && is_on(j, "server")))
			add_path(paths, json_str(j, "path"));
		add_path(paths, json_str(j, "logfile"));
	}
}

static bool is_set(json *j, const char *key)
{
	const char *value = json_str(j, key);

	return value && strcmp(value, "0") != 0;
}

bool charargs_connects(json *j)
{
	return is(j, "backend", "socket") && !is_on(j, "server") && !json_str(j, "fd") &&
	       !is_set(j, "reconnect") && !is_set(j, "reconnect-ms");
}

void charargs_wanted(const struct strv *argv, struct strv *paths)
{
	const char *name, *value;
	size_t at = 1;

	while (guestargs_next(argv, &at, &name, &value)) {
		_cleanup_json_ json *j = charargs_parse(name, value);

		if (j && charargs_connects(j) && !is_on(j, "abstract"))
			add_path(paths, json_str(j, "path"));
	}
}
