// SPDX-License-Identifier: GPL-2.0-or-later

#include <linux/if_bridge.h>
#include <netlink/msg.h>

#include "netvlan.h"

#include "kselftest_harness.h"

static void put_vlan(struct nl_msg *msg, uint16_t vid, uint16_t flags)
{
	struct bridge_vlan_info info = { .vid = vid, .flags = flags };

	nla_put(msg, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info);
}

TEST(vlans)
{
	struct netvlans have, want;
	struct nl_msg *msg = nlmsg_alloc();
	struct nlattr *spec = nla_nest_start(msg, IFLA_AF_SPEC);
	struct netvlan_run run;
	unsigned int at = 0;
	json *j;

	put_vlan(msg, 1, BRIDGE_VLAN_INFO_PVID | BRIDGE_VLAN_INFO_UNTAGGED);
	put_vlan(msg, 10, BRIDGE_VLAN_INFO_RANGE_BEGIN);
	put_vlan(msg, 20, BRIDGE_VLAN_INFO_RANGE_END);
	put_vlan(msg, 4094, BRIDGE_VLAN_INFO_UNTAGGED);
	nla_nest_end(msg, spec);
	ASSERT_EQ(netvlans_read(spec, &have), 0);
	j = netvlans_json(&have);
	EXPECT_STREQ(json_object_to_json_string_ext(j, 0),
		     "[{\"first\":1,\"last\":1,\"untagged\":true,\"pvid\":true},"
		     "{\"first\":10,\"last\":20,\"untagged\":false,\"pvid\":false},"
		     "{\"first\":4094,\"last\":4094,\"untagged\":true,\"pvid\":false}]");
	ASSERT_EQ(netvlans_from_json(j, &want), 0);
	EXPECT_EQ(memcmp(&have, &want, sizeof(have)), 0);
	EXPECT_FALSE(netvlans_step(&have, &want, &at, &run));
	json_object_put(j);

	/* 1 goes, 12 gets no tag, 4094 becomes the one for frames without. */
	want.flags[1] = 0;
	want.flags[12] |= NETVLAN_UNTAGGED;
	want.flags[4094] |= NETVLAN_PVID;
	at = 0;
	ASSERT_TRUE(netvlans_step(&have, &want, &at, &run));
	EXPECT_TRUE(run.first == 1 && run.last == 1 && !run.flags);
	ASSERT_TRUE(netvlans_step(&have, &want, &at, &run));
	EXPECT_TRUE(run.first == 12 && run.last == 12 &&
		    run.flags == (NETVLAN_MEMBER | NETVLAN_UNTAGGED));
	ASSERT_TRUE(netvlans_step(&have, &want, &at, &run));
	EXPECT_TRUE(run.first == 4094 && run.last == 4094 && run.flags == 7);
	EXPECT_FALSE(netvlans_step(&have, &want, &at, &run));
	nlmsg_free(msg);

	/* A range without its beginning. */
	msg = nlmsg_alloc();
	spec = nla_nest_start(msg, IFLA_AF_SPEC);
	put_vlan(msg, 20, BRIDGE_VLAN_INFO_RANGE_END);
	nla_nest_end(msg, spec);
	EXPECT_EQ(netvlans_read(spec, &have), -EBADMSG);
	nlmsg_free(msg);
}

TEST_HARNESS_MAIN
