// SPDX-License-Identifier: GPL-2.0-or-later

#include "netvlan.h"

#include <linux/if_bridge.h>

static uint8_t from_kernel(uint16_t flags)
{
	return (uint8_t)(NETVLAN_MEMBER |
			 (flags & BRIDGE_VLAN_INFO_UNTAGGED ? NETVLAN_UNTAGGED : 0) |
			 (flags & BRIDGE_VLAN_INFO_PVID ? NETVLAN_PVID : 0));
}

int netvlans_read(const struct nlattr *af_spec, struct netvlans *ret)
{
	struct nlattr *nla;
	unsigned int first = 0;
	int left;

	*ret = (struct netvlans){ 0 };
	nla_for_each_nested(nla, af_spec, left)
	{
		struct bridge_vlan_info info;

		if (nla_type(nla) != IFLA_BRIDGE_VLAN_INFO)
			continue;
		if (nla_len(nla) < (int)sizeof(info))
			return -EBADMSG;
		memcpy(&info, nla_data(nla), sizeof(info));
		if (!info.vid || info.vid > NETVLAN_MAX)
			return -EBADMSG;
		if (info.flags & BRIDGE_VLAN_INFO_RANGE_BEGIN) {
			first = info.vid;
			continue;
		}
		if (!(info.flags & BRIDGE_VLAN_INFO_RANGE_END))
			first = info.vid;
		if (!first || first > info.vid)
			return -EBADMSG;
		for (unsigned int vid = first; vid <= info.vid; vid++)
			ret->flags[vid] = from_kernel(info.flags);
		first = 0;
	}
	return 0;
}

/* The last of the VLANs from @first on that all are as @first in both sets. */
static unsigned int run_end(const struct netvlans *a, const struct netvlans *b, unsigned int first)
{
	unsigned int last = first;

	while (last < NETVLAN_MAX && a->flags[last + 1] == a->flags[first] &&
	       b->flags[last + 1] == b->flags[first])
		last++;
	return last;
}

json *netvlans_json(const struct netvlans *v)
{
	json *array = json_object_new_array();

	for (unsigned int vid = 1, last; vid <= NETVLAN_MAX; vid = last + 1) {
		json *run;

		last = run_end(v, v, vid);
		if (!v->flags[vid])
			continue;
		run = json_object_new_object();
		json_set_int(run, "first", vid);
		json_set_int(run, "last", last);
		json_set_bool(run, "untagged", v->flags[vid] & NETVLAN_UNTAGGED);
		json_set_bool(run, "pvid", v->flags[vid] & NETVLAN_PVID);
		json_object_array_add(array, run);
	}
	return array;
}

int netvlans_from_json(json *array, struct netvlans *ret)
{
	bool pvid = false;

	*ret = (struct netvlans){ 0 };
	if (!json_object_is_type(array, json_type_array) ||
	    json_object_array_length(array) > NETVLAN_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		json *run = json_object_array_get_idx(array, i);
		int64_t first = json_int(run, "first", 0), last = json_int(run, "last", 0);
		uint8_t flags = NETVLAN_MEMBER;

		if (first < 1 || last < first || last > NETVLAN_MAX)
			return -EBADMSG;
		if (json_flag(run, "untagged"))
			flags |= NETVLAN_UNTAGGED;
		if (json_flag(run, "pvid")) {
			if (pvid || first != last)
				return -EBADMSG; /* a port has one */
			pvid = true;
			flags |= NETVLAN_PVID;
		}
		for (int64_t vid = first; vid <= last; vid++) {
			if (ret->flags[vid])
				return -EBADMSG;
			ret->flags[vid] = flags;
		}
	}
	return 0;
}

bool netvlans_step(const struct netvlans *have, const struct netvlans *want, unsigned int *at,
		   struct netvlan_run *run)
{
	for (unsigned int vid = *at ? *at : 1, last; vid <= NETVLAN_MAX; vid = last + 1) {
		last = run_end(have, want, vid);
		if (have->flags[vid] == want->flags[vid])
			continue;
		*run = (struct netvlan_run){ (uint16_t)vid, (uint16_t)last, want->flags[vid] };
		*at = last + 1;
		return true;
	}
	*at = NETVLAN_MAX + 1;
	return false;
}
