// SPDX-License-Identifier: GPL-2.0-or-later

#include "netargs.h"

#include "guestargs.h"

/* "first,key=value,flag" with ",," for a comma (QEMU's util/qemu-option.c); caller puts it. */
static json *parse_text(const char *text)
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
			json_set_str(ret, first ? "type" : word, first ? word : "on");
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

static bool is_microvm(const char *machine)
{
	return strncmp(machine, "microvm", 7) == 0 || strstr(machine, "type=microvm");
}

json *netargs_parse(const struct strv *argv)
{
	json *ret = json_object_new_array();
	bool by_default = true;
	const char *name, *value;
	size_t at = 1;

	while (guestargs_next(argv, &at, &name, &value)) {
		bool netdev = strcmp(name, "netdev") == 0;
		const char *type;
		json *one;

		if (strcmp(name, "nodefaults") == 0)
			by_default = false;
		/* The one machine of x86 that comes without a card. */
		if (value && (strcmp(name, "machine") == 0 || strcmp(name, "M") == 0) &&
		    is_microvm(value))
			by_default = false;
		if (!value || (!netdev && strcmp(name, "nic") != 0 && strcmp(name, "net") != 0))
			continue;
		by_default = false;
		one = *value == '{' ? parse_json(value) : parse_text(value);
		type = json_str(one, "type");
		/* -net nic is the guest's side. */
		if (type && (strcmp(type, "none") == 0 || strcmp(type, "nic") == 0))
			json_object_put(one);
		else
			json_object_array_add(ret, one);
	}
	if (by_default)
		json_object_array_add(ret, parse_text("user"));
	return ret;
}

bool netargs_on(json *backend, const char *key)
{
	const char *s = json_str(backend, key);

	return s && (strcmp(s, "on") == 0 || strcmp(s, "yes") == 0 || strcmp(s, "true") == 0);
}

bool netargs_script(json *backend)
{
	const char *s = json_str(backend, "script");

	/* Its default is /etc/qemu-ifup. */
	return !s || (*s && strcmp(s, "no") != 0);
}
