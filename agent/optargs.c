// SPDX-License-Identifier: GPL-2.0-or-later

#include "optargs.h"

/* "first,key=value,flag" with ",," for a comma (QEMU's util/qemu-option.c); caller puts it. */
static json *parse_text(const char *text, const char *implied)
{
	_cleanup_free_ char *word = xmalloc0(strlen(text) + 1);
	json *ret = json_object_new_object();
	const char *p = text;
	bool first = true;

	while (*p) {
		char *to = word, *eq;

		for (; *p && (*p != ',' || p[1] == ','); p++) {
			*to++ = *p;
			p += *p == ',';
		}
		p += *p == ',';
		*to = '\0';
		eq = strchr(word, '=');
		if (eq) {
			*eq = '\0';
			json_set_str(ret, word, eq + 1);
		} else if (*word) {
			json_set_str(ret, first && implied ? implied : word,
				     first && implied ? word : "on");
		}
		first = false;
	}
	return ret;
}

/* {"type":…}, as libvirt writes it: the same with all values as text. */
static json *parse_json(const char *text)
{
	_cleanup_json_ json *from = json_tokener_parse(text);
	json *ret = json_object_new_object();

	if (!json_object_is_type(from, json_type_object))
		return ret;
	json_object_object_foreach (from, key, value) {
		if (json_object_is_type(value, json_type_boolean))
			json_set_str(ret, key, json_object_get_boolean(value) ? "on" : "off");
		else
			json_set_str(ret, key, json_object_get_string(value));
	}
	return ret;
}

json *optargs_parse(const char *value, const char *implied)
{
	return *value == '{' ? parse_json(value) : parse_text(value, implied);
}
