// SPDX-License-Identifier: GPL-2.0-or-later

#include "netargs.h"

#include "guestargs.h"
#include "optargs.h"

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
		one = optargs_parse(value, "type");
		type = json_str(one, "type");
		/* -net nic is the guest's side. */
		if (type && (strcmp(type, "none") == 0 || strcmp(type, "nic") == 0))
			json_object_put(one);
		else
			json_object_array_add(ret, one);
	}
	if (by_default)
		json_object_array_add(ret, optargs_parse("user", "type"));
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
