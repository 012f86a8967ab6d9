// SPDX-License-Identifier: GPL-2.0-or-later

#include "netattr.h"

#include <arpa/inet.h>
#include <linux/if_link.h>

static const struct netattr tap[] = {
	{ "owner", IFLA_TUN_OWNER, NETATTR_U32 },
	{ "group", IFLA_TUN_GROUP, NETATTR_U32 },
	{ "type", IFLA_TUN_TYPE, NETATTR_U8 },
	{ "pi", IFLA_TUN_PI, NETATTR_U8 },
	{ "vnet_hdr", IFLA_TUN_VNET_HDR, NETATTR_U8 },
	{ "persist", IFLA_TUN_PERSIST, NETATTR_U8 },
	{ "multi_queue", IFLA_TUN_MULTI_QUEUE, NETATTR_U8 },
};

/* In the order in which they are to be set: the kernel checks times against stp_state. */
static const struct netattr bridge[] = {
	{ "forward_delay", IFLA_BR_FORWARD_DELAY, NETATTR_U32 },
	{ "hello_time", IFLA_BR_HELLO_TIME, NETATTR_U32 },
	{ "max_age", IFLA_BR_MAX_AGE, NETATTR_U32 },
	{ "ageing_time", IFLA_BR_AGEING_TIME, NETATTR_U32 },
	{ "priority", IFLA_BR_PRIORITY, NETATTR_U16 },
	{ "stp_state", IFLA_BR_STP_STATE, NETATTR_U32 },
	{ "group_fwd_mask", IFLA_BR_GROUP_FWD_MASK, NETATTR_U16 },
	{ "mcast_snooping", IFLA_BR_MCAST_SNOOPING, NETATTR_U8 },
	{ "mcast_router", IFLA_BR_MCAST_ROUTER, NETATTR_U8 },
	{ "mcast_querier", IFLA_BR_MCAST_QUERIER, NETATTR_U8 },
	{ "mcast_query_use_ifaddr", IFLA_BR_MCAST_QUERY_USE_IFADDR, NETATTR_U8 },
	{ "mcast_igmp_version", IFLA_BR_MCAST_IGMP_VERSION, NETATTR_U8 },
	{ "mcast_mld_version", IFLA_BR_MCAST_MLD_VERSION, NETATTR_U8 },
	{ "mcast_hash_max", IFLA_BR_MCAST_HASH_MAX, NETATTR_U32 },
	{ "mcast_last_member_count", IFLA_BR_MCAST_LAST_MEMBER_CNT, NETATTR_U32 },
	{ "mcast_startup_query_count", IFLA_BR_MCAST_STARTUP_QUERY_CNT, NETATTR_U32 },
	{ "mcast_last_member_interval", IFLA_BR_MCAST_LAST_MEMBER_INTVL, NETATTR_U64 },
	{ "mcast_membership_interval", IFLA_BR_MCAST_MEMBERSHIP_INTVL, NETATTR_U64 },
	{ "mcast_querier_interval", IFLA_BR_MCAST_QUERIER_INTVL, NETATTR_U64 },
	{ "mcast_query_interval", IFLA_BR_MCAST_QUERY_INTVL, NETATTR_U64 },
	{ "mcast_query_response_interval", IFLA_BR_MCAST_QUERY_RESPONSE_INTVL, NETATTR_U64 },
	{ "mcast_startup_query_interval", IFLA_BR_MCAST_STARTUP_QUERY_INTVL, NETATTR_U64 },
	{ "mcast_stats_enabled", IFLA_BR_MCAST_STATS_ENABLED, NETATTR_U8 },
	{ "nf_call_iptables", IFLA_BR_NF_CALL_IPTABLES, NETATTR_U8 },
	{ "nf_call_ip6tables", IFLA_BR_NF_CALL_IP6TABLES, NETATTR_U8 },
	{ "nf_call_arptables", IFLA_BR_NF_CALL_ARPTABLES, NETATTR_U8 },
	{ "vlan_stats_enabled", IFLA_BR_VLAN_STATS_ENABLED, NETATTR_U8 },
	{ "vlan_stats_per_port", IFLA_BR_VLAN_STATS_PER_PORT, NETATTR_U8 },
	{ "vlan_protocol", IFLA_BR_VLAN_PROTOCOL, NETATTR_BE16 },
	{ "vlan_default_pvid", IFLA_BR_VLAN_DEFAULT_PVID, NETATTR_U16 },
	{ "vlan_filtering", IFLA_BR_VLAN_FILTERING, NETATTR_U8 },
};

static const struct netattr port[] = {
	{ "priority", IFLA_BRPORT_PRIORITY, NETATTR_U16 },
	{ "cost", IFLA_BRPORT_COST, NETATTR_U32 },
	{ "hairpin", IFLA_BRPORT_MODE, NETATTR_U8 },
	{ "guard", IFLA_BRPORT_GUARD, NETATTR_U8 },
	{ "root_block", IFLA_BRPORT_PROTECT, NETATTR_U8 },
	{ "fastleave", IFLA_BRPORT_FAST_LEAVE, NETATTR_U8 },
	{ "learning", IFLA_BRPORT_LEARNING, NETATTR_U8 },
	{ "flood", IFLA_BRPORT_UNICAST_FLOOD, NETATTR_U8 },
	{ "proxy_arp", IFLA_BRPORT_PROXYARP, NETATTR_U8 },
	{ "proxy_arp_wifi", IFLA_BRPORT_PROXYARP_WIFI, NETATTR_U8 },
	{ "mcast_router", IFLA_BRPORT_MULTICAST_ROUTER, NETATTR_U8 },
	{ "mcast_flood", IFLA_BRPORT_MCAST_FLOOD, NETATTR_U8 },
	{ "mcast_to_unicast", IFLA_BRPORT_MCAST_TO_UCAST, NETATTR_U8 },
	{ "bcast_flood", IFLA_BRPORT_BCAST_FLOOD, NETATTR_U8 },
	{ "group_fwd_mask", IFLA_BRPORT_GROUP_FWD_MASK, NETATTR_U16 },
	{ "neigh_suppress", IFLA_BRPORT_NEIGH_SUPPRESS, NETATTR_U8 },
	{ "vlan_tunnel", IFLA_BRPORT_VLAN_TUNNEL, NETATTR_U8 },
	{ "isolated", IFLA_BRPORT_ISOLATED, NETATTR_U8 },
	{ "locked", IFLA_BRPORT_LOCKED, NETATTR_U8 },
};

const struct netattr_table netattr_tap = { tap, ARRAY_SIZE(tap) };
const struct netattr_table netattr_bridge = { bridge, ARRAY_SIZE(bridge) };
const struct netattr_table netattr_port = { port, ARRAY_SIZE(port) };

static int get(const struct netattr *a, const struct nlattr *nla, uint64_t *ret)
{
	static const int sizes[] = { [NETATTR_U8] = 1,
				     [NETATTR_U16] = 2,
				     [NETATTR_BE16] = 2,
				     [NETATTR_U32] = 4,
				     [NETATTR_U64] = 8 };

	if (nla_len(nla) < sizes[a->type])
		return -EBADMSG;
	switch (a->type) {
	case NETATTR_U8:
		*ret = nla_get_u8(nla);
		break;
	case NETATTR_U16:
		*ret = nla_get_u16(nla);
		break;
	case NETATTR_BE16:
		*ret = ntohs(nla_get_u16(nla));
		break;
	case NETATTR_U32:
		*ret = nla_get_u32(nla);
		break;
	case NETATTR_U64:
		*ret = nla_get_u64(nla);
		break;
	}
	return *ret > INT64_MAX ? -EBADMSG : 0;
}

json *netattr_read(const struct netattr_table *table, const struct nlattr *nest)
{
	json *ret = json_object_new_object();

	for (size_t i = 0; i < table->n; i++) {
		const struct nlattr *nla = nla_find(nla_data(nest), nla_len(nest), table->v[i].id);
		uint64_t value = 0;

		if (nla && !get(&table->v[i], nla, &value))
			json_set_int(ret, table->v[i].name, (int64_t)value);
	}
	return ret;
}

int netattr_put(struct nl_msg *msg, const struct netattr *a, uint64_t value)
{
	int r = 0;

	switch (a->type) {
	case NETATTR_U8:
		r = nla_put_u8(msg, a->id, (uint8_t)value);
		break;
	case NETATTR_U16:
		r = nla_put_u16(msg, a->id, (uint16_t)value);
		break;
	case NETATTR_BE16:
		r = nla_put_u16(msg, a->id, htons((uint16_t)value));
		break;
	case NETATTR_U32:
		r = nla_put_u32(msg, a->id, (uint32_t)value);
		break;
	case NETATTR_U64:
		r = nla_put_u64(msg, a->id, value);
		break;
	}
	return r < 0 ? -EMSGSIZE : 0;
}

int netattr_valid(const struct netattr_table *table, json *settings, struct err *e)
{
	static const int64_t max[] = { [NETATTR_U8] = UINT8_MAX,
				       [NETATTR_U16] = UINT16_MAX,
				       [NETATTR_BE16] = UINT16_MAX,
				       [NETATTR_U32] = UINT32_MAX,
				       [NETATTR_U64] = INT64_MAX };

	for (size_t i = 0; i < table->n; i++) {
		const struct netattr *a = &table->v[i];
		int64_t n = json_int(settings, a->name, -1);
		json *any;

		if (!json_object_object_get_ex(settings, a->name, &any))
			continue;
		if (n < 0 || n > max[a->type])
			return err_set(e, -EBADMSG, "%s is no such number", a->name);
	}
	return 0;
}

bool netattr_differs(const struct netattr *a, json *wanted, json *have, uint64_t *value)
{
	int64_t n = json_int(wanted, a->name, -1);

	if (n < 0 || n == json_int(have, a->name, -1))
		return false;
	*value = (uint64_t)n;
	return true;
}
