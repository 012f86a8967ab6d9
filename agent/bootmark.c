// SPDX-License-Identifier: GPL-2.0-or-later

#include "bootmark.h"

#include "jsonio.h"
#include "log.h"

#define BYTES_MAX (1024UL * 1024)

static char *path;
static struct strv decided;
static bool done;

static int take(const char *text)
{
	_cleanup_json_ json *j = json_tokener_parse(text);
	const char *boot = json_str(j, "boot_id");

	if (!boot)
		return -EBADMSG;
	if (strcmp(boot, boot_id()) != 0)
		return 0; /* of another boot */
	done = json_flag(j, "done");
	return json_get_strv(j, "decided", &decided);
}

void bootmark_setup(const char *run_dir)
{
	_cleanup_free_ char *text = NULL;
	int r;

	free(path);
	path = xasprintf("%s/boot.json", run_dir);
	strv_free(&decided);
	done = false;
	r = read_file(path, BYTES_MAX, &text, NULL);
	if (r == -ENOENT)
		return;
	if (!r)
		r = take(text);
	if (r < 0) {
		/* Rather a guest that has to be started by hand than one that nobody wants to run. */
		log_error("%s: %s: no guest is started by itself: see `vmkeep start`", path,
			  strerror(-r));
		done = true;
	}
}

static int save(void)
{
	_cleanup_json_ json *j = json_object_new_object();
	const char *text;
	int r;

	json_set_str(j, "boot_id", boot_id());
	json_set_strv(j, "decided", &decided);
	json_set_bool(j, "done", done);
	text = json_object_to_json_string_ext(j, JSON_C_TO_STRING_PLAIN);
	r = write_file_atomic(path, text, strlen(text));
	if (r < 0)
		log_error("%s: %s", path, strerror(-r));
	return r;
}

bool bootmark_has(const char *name)
{
	for (size_t i = 0; i < decided.n; i++)
		if (strcmp(decided.v[i], name) == 0)
			return true;
	return false;
}

int bootmark_add(const struct strv *names)
{
	for (size_t i = 0; i < names->n; i++)
		if (!bootmark_has(names->v[i]))
			strv_add(&decided, names->v[i]);
	return save();
}

bool bootmark_done(void)
{
	return done;
}

void bootmark_finish(void)
{
	done = true;
	save();
}
