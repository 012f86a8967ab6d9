// SPDX-License-Identifier: GPL-2.0-or-later

#include "definition.h"

#include "turns.h"

static const struct {
	const char *key;
	enum json_type type;
	bool needed;
} keys[] = {
	{ "name", json_type_string, true },   { "memory", json_type_array, true },
	{ "argv", json_type_array, true },    { "user", json_type_string, false },
	{ "cwd", json_type_string, false },   { "ram_path", json_type_string, false },
	{ "priority", json_type_int, false }, { "autostart", json_type_boolean, false },
};

void definition_free(struct definition *d)
{
	strv_free(&d->spec.argv);
	json_object_put(d->from);
	*d = (struct definition){ 0 };
}

static int check_keys(json *j, struct err *e)
{
	if (!json_object_is_type(j, json_type_object))
		return err_set(e, -EINVAL, "is no JSON object");
	json_object_object_foreach (j, key, value) {
		size_t i = 0;

		while (i < ARRAY_SIZE(keys) && strcmp(keys[i].key, key) != 0)
			i++;
		if (i == ARRAY_SIZE(keys))
			return err_set(e, -EINVAL, "\"%.64s\": there is no such key", key);
		/* Not as if it were not there: a user that is no string would be root. */
		if (!json_object_is_type(value, json_type_null) &&
		    !json_object_is_type(value, keys[i].type))
			return err_set(e, -EINVAL, "\"%s\": must be of type %s", key,
				       json_type_to_name(keys[i].type));
	}
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (keys[i].needed && !json_get(j, keys[i].key, keys[i].type))
			return err_set(e, -EINVAL, "\"%s\": is needed", keys[i].key);
	return 0;
}

static int read_spec(json *j, struct guest_spec *spec, struct err *e)
{
	struct guest_ram ram;
	int64_t priority = json_int(j, "priority", 0);

	spec->name = json_str(j, "name");
	spec->user = json_str(j, "user");
	spec->cwd = json_str(j, "cwd");
	spec->ram_path = json_str(j, "ram_path");
	if (json_get_strv(j, "argv", &spec->argv) < 0 || !spec->argv.n || spec->argv.v[0][0] != '/')
		return err_set(e, -EINVAL,
			       "\"argv\": must be strings, the first a program's full path");
	if (spec->cwd && spec->cwd[0] != '/')
		return err_set(e, -EINVAL, "\"cwd\": must be a full path");
	guestram_init(&ram);
	if (guestram_from_json(&ram, json_get(j, "memory", json_type_array)) < 0)
		return err_set(e, -EINVAL, "--memory: 1 to %d sizes, each a multiple of 2M",
			       RAM_BLOCKS_MAX);
	spec->memory = ram.size;
	if (priority < PRIORITY_MIN || priority > PRIORITY_MAX)
		return err_set(e, -EINVAL, "--priority: must be %d to %d", PRIORITY_MIN,
			       PRIORITY_MAX);
	spec->priority = (int)priority;
	return 0;
}

int definition_read(json *j, struct definition *ret, struct err *e)
{
	struct definition d = { 0 };
	int r = check_keys(j, e);

	if (!r)
		r = read_spec(j, &d.spec, e);
	if (r < 0) {
		definition_free(&d);
		return r;
	}
	d.autostart = json_flag(j, "autostart");
	d.from = json_object_get(j);
	*ret = d;
	return 0;
}
