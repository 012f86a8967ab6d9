// SPDX-License-Identifier: GPL-2.0-or-later

#include "fileargs.h"

#include "guestargs.h"
#include "optargs.h"

enum kind { PLAIN, IMAGE, SEARCHED, OUTPUT };

/* @key: the property that names the file; NULL: the whole value does. */
static const struct file_option {
	const char *name, *key;
	enum kind kind;
} options[] = {
	{ "drive", "file", IMAGE },
	{ "drive", "file.filename", IMAGE },
	{ "blockdev", "filename", IMAGE },
	{ "blockdev", "file.filename", IMAGE },
	{ "cdrom", NULL, IMAGE },
	{ "hda", NULL, IMAGE },
	{ "hdb", NULL, IMAGE },
	{ "hdc", NULL, IMAGE },
	{ "hdd", NULL, IMAGE },
	{ "fda", NULL, IMAGE },
	{ "fdb", NULL, IMAGE },
	{ "sd", NULL, IMAGE },
	{ "mtdblock", NULL, IMAGE },
	{ "pflash", NULL, IMAGE },
	{ "bios", NULL, SEARCHED },
	{ "machine", "firmware", SEARCHED },
	{ "option-rom", "romfile", SEARCHED },
	{ "device", "romfile", SEARCHED },
	{ "kernel", NULL, PLAIN },
	{ "initrd", NULL, PLAIN },
	{ "dtb", NULL, PLAIN },
	{ "machine", "kernel", PLAIN },
	{ "machine", "initrd", PLAIN },
	{ "machine", "dtb", PLAIN },
	{ "acpitable", "file", PLAIN },
	{ "acpitable", "data", PLAIN },
	{ "smbios", "file", PLAIN },
	{ "fw_cfg", "file", PLAIN },
	{ "object", "dir", PLAIN }, /* of keys, for TLS */
	{ "fsdev", "path", PLAIN },
	{ "virtfs", "path", PLAIN },
	{ "chardev", "path", OUTPUT },
};

const char *fileargs_path(const char *name)
{
	const char *colon = strchr(name, ':'), *slash = strchr(name, '/');

	if (strncmp(name, "file:", 5) == 0)
		return name + 5;
	/* path_has_protocol() of QEMU's block.c */
	if (colon && (!slash || colon < slash))
		return NULL;
	/* Handed to QEMU, not opened by it. */
	return !*name || strncmp(name, "/dev/fdset/", 11) == 0 ? NULL : name;
}

/* Those that write a file; a socket's path is made anew, others have none. */
static bool is_output(const char *value)
{
	size_t len = strcspn(value, ",");

	return len == 4 && strncmp(value, "file", 4) == 0;
}

static bool is(json *j, const char *key, const char *value)
{
	const char *has = json_str(j, key);

	return has && strcmp(has, value) == 0;
}

static bool read_only(const struct file_option *o, json *opts)
{
	return strcmp(o->name, "cdrom") == 0 || is(opts, "readonly", "on") ||
	       is(opts, "read-only", "on") || is(opts, "file.read-only", "on") ||
	       is(opts, "media", "cdrom");
}

static void add(json *all, const struct file_option *o, const char *name, json *opts)
{
	const char *path = name ? fileargs_path(name) : NULL;
	json *j;

	if (!path)
		return;
	j = json_object_new_object();
	json_set_str(j, "option", o->name);
	json_set_str(j, "path", path);
	json_set_bool(j, "image", o->kind == IMAGE);
	json_set_bool(j, "output", o->kind == OUTPUT);
	json_set_bool(j, "readonly", read_only(o, opts));
	json_set_bool(j, "searched", o->kind == SEARCHED && !strchr(path, '/'));
	json_object_array_add(all, j);
}

json *fileargs_parse(const struct strv *argv)
{
	json *all = json_object_new_array();
	const char *name, *value;
	size_t at = 1;

	while (guestargs_next(argv, &at, &name, &value)) {
		for (size_t i = 0; value && i < ARRAY_SIZE(options); i++) {
			const struct file_option *o = &options[i];
			_cleanup_json_ json *parsed = NULL;

			if (strcmp(o->name, name) != 0 || (o->kind == OUTPUT && !is_output(value)))
				continue;
			if (o->key)
				parsed = optargs_parse(
					value, strcmp(name, "option-rom") == 0 ? "romfile" : NULL);
			add(all, o, o->key ? json_str(parsed, o->key) : value, parsed);
		}
	}
	return all;
}
