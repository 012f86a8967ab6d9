// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 * -------------------
 * Each kind of part is an object in the answer: its name → what it is. The device
 * state names devices, so those must be the same in the QEMU that loads it. Backends it
 * does not know: one that no device uses is not missed by the guest, and one that a device
 * uses goes with that device.
 */

#include "guestparts.h"

#include "findings.h"

#define TIMEOUT_MS 30000
#define PERIPHERAL "/machine/peripheral/"
#define VIRTIO_BACKEND "/virtio-backend"

/* --- asking --- */

static json *array_item(json *array, size_t i)
{
	return json_object_is_type(array, json_type_array) && i < json_object_array_length(array)
		       ? json_object_array_get_idx(array, i)
		       : NULL;
}

/* "child<virtio-net-pci>" is a child of that type; other properties are no parts. */
static void take_children(json *reply, json *to)
{
	json *p;

	for (size_t i = 0; (p = array_item(reply, i)); i++) {
		const char *name = json_str(p, "name"), *type = json_str(p, "type");
		size_t len = type ? strlen(type) : 0;
		_cleanup_free_ char *inner = NULL;

		if (!name || len < 8 || strncmp(type, "child<", 6) != 0)
			continue;
		inner = strndup(type + 6, len - 7);
		json_set_str(to, name, inner);
	}
}

/* By the name of -drive; one of -blockdev has none, but the device it is in has. */
static char *drive_name(json *drive)
{
	const char *name = json_str(drive, "device"), *qdev = json_str(drive, "qdev");
	size_t len;

	if (name && *name)
		return xstrdup(name);
	if (!qdev)
		return NULL;
	if (begins(qdev, PERIPHERAL))
		qdev += strlen(PERIPHERAL);
	len = strlen(qdev);
	if (len > strlen(VIRTIO_BACKEND) &&
	    strcmp(qdev + len - strlen(VIRTIO_BACKEND), VIRTIO_BACKEND) == 0)
		len -= strlen(VIRTIO_BACKEND);
	return strndup(qdev, len);
}

static void take_drives(json *reply, json *to)
{
	json *d;

	for (size_t i = 0; (d = array_item(reply, i)); i++) {
		_cleanup_free_ char *name = drive_name(d);
		const char *file = json_str(json_get(d, "inserted", json_type_object), "file");

		if (name)
			json_set_str(to, name, file ? file : "");
	}
}

/* Nodes whose names QEMU made up belong to drives, or to a job that is at work. */
static void take_nodes(json *reply, json *to)
{
	json *n;

	for (size_t i = 0; (n = array_item(reply, i)); i++) {
		const char *name = json_str(n, "node-name"), *drv = json_str(n, "drv");

		if (name && *name != '#')
			json_set_str(to, name, drv);
	}
}

/* What they are connected to changes by itself; that they are there does not. */
static void take_chardevs(json *reply, json *to)
{
	json *c;

	for (size_t i = 0; (c = array_item(reply, i)); i++)
		if (json_str(c, "label"))
			json_set_str(to, json_str(c, "label"), "");
}

/*
 * There is no query for network backends. The monitor prints a line for each card, and
 * one for each backend, below its card or by itself (hmp_info_network() in net/net.c):
 *	net0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:57
 *	 \ n0: index=0,type=tap,ifname=t0,script=no,downscript=no
 * Hubs and what is in them come first, as in "hub 0" and " \ h0".
 */
static void take_netdevs(json *reply, json *to)
{
	_cleanup_free_ char *text = xstrdup(json_object_get_string(reply));
	char *at = text, *line;

	while (at && (line = strsep(&at, "\r\n"))) {
		const char *type = strstr(line, "type=");
		char *end = strstr(line, ": index=");

		if (!end || !type)
			continue;
		*end = '\0';
		line += strspn(line, " \\");
		if (strncmp(type, "type=nic,", 9) == 0)
			continue;
		type += strlen("type=");
		json_object_object_add(to, line,
				       json_object_new_string_len(type, (int)strcspn(type, ",")));
	}
}

static const struct question {
	const char *kind;
	const char *command;
	const char *key, *value; /* its argument */
	void (*take)(json *reply, json *to);
} questions[] = {
	{ "devices", "qom-list", "path", "/machine/peripheral", take_children },
	{ "unnamed", "qom-list", "path", "/machine/peripheral-anon", take_children },
	{ "drives", "query-block", NULL, NULL, take_drives },
	{ "objects", "qom-list", "path", "/objects", take_children },
	{ "nodes", "query-named-block-nodes", NULL, NULL, take_nodes },
	{ "netdevs", "human-monitor-command", "command-line", "info network", take_netdevs },
	{ "chardevs", "query-chardev", NULL, NULL, take_chardevs },
};

int guestparts_ask(struct qmp *q, json **ret, struct err *e)
{
	_cleanup_json_ json *all = json_object_new_object();

	for (size_t i = 0; i < ARRAY_SIZE(questions); i++) {
		const struct question *w = &questions[i];
		json *args = w->key ? qmp_args(w->key, w->value, NULL) : NULL;
		_cleanup_json_ json *reply = NULL;
		json *to = json_object_new_object();
		int r;

		json_object_object_add(all, w->kind, to);
		if (w->take == take_nodes) { /* without each one's chain of backing files */
			args = json_object_new_object();
			json_set_bool(args, "flat", true);
		}
		r = qmp_call(q, w->command, args, -1, TIMEOUT_MS, &reply, e);
		if (r < 0)
			return r;
		w->take(reply, to);
	}
	*ret = json_object_get(all);
	return 0;
}

/* --- what is meant --- */

void guestparts_adopt(json *start, json *now, const char *kind, const char *name)
{
	json *of_start = json_get(start, kind, json_type_object);
	json *value = NULL;

	if (!of_start)
		return;
	if (json_object_object_get_ex(json_get(now, kind, json_type_object), name, &value))
		json_object_object_add(of_start, name, json_object_get(value));
	else
		json_object_object_del(of_start, name);
}

/* --- comparing --- */

/* A device is in the device state; what is only a backend is said for its user's sake. */
static const struct kind {
	const char *name;
	const char *word;
	const char *level;
} kinds[] = {
	{ "devices", "device", BLOCKED },
	{ "unnamed", "a device without id,", BLOCKED },
	{ "drives", "drive", NOTE },
	{ "objects", "object", NOTE },
	{ "nodes", "block node", NOTE },
	{ "netdevs", "network backend", NOTE },
	{ "chardevs", "character device", NOTE },
};

/* Of the user's; those with memory in them are check_guest()'s to speak of. */
static bool is_ours_to_tell(const struct kind *k, const char *type)
{
	return strcmp(k->name, "objects") != 0 || strncmp(type, "memory-backend-", 15) != 0;
}

static char *describe(const struct kind *k, const char *name, const char *type)
{
	return xasprintf("%s %s%s%s%s", k->word, name, *type ? " (" : "", type, *type ? ")" : "");
}

static void came(json *all, const char *guest, const struct kind *k, const char *name,
		 const char *type)
{
	_cleanup_free_ char *part = describe(k, name, type), *what = NULL;

	what = xasprintf("%s has come since its QEMU was started", part);
	if (strcmp(k->level, BLOCKED) == 0)
		found(all, BLOCKED, guest, what,
		      "the QEMU that brings the guest back would not have it, and could not load the guest's state",
		      "unplug it (device_del), or start the guest anew with it");
	else
		found(all, NOTE, guest, what,
		      "the QEMU that brings the guest back will not have it",
		      "add it again after the update");
}

static void went(json *all, const char *guest, const struct kind *k, const char *name,
		 const char *type)
{
	_cleanup_free_ char *part = describe(k, name, type), *what = NULL;

	what = xasprintf("%s has gone since its QEMU was started", part);
	if (strcmp(k->level, BLOCKED) == 0)
		found(all, BLOCKED, guest, what,
		      "the QEMU that brings the guest back would have it, and no state for it",
		      "plug it in again as it was (device_add), or start the guest anew without it");
	else
		found(all, NOTE, guest, what,
		      "the QEMU that brings the guest back will have it again", "");
}

static void changed(json *all, const char *guest, const char *drive, const char *before,
		    const char *now)
{
	_cleanup_free_ char *what = NULL;

	if (!*now)
		what = xasprintf("the medium of drive %s, %s, has been taken out", drive, before);
	else if (!*before)
		what = xasprintf("a medium has been put into drive %s: %s", drive, now);
	else
		what = xasprintf("drive %s has %s now, and had %s when its QEMU was started", drive,
				 now, before);
	found(all, BLOCKED, guest, what,
	      *before ? "the QEMU that brings the guest back would put the former one in"
		      : "the QEMU that brings the guest back would not put it in",
	      "put back what was there (blockdev-change-medium, eject, block-commit), or start the guest anew with what is there now");
}

static const char *string_of(json *value)
{
	const char *s = json_object_is_type(value, json_type_string) ? json_object_get_string(value)
								     : NULL;

	return s ? s : "";
}

static void compare(const struct kind *k, json *start, json *now, const char *guest, json *all)
{
	bool drives = strcmp(k->name, "drives") == 0;
	json *other;

	json_object_object_foreach (now, name, value) {
		const char *type = string_of(value);
		bool was = json_object_object_get_ex(start, name, &other);

		if (was && drives && strcmp(string_of(other), type) != 0)
			changed(all, guest, name, string_of(other), type);
		else if ((!was || strcmp(string_of(other), type) != 0) && is_ours_to_tell(k, type))
			came(all, guest, k, name, type);
	}
	json_object_object_foreach (start, old_name, old_value) {
		const char *type = string_of(old_value);
		bool is = json_object_object_get_ex(now, old_name, &other);

		if ((!is || (!drives && strcmp(string_of(other), type) != 0)) &&
		    is_ours_to_tell(k, type))
			went(all, guest, k, old_name, type);
	}
}

void guestparts_compare(json *start, json *now, const char *guest, json *findings)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		json *a = json_get(start, kinds[i].name, json_type_object);
		json *b = json_get(now, kinds[i].name, json_type_object);

		if (a && b)
			compare(&kinds[i], a, b, guest, findings);
	}
}

/* The backend that @text names, if it has come since. */
static bool has_come(json *start, json *now, const char *text)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		json *a = json_get(start, kinds[i].name, json_type_object);
		json *b = json_get(now, kinds[i].name, json_type_object);

		if (a && b && strcmp(kinds[i].level, NOTE) == 0 &&
		    json_object_object_get_ex(b, text, NULL) &&
		    !json_object_object_get_ex(a, text, NULL))
			return true;
	}
	return false;
}

const char *guestparts_stranger(json *start, json *now, json *args)
{
	const char *ret = NULL;

	if (json_object_is_type(args, json_type_string))
		return has_come(start, now, json_object_get_string(args))
			       ? json_object_get_string(args)
			       : NULL;
	for (size_t i = 0; !ret && json_object_is_type(args, json_type_array) &&
			   i < json_object_array_length(args);
	     i++)
		ret = guestparts_stranger(start, now, json_object_array_get_idx(args, i));
	if (!json_object_is_type(args, json_type_object))
		return ret;
	json_object_object_foreach (args, key, value) {
		if (!ret && strcmp(key, "id") != 0)
			ret = guestparts_stranger(start, now, value);
	}
	return ret;
}
