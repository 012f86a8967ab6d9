/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The VLANs of a bridge port, or of a bridge itself: netlink's form, JSON's, and the way from one set to another. */
#ifndef VMKEEP_NETVLAN_H
#define VMKEEP_NETVLAN_H

#include <netlink/attr.h>

#include "jsonio.h"

#define NETVLAN_MAX 4094

/**
 * struct netvlans - A set of VLANs.
 * @flags:	By VLAN: 0, or NETVLAN_MEMBER with NETVLAN_UNTAGGED and NETVLAN_PVID.
 */
struct netvlans {
	uint8_t flags[NETVLAN_MAX + 1];
};
#define NETVLAN_MEMBER 1
#define NETVLAN_UNTAGGED 2 /* frames leave without a tag */
#define NETVLAN_PVID 4	   /* frames that come without one are in this VLAN */

/**
 * netvlans_read() - Read the IFLA_BRIDGE_VLAN_INFO attributes in an IFLA_AF_SPEC.
 *
 * Return: 0, or -EBADMSG for ranges that make no sense.
 */
int netvlans_read(const struct nlattr *af_spec, struct netvlans *ret);

/** netvlans_json() - An array of runs: "first", "last", "untagged", "pvid". Caller puts it. */
json *netvlans_json(const struct netvlans *v);

/** netvlans_from_json() - The opposite. Return: 0, or -EBADMSG for what is no such array. */
int netvlans_from_json(json *array, struct netvlans *ret);

/** struct netvlan_run - VLANs next to each other that need the same: become @flags, or if 0, go. */
struct netvlan_run {
	uint16_t first, last;
	uint8_t flags;
};

/**
 * netvlans_step() - The next thing to do on the way from @have to @want.
 * @at:		Where to go on; begin with 0.
 *
 * Return: Whether there was one.
 */
bool netvlans_step(const struct netvlans *have, const struct netvlans *want, unsigned int *at,
		   struct netvlan_run *run);

#endif
