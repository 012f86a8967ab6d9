// SPDX-License-Identifier: GPL-2.0-or-later

#include "netrecord.h"

#include <ctype.h>

/* More than any guest has; what it guards is the time of those who are not yet back. */
#define DEVICES_MAX 64
#define MTU_MIN 68
#define MTU_MAX 65535
#define TXQLEN_MAX 1000000

/* dev_valid_name() of the kernel, and no pattern (TUNSETIFF). */
static bool valid_name(const char *s)
{
	if (!s || !*s || strlen(s) >= IFNAMSIZ || strcmp(s, ".") == 0 || strcmp(s, "..") == 0)
		return false;
	for (; *s; s++)
		if (*s == '/' || *s == ':' || *s == '%' || !isgraph((unsigned char)*s))
			return false;
	return true;
}

static bool parse_mac(const char *s, uint8_t mac[MAC_LEN])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t any = 0;

	if (!s || strlen(s) != 3 * MAC_LEN - 1)
		return false;
	for (int i = 0; i < MAC_LEN; i++) {
		const char *high = strchr(hex, s[3 * i]), *low = strchr(hex, s[3 * i + 1]);

		if (!high || !low || (i + 1 < MAC_LEN && s[3 * i + 2] != ':'))
			return false;
		mac[i] = (uint8_t)((high - hex) << 4 | (low - hex));
		any |= mac[i];
	}
	return any && !(mac[0] & 1); /* a device's own: not a group's */
}

void netrecord_mac(json *dev, uint8_t mac[MAC_LEN])
{
	if (!parse_mac(json_str(dev, "mac"), mac))
		abort(); /* not checked before */
}

static int check_common(json *dev, struct err *e)
{
	int64_t mtu = json_int(dev, "mtu", -1), txqlen = json_int(dev, "txqlen", -1);
	json *vlans = NULL;
	struct netvlans v;
	uint8_t mac[MAC_LEN];

	if (!valid_name(json_str(dev, "name")))
		return err_set(e, -EBADMSG, "has a device without a valid name");
	if (!parse_mac(json_str(dev, "mac"), mac))
		return err_set(e, -EBADMSG, "%s has no valid address", json_str(dev, "name"));
	if (mtu < MTU_MIN || mtu > MTU_MAX || txqlen < 0 || txqlen > TXQLEN_MAX)
		return err_set(e, -EBADMSG, "%s has no valid MTU and queue length",
			       json_str(dev, "name"));
	if (json_object_object_get_ex(dev, "vlans", &vlans) && netvlans_from_json(vlans, &v) < 0)
		return err_set(e, -EBADMSG, "VLANs of %s make no sense", json_str(dev, "name"));
	return 0;
}

static int check_settings(const struct netattr_table *table, json *dev, const char *key,
			  bool needed, struct err *e)
{
	json *settings = json_get(dev, key, json_type_object), *any = NULL;
	int r;

	if (!settings && (needed || json_object_object_get_ex(dev, key, &any)))
		return err_set(e, -EBADMSG, "%s has no %s", json_str(dev, "name"), key);
	r = settings ? netattr_valid(table, settings, e) : 0;
	if (r < 0)
		err_prefix(e, "%s of %s", key, json_str(dev, "name"));
	return r;
}

static int check_device(json *dev, struct err *e)
{
	static const char *const modes[] = { "private", "vepa", "bridge", "passthru" };
	const char *kind = json_str(dev, "kind"), *mode = json_str(dev, "mode");
	int r = check_common(dev, e);
	json *any;

	if (r < 0)
		return r;
	if (json_object_object_get_ex(dev, "master", &any) && !valid_name(json_str(dev, "master")))
		return err_set(e, -EBADMSG, "%s is a port of nothing with a valid name",
			       json_str(dev, "name"));
	r = check_settings(&netattr_port, dev, "port", false, e);
	if (r < 0)
		return r;
	if (kind && strcmp(kind, "tun") == 0)
		return check_settings(&netattr_tap, dev, "settings", true, e);
	if (!kind || strcmp(kind, "macvtap") != 0)
		return err_set(e, -EBADMSG, "%s is no tap", json_str(dev, "name"));
	if (!valid_name(json_str(dev, "lower")))
		return err_set(e, -EBADMSG, "%s is on nothing with a valid name",
			       json_str(dev, "name"));
	for (size_t i = 0; mode && i < ARRAY_SIZE(modes); i++)
		if (strcmp(mode, modes[i]) == 0)
			return 0;
	return err_set(e, -EBADMSG, "%s has no valid mode", json_str(dev, "name"));
}

static int check_bridge(json *dev, struct err *e)
{
	int r = check_common(dev, e);

	return r < 0 ? r : check_settings(&netattr_bridge, dev, "settings", true, e);
}

static int check_list(json *net, const char *key, int (*check)(json *dev, struct err *e),
		      struct err *e)
{
	json *list = json_get(net, key, json_type_array);
	int r = 0;

	if (!list || json_object_array_length(list) > DEVICES_MAX)
		return err_set(e, -EBADMSG, "has no list of %s, or one that is too long", key);
	for (size_t i = 0; !r && i < json_object_array_length(list); i++)
		r = check(json_object_array_get_idx(list, i), e);
	return r;
}

int netrecord_check(json *net, struct err *e)
{
	int r = check_list(net, "devices", check_device, e);

	if (!r)
		r = check_list(net, "bridges", check_bridge, e);
	if (r < 0)
		err_prefix(e, "the record of its network");
	return r;
}
