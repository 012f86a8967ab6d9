// SPDX-License-Identifier: GPL-2.0-or-later

#include "plugrules.h"

/* One of them travels in the record, and all of them on a command line. */
#define ARGUMENTS_MAX 16384
#define ID_MAX 127

static const struct plugrule rules[] = {
	{ "device_add", true, "device", "id", "devices" },
	{ "device_del", false, "device", "id", "devices" },
	{ "netdev_add", true, "netdev", "id", "netdevs" },
	{ "netdev_del", false, "netdev", "id", "netdevs" },
	{ "blockdev-add", true, "blockdev", "node-name", "nodes" },
	{ "blockdev-del", false, "blockdev", "node-name", "nodes" },
	{ "chardev-add", true, "chardev", "id", "chardevs" },
	{ "chardev-remove", false, "chardev", "id", "chardevs" },
	{ "object-add", true, "object", "id", "objects" },
	{ "object-del", false, "object", "id", "objects" },
};

/*
 * They ask, or do something to the guest that its own state holds, or that a check finds: a medium
 * that was changed. A name that ends in "-" stands for all that begin so.
 */
static const char *const harmless[] = {
	"query-",
	"x-query-",
	"qom-list",
	"qom-list-",
	"qom-get",
	"device-list-properties",
	"stop",
	"cont",
	"system_powerdown",
	"system_reset",
	"system_wakeup",
	"inject-nmi",
	"send-key",
	"input-send-event",
	"screendump",
	"set_link",
	"announce-self",
	"balloon",
	"block_resize",
	"eject",
	"blockdev-change-medium",
	"blockdev-open-tray",
	"blockdev-close-tray",
	"blockdev-insert-medium",
	"blockdev-remove-medium",
	"ringbuf-read",
	"ringbuf-write",
};

#define VIRTIO_STATUS "QEMU 11.1 crashes of it, and the guest with it"

static const struct {
	const char *command, *why;
} refused[] = {
	{ "quit", "`vmkeep stop NAME --now` ends a guest" },
	{ "migrate", "vmkeep saves guests by migration itself" },
	{ "migrate_", "vmkeep saves guests by migration itself" },
	{ "migrate-", "vmkeep saves guests by migration itself" },
	{ "x-exit-preconfig", "vmkeep starts the guest itself" },
	{ "add-fd", "file descriptors do not come over an update" },
	{ "remove-fd", "vmkeep hands memory and state over by them" },
	{ "getfd", "file descriptors do not come over an update" },
	{ "closefd", "vmkeep hands memory and state over by them" },
	{ "x-query-virtio-status", VIRTIO_STATUS },
	{ "snapshot-", "a guest cannot be brought back from two states" },
	{ "dump-guest-memory",
	  "it keeps QEMU from answering, which would hold up an update: use a monitor of the guest's own (-qmp on its command line)" },
};

static bool matches(const char *pattern, const char *command)
{
	size_t len = strlen(pattern);
	bool prefix = pattern[len - 1] == '-' || pattern[len - 1] == '_';

	return prefix ? strncmp(pattern, command, len) == 0 : strcmp(pattern, command) == 0;
}

/* As QEMU's id_wellformed(): nothing that could be taken for something else on a command line. */
static bool is_id(const char *id)
{
	size_t len = id ? strlen(id) : 0;

	return len && len <= ID_MAX && ((*id | 32) >= 'a' && (*id | 32) <= 'z') &&
	       strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") ==
		       len;
}

static bool ours(const char *id)
{
	return strncmp(id, "vmkeep-", 7) == 0;
}

/* Wherever in @j a key of that name is. */
static bool has_key(json *j, const char *name, const char *begin)
{
	if (json_object_is_type(j, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(j); i++)
			if (has_key(json_object_array_get_idx(j, i), name, begin))
				return true;
	}
	if (!json_object_is_type(j, json_type_object))
		return false;
	json_object_object_foreach (j, key, value) {
		if (name && strcmp(key, name) == 0)
			return true;
		if (begin && json_object_is_type(value, json_type_string) &&
		    begins(json_object_get_string(value), begin))
			return true;
		if (has_key(value, name, begin))
			return true;
	}
	return false;
}

static int check_device(json *args, struct err *e)
{
	const char *driver = json_str(args, "driver");

	if (has_key(args, "memdev", NULL))
		return err_set(
			e, -EPERM,
			"device_add %s: only memory that vmkeep made comes over an update: `vmkeep plug-memory NAME SIZE` plugs it in",
			driver ? driver : "");
	if (driver && strncmp(driver, "usb-", 4) == 0 && !json_str(args, "port"))
		return err_set(
			e, -EINVAL,
			"device_add %s: say which port= it is in: after an update it has to be the same",
			driver);
	return 0;
}

static int check_object(json *args, struct err *e)
{
	const char *type = json_str(args, "qom-type");

	if (type && strncmp(type, "memory-backend-", 15) == 0)
		return err_set(
			e, -EPERM,
			"object-add %s: only memory that vmkeep made comes over an update: `vmkeep plug-memory NAME SIZE` plugs it in",
			type);
	if (type && strncmp(type, "secret", 6) == 0 && has_key(args, "data", NULL))
		return err_set(
			e, -EPERM,
			"object-add %s: data= would stand on QEMU's command line for all to read: put it into a file, and give file=",
			type);
	return 0;
}

static int check_added(const struct plugrule *rule, json *args, const char *id, struct err *e)
{
	if (ours(id))
		return err_set(e, -EPERM, "%s: names that begin with vmkeep- are vmkeep's own",
			       rule->command);
	/* The next QEMU would have other files, or none, behind these numbers. */
	if (has_key(args, "fd", NULL) || has_key(args, "fds", NULL) ||
	    has_key(args, "vhostfd", NULL) || has_key(args, "vhostfds", NULL) ||
	    has_key(args, NULL, "/dev/fdset/"))
		return err_set(
			e, -EPERM,
			"%s: file descriptors do not come over an update: name what QEMU is to open",
			rule->command);
	if (strcmp(rule->option, "device") == 0)
		return check_device(args, e);
	if (strcmp(rule->option, "object") == 0)
		return check_object(args, e);
	return 0;
}

static int check_plugged(const struct plugrule *rule, json *args, struct err *e)
{
	const char *id = json_str(args, rule->key);
	size_t len = args ? strlen(json_object_to_json_string_ext(args, JSON_C_TO_STRING_PLAIN))
			  : 0;

	if (len > ARGUMENTS_MAX)
		return err_set(e, -EINVAL, "%s: more than %d bytes of arguments", rule->command,
			       ARGUMENTS_MAX);
	if (!is_id(id))
		return err_set(
			e, -EINVAL,
			"%s: give it a name, %s=: letters, digits, \"-\", \".\" and \"_\", a letter first",
			rule->command, rule->key);
	if (rule->adds)
		return check_added(rule, args, id, e);
	if (strcmp(id, "vmkeep-qmp") == 0)
		return err_set(e, -EPERM, "%s: %s is vmkeep's own", rule->command, id);
	return 0;
}

/* What the monitor for people shows; what it changes cannot be told from its words. */
static int check_human(json *args, struct err *e)
{
	const char *line = json_str(args, "command-line");

	if (line && strstr(line, "virtio-status"))
		return err_set(e, -EPERM, "info virtio-status: " VIRTIO_STATUS);
	if (line && strncmp(line, "info ", 5) == 0 && !strpbrk(line, "\r\n;"))
		return 0;
	return err_set(
		e, -EPERM,
		"human-monitor-command: only \"info …\": what else it changes would be undone by an update unseen; use the QMP command");
}

static int check_qom_set(json *args, struct err *e)
{
	const char *property = json_str(args, "property");

	/* What a check may ask for. */
	if (property && strcmp(property, "discard-data") == 0)
		return 0;
	return err_set(e, -EPERM,
		       "qom-set: only of discard-data: an update would undo anything else");
}

int plugrules_check(const char *command, json *args, const struct plugrule **ret, struct err *e)
{
	*ret = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
		if (strcmp(rules[i].command, command) == 0) {
			*ret = &rules[i];
			return check_plugged(&rules[i], args, e);
		}
	}
	if (strcmp(command, "human-monitor-command") == 0)
		return check_human(args, e);
	if (strcmp(command, "qom-set") == 0)
		return check_qom_set(args, e);
	/* First: one of them begins like a harmless one. */
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (matches(refused[i].command, command))
			return err_set(e, -EPERM, "%s: %s", command, refused[i].why);
	for (size_t i = 0; i < ARRAY_SIZE(harmless); i++)
		if (matches(harmless[i], command))
			return 0;
	return err_set(
		e, -EPERM,
		"%.64s: vmkeep does not know what it changes, and an update would undo it: use a monitor of the guest's own (-qmp on its command line)",
		command);
}
