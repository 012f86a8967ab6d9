// SPDX-License-Identifier: GPL-2.0-or-later

#include "plugoption.h"

/* --- devices --- */

static json *to_bool(const char *text)
{
	if (strcmp(text, "on") == 0 || strcmp(text, "true") == 0 || strcmp(text, "yes") == 0)
		return json_object_new_boolean(true);
	if (strcmp(text, "off") == 0 || strcmp(text, "false") == 0 || strcmp(text, "no") == 0)
		return json_object_new_boolean(false);
	return NULL;
}

static json *to_number(const char *text)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 0);
	return errno || end == text || *end ? NULL : json_object_new_int64(n);
}

static json *to_size(const char *text)
{
	uint64_t n;

	return parse_size(text, 1, &n) < 0 || n > INT64_MAX ? NULL
							    : json_object_new_int64((int64_t)n);
}

/* @value as a property of that type; NULL: it is one as it is. Caller puts it. */
static json *conform(const char *type, json *value)
{
	bool number = begins(type, "uint") || begins(type, "int");

	if (json_object_is_type(value, json_type_string)) {
		const char *text = json_object_get_string(value);

		return strcmp(type, "bool") == 0   ? to_bool(text)
		       : strcmp(type, "size") == 0 ? to_size(text)
		       : number			   ? to_number(text)
						   : NULL;
	}
	if (number || strcmp(type, "bool") == 0 || strcmp(type, "size") == 0)
		return NULL;
	if (json_object_is_type(value, json_type_boolean))
		return json_object_new_string(json_object_get_boolean(value) ? "on" : "off");
	return json_object_is_type(value, json_type_int)
		       ? json_object_new_string(json_object_get_string(value))
		       : NULL;
}

void plugoption_device(json *args, json *properties)
{
	size_t n = json_object_is_type(properties, json_type_array)
			   ? json_object_array_length(properties)
			   : 0;
	json *value;

	if (json_object_object_get_ex(args, "addr", &value) &&
	    !json_object_is_type(value, json_type_string))
		json_object_object_del(args, "addr");
	for (size_t i = 0; i < n; i++) {
		json *p = json_object_array_get_idx(properties, i), *as;
		const char *name = json_str(p, "name"), *type = json_str(p, "type");

		/* A place on PCI is called a number and is text all the same. */
		if (!name || !type || strcmp(name, "addr") == 0 ||
		    !json_object_object_get_ex(args, name, &value))
			continue;
		as = conform(type, value);
		if (as)
			json_object_object_add(args, name, as);
	}
}

/* --- character devices --- */

/* "key=value" with commas doubled, as QEMU has them in values. */
static void add_text(char **to, const char *key, const char *value)
{
	_cleanup_free_ char *old = *to, *escaped = xmalloc0(2 * strlen(value) + 1);
	char *p = escaped;

	for (; *value; value++) {
		*p++ = *value;
		if (*value == ',')
			*p++ = ',';
	}
	*to = xasprintf("%s,%s=%s", old, key, escaped);
}

static const char *as_text(json *value)
{
	if (json_object_is_type(value, json_type_boolean))
		return json_object_get_boolean(value) ? "on" : "off";
	if (json_object_is_type(value, json_type_object) ||
	    json_object_is_type(value, json_type_array))
		return NULL;
	return json_object_get_string(value);
}

/* What QMP calls it, and -chardev. */
static const struct {
	const char *key, *option;
} keys[] = {
	{ "out", "path" },
	{ "append", "append" },
	{ "device", "path" },
	{ "size", "size" },
	{ "server", "server" },
	{ "wait", "wait" },
	{ "nodelay", "nodelay" },
	{ "telnet", "telnet" },
	{ "websocket", "websocket" },
	{ "reconnect", "reconnect" },
	{ "tls-creds", "tls-creds" },
	{ "tls-authz", "tls-authz" },
	{ "reconnect-ms", "reconnect-ms" },
	{ "logfile", "logfile" },
	{ "logappend", "logappend" },
	/* of a socket's address */
	{ "path", "path" },
	{ "host", "host" },
	{ "port", "port" },
	{ "to", "to" },
	{ "ipv4", "ipv4" },
	{ "ipv6", "ipv6" },
};

static int add(char **to, const char *key, json *value, struct err *e)
{
	for (size_t i = 0; as_text(value) && i < ARRAY_SIZE(keys); i++) {
		if (strcmp(keys[i].key, key) == 0) {
			add_text(to, keys[i].option, as_text(value));
			return 0;
		}
	}
	return err_set(e, -EOPNOTSUPP,
		       "chardev-add: %s: vmkeep cannot say it on the command line: leave it out",
		       key);
}

static int add_all(char **to, json *data, struct err *e)
{
	int r = 0;

	json_object_object_foreach (data, key, value) {
		if (!r && strcmp(key, "addr") != 0)
			r = add(to, key, value, e);
	}
	return r;
}

static int add_address(char **to, json *addr, struct err *e)
{
	json *data = json_get(addr, "data", json_type_object);
	const char *type = json_str(addr, "type");

	if (!type || !data || (strcmp(type, "unix") != 0 && strcmp(type, "inet") != 0))
		return err_set(e, -EOPNOTSUPP,
			       "chardev-add: an address of type %s: use unix or inet",
			       type ? type : "?");
	return add_all(to, data, e);
}

/* QMP and the command line differ in what they take for granted. */
static void add_socket_defaults(char **to, json *data)
{
	bool says_server = json_object_object_get_ex(data, "server", NULL);

	if (!says_server)
		add_text(to, "server", "on");
	if ((!says_server || json_flag(data, "server")) &&
	    !json_object_object_get_ex(data, "wait", NULL))
		add_text(to, "wait", "off");
}

int plugoption_chardev(json *args, char **ret, struct err *e)
{
	static const char *const types[] = { "null", "file",   "socket",   "ringbuf",
					     "pty",  "serial", "parallel", "pipe" };
	json *backend = json_get(args, "backend", json_type_object);
	json *data = json_get(backend, "data", json_type_object);
	const char *type = json_str(backend, "type"), *id = json_str(args, "id");
	_cleanup_free_ char *text = NULL;
	bool known = false;
	int r = 0;

	for (size_t i = 0; type && i < ARRAY_SIZE(types); i++)
		known |= strcmp(types[i], type) == 0;
	if (!known || !data || !id)
		return err_set(
			e, -EOPNOTSUPP,
			"chardev-add: a backend of type %s: vmkeep brings back null, file, socket, ringbuf, pty, serial, parallel and pipe",
			type ? type : "?");
	text = xasprintf("%s,id=%s", type, id);
	if (strcmp(type, "socket") == 0) {
		add_socket_defaults(&text, data);
		r = add_address(&text, json_get(data, "addr", json_type_object), e);
	}
	if (!r)
		r = add_all(&text, data, e);
	if (r < 0)
		return r;
	*ret = text;
	text = NULL;
	return 0;
}
