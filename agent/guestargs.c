// SPDX-License-Identifier: GPL-2.0-or-later

#include "guestargs.h"

#include <stdio.h>

#include "optargs.h"

/* Options that cannot be there, and why. */
static const struct {
	const char *name;
	const char *why;
} refused[] = {
	{ "daemonize", "vmkeep supervises QEMU itself; leave it out" },
	{ "incoming", "vmkeep uses it itself to bring a guest back; leave it out" },
	{ "loadvm", "a guest cannot be brought back from two states; leave it out" },
	{ "mem-path", "vmkeep provides the guest's RAM; leave it out" },
	{ "mem-prealloc", "vmkeep provides the guest's RAM; leave it out" },
	{ "snapshot",
	  "its temporary disk would be lost with the host's kernel; use an image of its own" },
	{ "readconfig",
	  "vmkeep cannot see what it would add; put the options on the command line" },
	{ "preconfig", "vmkeep starts the guest itself; leave it out" },
};

/* Options whose value may begin with a dash and must not be taken for an option. */
static const char *const free_text[] = { "append", "name", "fw_cfg", "smbios" };

static const char *option_name(const char *arg)
{
	if (!arg || arg[0] != '-' || !arg[1])
		return NULL;
	return arg + (arg[1] == '-' ? 2 : 1);
}

char *guestargs_suboption(const char *opts, const char *key)
{
	size_t klen = key ? strlen(key) : 0;
	const char *p = opts;

	while (*p) {
		size_t len = strcspn(p, ",");

		if (key && len > klen && strncmp(p, key, klen) == 0 && p[klen] == '=')
			return strndup(p + klen + 1, len - klen - 1);
		if (!key && p == opts && !memchr(p, '=', len))
			return strndup(p, len);
		p += len;
		p += *p == ',';
	}
	return NULL;
}

static int check_object(const char *value, struct err *e)
{
	if (strstr(value, "memory-backend-")) /* also in JSON */
		return err_set(e, -EINVAL,
			       "-object %s: vmkeep provides the guest's RAM; leave it out", value);
	return 0;
}

/* Put @value with its machine's name replaced by @pinned into @ret. */
static void add_machine(struct strv *ret, const char *value, const char *pinned)
{
	const char *rest = value;
	size_t len = strcspn(value, ",");

	/* The machine's name, if it is there, is the first word: by itself or as type=. */
	if (!memchr(value, '=', len) || strncmp(value, "type=", 5) == 0)
		rest = value[len] ? value + len + 1 : "";
	strv_addf(ret, "%s%s%s", pinned, *rest ? "," : "", rest);
}

static int pin_machine(const char *asked, const struct qemu_caps *caps, char **ret,
		       struct strv *notes, struct err *e)
{
	const char *name = asked ? json_str(caps->machines, asked) : caps->default_machine;

	if (!name || !*name)
		return err_set(e, -EINVAL,
			       asked ? "machine %s: this QEMU (%s) has none of that name"
				     : "say which machine (%s has no default on this QEMU %s)",
			       asked ? asked : "-machine", caps->version);
	/* The new kernel's QEMU may be newer: only a versioned machine is the same there. */
	if (!asked || strcmp(asked, name) != 0)
		strv_addf(notes, "machine %s pinned to %s", asked ? asked : "(default)", name);
	*ret = xstrdup(name);
	return 0;
}

/* QEMU makes the id up anew at each start, and the guest would take itself for a copy of itself. */
static char *pin_device(const char *value, struct strv *notes)
{
	_cleanup_json_ json *j = optargs_parse(value, "driver");
	const char *driver = json_str(j, "driver"), *guid = json_str(j, "guid");
	char uuid[37];

	if (!driver || strcmp(driver, "vmgenid") != 0 || (guid && strcmp(guid, "auto") != 0))
		return NULL;
	random_uuid(uuid);
	strv_add(notes, "vmgenid pinned: the guest has one id until it is stopped");
	if (*value != '{')
		return xasprintf("%s,guid=%s", value, uuid);
	json_set_str(j, "guid", uuid);
	return xstrdup(json_object_to_json_string(j));
}

static int check_option(const char *name, const char *value, struct err *e)
{
	_cleanup_free_ char *backend = NULL, *snapshot = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(refused); i++)
		if (strcmp(name, refused[i].name) == 0)
			return err_set(e, -EINVAL, "-%s: %s", name, refused[i].why);
	if (!value)
		return 0;
	if (strcmp(name, "object") == 0)
		return check_object(value, e);
	if (strcmp(name, "drive") == 0)
		snapshot = guestargs_suboption(value, "snapshot");
	if (snapshot && strcmp(snapshot, "off") != 0)
		return err_set(
			e, -EINVAL,
			"-drive snapshot=%s: its temporary disk would be lost with the host's kernel; leave it out",
			snapshot);
	if (strcmp(name, "machine") == 0 || strcmp(name, "M") == 0)
		backend = guestargs_suboption(value, "memory-backend");
	if (backend)
		return err_set(
			e, -EINVAL,
			"-machine memory-backend=%s: vmkeep provides the guest's RAM; leave it out",
			backend);
	return 0;
}

static bool takes_free_text(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(free_text); i++)
		if (strcmp(name, free_text[i]) == 0)
			return true;
	return false;
}

bool guestargs_next(const struct strv *argv, size_t *at, const char **name, const char **value)
{
	for (size_t i = *at; i < argv->n; i++) {
		*name = option_name(argv->v[i]);
		if (!*name)
			continue;
		*value = argv->v[i + 1];
		if (*value && !takes_free_text(*name) && option_name(*value))
			*value = NULL;
		*at = i + (*value ? 2 : 1);
		return true;
	}
	return false;
}

static void add_value(struct strv *ret, const char *name, const char *value, struct strv *notes)
{
	_cleanup_free_ char *other = strcmp(name, "device") == 0 ? pin_device(value, notes) : NULL;

	strv_add(ret, other ? other : value);
}

static bool is_missing(json *old, json *other, const char *name)
{
	return name && json_object_object_get_ex(old, name, NULL) &&
	       !json_object_object_get_ex(other, name, NULL);
}

int guestargs_check_caps(const struct strv *argv, const struct qemu_caps *old,
			 const struct qemu_caps *caps, struct err *e)
{
	const char *name, *value;
	size_t at = 1;

	while (guestargs_next(argv, &at, &name, &value)) {
		if (value && strcmp(name, "device") == 0) {
			_cleanup_json_ json *device = optargs_parse(value, "driver");
			const char *type = json_str(device, "driver");

			if (is_missing(old->devices, caps->devices, type))
				return err_set(e, -EOPNOTSUPP, "QEMU %s has no device %s",
					       caps->version, type);
		} else if (value && strcmp(name, "cpu") == 0) {
			_cleanup_free_ char *model = strndup(value, strcspn(value, ","));

			if (is_missing(old->cpus, caps->cpus, model))
				return err_set(e, -EOPNOTSUPP, "QEMU %s has no CPU model %s",
					       caps->version, model);
		}
	}
	return 0;
}

/* What the last -machine that says so says, "on" or "off" or NULL; and the last -machine of all. */
static char *aux_share(const struct strv *argv, size_t *last)
{
	char *ret = NULL;

	for (size_t i = 1; i + 1 < argv->n; i++) {
		const char *name = option_name(argv->v[i]);
		char *said;

		if (!name || (strcmp(name, "machine") != 0 && strcmp(name, "M") != 0))
			continue;
		*last = i + 1;
		said = guestargs_suboption(argv->v[i + 1], "aux-ram-share");
		if (said) {
			free(ret);
			ret = said;
		}
	}
	return ret;
}

bool guestargs_aux_share(const struct strv *argv)
{
	size_t last;
	_cleanup_free_ char *said = aux_share(argv, &last);

	return said && strcmp(said, "on") == 0;
}

void guestargs_set_aux_share(struct strv *argv, bool on)
{
	static const char text[] = ",aux-ram-share=on";
	_cleanup_free_ char *said = NULL;
	size_t last = 0, len;
	char *ours, *other;

	free(aux_share(argv, &last));
	if (!last)
		return;
	/* The last one is ours. */
	ours = argv->v[last];
	len = strlen(ours);
	if (len > strlen(text) && strcmp(ours + len - strlen(text), text) == 0)
		ours[len - strlen(text)] = '\0';
	said = aux_share(argv, &last);
	if (!on || said)
		return;
	other = xasprintf("%s%s", ours, text);
	free(ours);
	argv->v[last] = other;
}

int guestargs_build(const struct strv *user, const struct ram_sizes *sizes, enum ram_path path,
		    const struct qemu_caps *caps, struct strv *ret, char **machine,
		    struct strv *notes, struct err *e)
{
	_cleanup_free_ char *asked = NULL, *pinned = NULL;
	struct memargs memory;
	int r;

	/* What is asked for, first: the last -machine that names one counts, as in QEMU. */
	for (size_t i = 1; i < user->n; i++) {
		const char *name = option_name(user->v[i]), *value = user->v[i + 1];

		if (!name)
			continue;
		if (value && !takes_free_text(name) && option_name(value))
			value = NULL;
		r = check_option(name, value, e);
		if (r < 0)
			return r;
		if (value && (strcmp(name, "machine") == 0 || strcmp(name, "M") == 0)) {
			char *type = guestargs_suboption(value, "type");

			if (!type)
				type = guestargs_suboption(value, NULL);
			if (type) {
				free(asked);
				asked = type;
			}
		}
		if (value)
			i++;
	}
	r = memargs_read(user, sizes, &memory, e);
	if (!r)
		r = pin_machine(asked, caps, &pinned, notes, e);
	if (r < 0)
		return r;

	strv_add(ret, user->v[0]);
	for (size_t i = 1; i < user->n; i++) {
		const char *name = option_name(user->v[i]), *value = user->v[i + 1];

		if (name && value && strcmp(name, "m") == 0) {
			i++; /* checked above, said again below in bytes */
			continue;
		}
		strv_add(ret, user->v[i]);
		if (!name || !value || (!takes_free_text(name) && option_name(value)))
			continue;
		if (strcmp(name, "machine") == 0 || strcmp(name, "M") == 0)
			add_machine(ret, value, pinned);
		else
			add_value(ret, name, value, notes);
		i++;
	}
	if (!asked) {
		strv_add(ret, "-machine");
		strv_add(ret, pinned);
	}
	memargs_add(ret, sizes, &memory, path);
	/* The last -machine counts: also where the user's own put type= somewhere behind. */
	strv_add(ret, "-machine");
	strv_addf(ret, "type=%s%s%s", pinned, *memory.machine ? ",memory-backend=" : "",
		  memory.machine);
	guestargs_set_aux_share(ret, caps->cpr_exec);
	strv_add(ret, "-chardev");
	strv_addf(ret, "socket,id=vmkeep-qmp,fd=%d,server=on,wait=off", GUEST_FD_QMP);
	strv_add(ret, "-mon");
	strv_add(ret, "chardev=vmkeep-qmp,mode=control");
	*machine = pinned;
	pinned = NULL;
	return 0;
}
