// SPDX-License-Identifier: GPL-2.0-or-later

#include "plugplace.h"

#include <stdio.h>

#include "plugargs.h"

/* Properties that say where a device is, once it is there. */
static const char *const places[] = { "parent_bus", "addr",    "slot", "mac",
				      "channel",    "scsi-id", "lun",  "nr" };

/* As a property; NULL: nothing that has to be said. Caller puts it. */
static json *place(const char *driver, const char *property, json *value)
{
	const char *s = json_object_is_type(value, json_type_string) ? json_object_get_string(value)
								     : NULL;
	const char *slash = s ? strrchr(s, '/') : NULL;
	int64_t n = json_object_get_int64(value);
	char slot[16];

	if (strcmp(property, "parent_bus") == 0)
		return slash ? json_object_new_string(slash + 1) : NULL;
	if (s)
		return *s ? json_object_new_string(s) : NULL;
	if (!json_object_is_type(value, json_type_int) || n < 0)
		return NULL;
	if (strcmp(property, "addr") != 0 || strcmp(driver, "pc-dimm") == 0)
		return json_object_new_int64(n);
	snprintf(slot, sizeof(slot), "%x.%x", (unsigned int)(n >> 3) & 31, (unsigned int)n & 7);
	return json_object_new_string(slot);
}

/* Asked by name, one by one: a device has some of them, and one that is not there is no error. */
int plugplace_pin(struct guest *g, const char *id, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("/machine/peripheral/%s", id);

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		const char *key = strcmp(places[i], "parent_bus") == 0 ? "bus" : places[i];
		_cleanup_json_ json *option = plugargs_find(&g->argv, "device", id), *value = NULL;
		_cleanup_json_ json *where = NULL;
		const char *driver = json_str(option, "driver");
		int r;

		if (!driver || json_object_object_get_ex(option, key, NULL))
			continue;
		r = qmp_call(g->qmp, "qom-get", qmp_args("path", path, "property", places[i], NULL),
			     -1, GUEST_QMP_TIMEOUT_MS, &value, e);
		if (r == -EREMOTEIO)
			continue;
		if (r < 0)
			return r;
		where = place(driver, places[i], value);
		if (where)
			plugargs_set(&g->argv, id, key, where);
	}
	return 0;
}

int plugplace_hold(struct guest *g, const char *id, struct err *e)
{
	_cleanup_strv_ struct strv ids = { 0 };

	if (!plugargs_stays(&g->argv, id))
		return err_set(
			e, -EPERM,
			"without %s other devices, whose places are not known, would move up in the QEMU that brings the guest back: start it with an id for each -device, and a port= if on USB",
			id);
	plugargs_devices(&g->argv, &ids);
	for (size_t i = 0; i < ids.n; i++) {
		int r = plugplace_pin(g, ids.v[i], e);

		if (r < 0)
			return r;
	}
	return 0;
}
