// SPDX-License-Identifier: GPL-2.0-or-later

#include "plugargs.h"

#include "guestargs.h"
#include "optargs.h"

/* Behind it comes what vmkeep has added: see guestargs_build(). */
#define LAST_OF_START "chardev=vmkeep-qmp,mode=control"

/* By option: the key that its first word has, and the one that names what it makes. */
static const struct form {
	const char *option, *implied, *id;
} forms[] = {
	{ "device", "driver", "id" },	   { "netdev", "type", "id" },
	{ "blockdev", NULL, "node-name" }, { "chardev", "backend", "id" },
	{ "object", "qom-type", "id" },	   { "drive", NULL, "id" },
};

static const struct form *form_of(const char *option)
{
	for (size_t i = 0; i < ARRAY_SIZE(forms); i++)
		if (strcmp(forms[i].option, option) == 0)
			return &forms[i];
	return NULL;
}

/* Where the value is of the option with that id; 0 when there is none. */
static size_t find(const struct strv *argv, const char *option, const char *id, json **ret)
{
	const struct form *f = form_of(option);
	const char *name, *value;

	for (size_t at = 1; f && guestargs_next(argv, &at, &name, &value);) {
		_cleanup_json_ json *opts = NULL;

		if (!value || strcmp(name, option) != 0)
			continue;
		opts = optargs_parse(value, f->implied);
		if (!json_str(opts, f->id) || strcmp(json_str(opts, f->id), id) != 0)
			continue;
		if (ret)
			*ret = json_object_get(opts);
		return at - 1;
	}
	return 0;
}

json *plugargs_find(const struct strv *argv, const char *option, const char *id)
{
	json *ret = NULL;

	find(argv, option, id, &ret);
	return ret;
}

bool plugargs_has(const struct strv *argv, const char *option, const char *id)
{
	return find(argv, option, id, NULL);
}

void plugargs_add(struct strv *argv, const char *option, const char *value)
{
	strv_addf(argv, "-%s", option);
	strv_add(argv, value);
}

static void drop(struct strv *argv, size_t value_at)
{
	free(argv->v[value_at - 1]);
	free(argv->v[value_at]);
	/* With the NULL at the end. */
	memmove(argv->v + value_at - 1, argv->v + value_at + 1,
		(argv->n - value_at) * sizeof(*argv->v));
	argv->n -= 2;
}

bool plugargs_remove(struct strv *argv, const char *option, const char *id)
{
	size_t at = find(argv, option, id, NULL);

	if (at)
		drop(argv, at);
	return at;
}

bool plugargs_remove_exact(struct strv *argv, const char *option, const char *wanted)
{
	const char *name, *value;

	for (size_t at = 1; guestargs_next(argv, &at, &name, &value);) {
		if (value && strcmp(name, option) == 0 && strcmp(value, wanted) == 0) {
			drop(argv, at - 1);
			return true;
		}
	}
	return false;
}

void plugargs_set(struct strv *argv, const char *id, const char *key, json *value)
{
	size_t at = find(argv, "device", id, NULL);
	_cleanup_json_ json *j = NULL;
	char *old;

	if (!at)
		return;
	old = argv->v[at];
	if (*old == '{') {
		j = json_tokener_parse(old);
		json_object_object_add(j, key, json_object_get(value));
		argv->v[at] = xstrdup(json_object_to_json_string_ext(
			j, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	} else {
		argv->v[at] = xasprintf("%s,%s=%s", old, key, json_object_get_string(value));
	}
	free(old);
}

void plugargs_devices(const struct strv *argv, struct strv *ids)
{
	const char *name, *value;

	for (size_t at = 1; guestargs_next(argv, &at, &name, &value);) {
		_cleanup_json_ json *opts = NULL;

		if (!value || strcmp(name, "device") != 0)
			continue;
		opts = optargs_parse(value, "driver");
		if (json_str(opts, "id"))
			strv_add(ids, json_str(opts, "id"));
	}
}

/* --- what would move up --- */

/* On a USB: ports are given out there, and cannot be asked for. */
static bool is_usb(const char *driver)
{
	return begins(driver, "usb-") && !begins(driver, "usb-ehci");
}

/* Each of these makes a device that gets its place by its turn and has no name to ask for it by. */
static bool is_placed_by_turn(const char *option, const char *value, bool among_usb)
{
	_cleanup_json_ json *opts = NULL;
	const char *driver, *interface;

	if (strcmp(option, "virtfs") == 0)
		return true;
	if (strcmp(option, "drive") == 0) {
		opts = optargs_parse(value, NULL);
		interface = json_str(opts, "if");
		return interface && strcmp(interface, "virtio") == 0;
	}
	if (strcmp(option, "device") != 0)
		return false;
	opts = optargs_parse(value, "driver");
	driver = json_str(opts, "driver");
	if (is_usb(driver))
		return among_usb && !json_str(opts, "port");
	return !json_str(opts, "id") && !json_str(opts, "addr") && !begins(driver, "isa-");
}

/* A port has one place only: nothing moves up there. */
static bool is_on_port(const struct strv *argv, json *device)
{
	const char *bus = json_str(device, "bus");
	_cleanup_json_ json *port = bus ? plugargs_find(argv, "device", bus) : NULL;
	const char *driver = json_str(port, "driver");

	return driver &&
	       (strcmp(driver, "pcie-root-port") == 0 || strcmp(driver, "xio3130-downstream") == 0);
}

bool plugargs_stays(const struct strv *argv, const char *id)
{
	_cleanup_json_ json *device = NULL;
	size_t at = find(argv, "device", id, &device), end = 0;
	bool usb = is_usb(json_str(device, "driver"));
	const char *name, *value;

	for (size_t i = 1; i < argv->n && !end; i++)
		if (strcmp(argv->v[i], LAST_OF_START) == 0)
			end = i;
	if (!at || (end && at > end) || is_on_port(argv, device))
		return true;
	for (size_t i = 1; guestargs_next(argv, &i, &name, &value);)
		if (value && i - 1 != at && is_placed_by_turn(name, value, usb))
			return false;
	return true;
}

/* --- what hangs together --- */

/* Options whose values name what others make. Of character devices QEMU knows itself who uses them. */
static const char *const naming[] = { "device", "netdev",  "blockdev", "object", "drive",
				      "mon",	"machine", "vnc",      "tpmdev", "numa" };

static bool has_text(json *j, const char *text)
{
	if (json_object_is_type(j, json_type_string))
		return strcmp(json_object_get_string(j), text) == 0;
	for (size_t i = 0;
	     json_object_is_type(j, json_type_array) && i < json_object_array_length(j); i++)
		if (has_text(json_object_array_get_idx(j, i), text))
			return true;
	if (!json_object_is_type(j, json_type_object))
		return false;
	json_object_object_foreach (j, key, value)
		if (strcmp(key, "id") != 0 && strcmp(key, "node-name") != 0 &&
		    has_text(value, text))
			return true;
	return false;
}

static bool names(const char *option, const char *value, const char *id)
{
	_cleanup_json_ json *opts = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(naming); i++) {
		if (strcmp(option, naming[i]) != 0)
			continue;
		opts = *value == '{' ? json_tokener_parse(value) : optargs_parse(value, NULL);
		return has_text(opts, id);
	}
	return false;
}

/* "-set device.ID.property=value" */
static bool sets(const char *option, const char *value, const char *id)
{
	const char *dot = strcmp(option, "set") == 0 ? strchr(value, '.') : NULL;

	return dot && begins(dot + 1, id) && dot[1 + strlen(id)] == '.';
}

/* One that can be named says itself that it is gone. */
static bool is_nameless_on(const char *option, const char *value, const char *bus)
{
	_cleanup_json_ json *opts = NULL;
	const char *its;

	if (strcmp(option, "device") != 0)
		return false;
	opts = optargs_parse(value, "driver");
	its = json_str(opts, "bus");
	return !json_str(opts, "id") && begins(its, bus) &&
	       (its[strlen(bus)] == '\0' || its[strlen(bus)] == '.');
}

const char *plugargs_user(const struct strv *argv, const char *option, const char *id)
{
	bool device = strcmp(option, "device") == 0;
	size_t own = find(argv, option, id, NULL);
	const char *name, *value;

	for (size_t at = 1; guestargs_next(argv, &at, &name, &value);)
		if (value && at - 1 != own &&
		    (sets(name, value, id) ||
		     (device ? is_nameless_on(name, value, id) : names(name, value, id))))
			return value;
	return NULL;
}

static bool is_one_of(const char *s, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s && strcmp(s, list[i]) == 0)
			return true;
	return false;
}

unsigned int plugargs_defaults(const struct strv *argv)
{
	static const char *const net[] = { "netdev", "nic", "net" };
	static const char *const disks[] = { "ide-cd", "ide-hd", "scsi-cd", "scsi-hd" };
	unsigned int ret = DEFAULT_NET | DEFAULT_CDROM;
	const char *name, *value;

	for (size_t at = 1; guestargs_next(argv, &at, &name, &value);) {
		_cleanup_json_ json *opts = NULL;

		if (strcmp(name, "nodefaults") == 0)
			return 0;
		if (is_one_of(name, net, ARRAY_SIZE(net)))
			ret &= ~(unsigned int)DEFAULT_NET;
		if (strcmp(name, "cdrom") == 0)
			ret &= ~(unsigned int)DEFAULT_CDROM;
		if (!value || strcmp(name, "device") != 0)
			continue;
		opts = optargs_parse(value, "driver");
		if (is_one_of(json_str(opts, "driver"), disks, ARRAY_SIZE(disks)))
			ret &= ~(unsigned int)DEFAULT_CDROM;
	}
	return ret;
}
