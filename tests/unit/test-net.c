// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a guest's network hangs on, recorded, deleted and made again: with real devices,
 * in a network namespace of each test's own. ip(8) makes them and looks at them, so that
 * the code under test is not its own witness.
 */

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "loop.h"
#include "net.h"

#include "kselftest_harness.h"

#define LATE_MS 200

/* Run a shell command; whether it worked. */
static bool sh(const char *fmt, ...) __printf(1, 2);
static bool sh(const char *fmt, ...)
{
	_cleanup_free_ char *quiet = NULL;
	char command[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	quiet = xasprintf("{ %s; } >/dev/null 2>&1", command);
	return system(quiet) == 0;
}

/* Whether what ip(8) says in detail of @dev has @words. */
static bool shows(const char *dev, const char *words)
{
	return sh("ip -d link show dev %s | tr -s ' \\n' ' ' | grep -qF -- '%s'", dev, words);
}

FIXTURE(net)
{
	struct strv argv, remarks;
	json *net, *findings;
	bool vlans;
	int64_t took_ms;
	enum net_when when;
	int timeout_ms, r;
	struct err e;
};

FIXTURE_SETUP(net)
{
	*self = (FIXTURE_DATA(net)){ .timeout_ms = 1000 };
	strv_add(&self->argv, "qemu");
	strv_add(&self->argv, "-nodefaults");
	self->findings = json_object_new_array();
	ASSERT_EQ(loop_init(), 0);
	if (geteuid() != 0)
		SKIP(return, "needs root");
	ASSERT_EQ(unshare(CLONE_NEWNET), 0);
	self->vlans = sh("ip link add vlans type bridge vlan_filtering 1 && ip link del vlans");
	if (!self->vlans)
		TH_LOG("this kernel has no VLANs in bridges: tested without");
}

FIXTURE_TEARDOWN(net)
{
	strv_free(&self->argv);
	strv_free(&self->remarks);
	json_object_put(self->net);
	json_object_put(self->findings);
}

static void netdev(FIXTURE_DATA(net) * self, const char *value)
{
	strv_add(&self->argv, "-netdev");
	strv_add(&self->argv, value);
}

static int describe(FIXTURE_DATA(net) * self)
{
	json_object_put(self->net);
	self->net = NULL;
	json_object_put(self->findings);
	self->findings = json_object_new_array();
	return net_describe(&self->argv, getpid(), "g", &self->net, self->findings, &self->e);
}

/* The words of the findings of @level. */
static const char *findings(FIXTURE_DATA(net) * self, const char *level)
{
	static char all[2048];

	all[0] = '\0';
	for (size_t i = 0; i < json_object_array_length(self->findings); i++) {
		json *f = json_object_array_get_idx(self->findings, i);

		if (strcmp(json_str(f, "level"), level) == 0)
			strncat(all, json_str(f, "what"), sizeof(all) - strlen(all) - 1);
	}
	return all;
}

static json *item(FIXTURE_DATA(net) * self, const char *list, size_t i)
{
	return json_object_array_get_idx(json_get(self->net, list, json_type_array), i);
}

static void rebuild_task(void *arg)
{
	FIXTURE_DATA(net) *self = arg;
	int64_t start = now_ms();

	self->r = net_rebuild(self->net, self->when, self->timeout_ms, &self->remarks, &self->e);
	self->took_ms = now_ms() - start;
	loop_quit();
}

static int rebuild(FIXTURE_DATA(net) * self, enum net_when when)
{
	strv_free(&self->remarks);
	self->when = when;
	task_start(rebuild_task, self);
	loop_run();
	loop_init(); /* it runs once */
	if (self->r < 0)
		printf("# error: %s\n", self->e.text);
	for (size_t i = 0; i < self->remarks.n; i++)
		printf("# remark: %s\n", self->remarks.v[i]);
	return self->r;
}

static bool remarked(FIXTURE_DATA(net) * self, const char *words)
{
	for (size_t i = 0; i < self->remarks.n; i++)
		if (strstr(self->remarks.v[i], words))
			return true;
	return false;
}

/* A bridge with nothing but the guest's taps, each setting away from its default. */
static bool make_private(FIXTURE_DATA(net) * self)
{
	return sh("ip link add br0 address 02:00:00:00:00:01 type bridge ageing_time 12300 "
		  "forward_delay 200 priority 4096 mcast_snooping 0 group_fwd_mask 8") &&
	       sh("ip tuntap add dev t0 mode tap user 65534 group 65533 vnet_hdr") &&
	       sh("ip tuntap add dev t1 mode tap multi_queue") &&
	       sh("ip link set t0 address 02:00:00:00:00:02 mtu 1400 txqueuelen 77 master br0 up") &&
	       sh("ip link set t1 address 02:00:00:00:00:03 master br0") &&
	       sh("ip link set t0 type bridge_slave isolated on learning off cost 55 priority 9 "
		  "hairpin on guard on root_block on flood off mcast_flood off bcast_flood off "
		  "neigh_suppress on fastleave on") &&
	       (!self->vlans ||
		(sh("ip link set br0 type bridge vlan_default_pvid 7 "
		    "vlan_filtering 1") &&
		 sh("bridge vlan del dev t0 vid 1") && sh("bridge vlan del dev t0 vid 7") &&
		 sh("bridge vlan add dev t0 vid 100 pvid untagged") &&
		 sh("bridge vlan add dev t0 vid 200-300") &&
		 sh("bridge vlan add dev br0 vid 200 self"))) &&
	       sh("ip link set br0 up");
}

static void two_taps(FIXTURE_DATA(net) * self)
{
	netdev(self, "tap,id=a,ifname=t0,script=no,downscript=no,vhost=off");
	netdev(self, "{\"type\":\"tap\",\"id\":\"b\",\"ifname\":\"t1\",\"script\":\"no\","
		     "\"queues\":4}");
}

TEST_F(net, what_was_deleted_is_made_as_it_was)
{
	_cleanup_json_ json *before = NULL;
	char what[64] = "";

	ASSERT_TRUE(make_private(self));
	two_taps(self);
	ASSERT_EQ(describe(self), 0);
	before = json_object_get(self->net);
	EXPECT_EQ(json_object_array_length(self->findings), 0);
	EXPECT_EQ(json_object_array_length(json_get(before, "devices", json_type_array)), 2);
	EXPECT_EQ(json_object_array_length(json_get(before, "bridges", json_type_array)), 1);
	EXPECT_FALSE(json_flag(item(self, "bridges", 0), "host"));

	ASSERT_TRUE(sh("ip link del t0 && ip link del t1 && ip link del br0"));
	EXPECT_EQ(net_ready(self->net, &self->e), 0);
	self->timeout_ms = 20000;
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	EXPECT_EQ(self->remarks.n, 0);
	EXPECT_LT(self->took_ms, 10000); /* nobody was waited for, however slow the machine */
	ASSERT_EQ(rebuild(self, NET_AFTER_QEMU), 0);
	EXPECT_EQ(self->remarks.n, 0);

	EXPECT_TRUE(shows("t0", "02:00:00:00:00:02"));
	EXPECT_TRUE(shows("t0", "mtu 1400"));
	EXPECT_TRUE(shows("t0", "qlen 77"));
	EXPECT_TRUE(shows("t0", "master br0"));
	EXPECT_TRUE(shows("t0", "type tap pi off vnet_hdr on persist on"));
	EXPECT_TRUE(sh("ip -d link show t0 | grep -Eq 'user (nobody|65534) group 65533'"));
	EXPECT_TRUE(shows("t0", "UP"));
	EXPECT_TRUE(shows("t0", "isolated on"));
	EXPECT_TRUE(shows("t0", "learning off"));
	EXPECT_TRUE(shows("t0", "cost 55"));
	EXPECT_TRUE(shows("t0", "hairpin on guard on root_block on fastleave on"));
	EXPECT_TRUE(shows("t1", "multi_queue"));
	EXPECT_FALSE(shows("t1", "UP"));
	EXPECT_TRUE(shows("br0", "02:00:00:00:00:01"));
	EXPECT_TRUE(shows("br0", "ageing_time 12300"));
	EXPECT_TRUE(shows("br0", "forward_delay 200"));
	EXPECT_TRUE(shows("br0", "mtu 1400"));
	EXPECT_TRUE(sh("ip link del t0"));
	EXPECT_TRUE(shows("br0", "mtu 1500")); /* still its ports' smallest */
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	if (self->vlans) {
		EXPECT_TRUE(sh("bridge vlan show dev t0 | grep -q '100 PVID Egress Untagged'"));
		EXPECT_TRUE(sh("bridge vlan show dev t0 | grep -q 300"));
		EXPECT_FALSE(sh("bridge vlan show dev t0 | grep -qw 1"));
		EXPECT_TRUE(sh("bridge vlan show dev br0 | grep -q 200"));
	}

	ASSERT_EQ(describe(self), 0);
	EXPECT_FALSE(net_changed(before, self->net, what, sizeof(what)));
	EXPECT_STREQ(what, "");
}

TEST_F(net, what_is_there_is_left_alone)
{
	_cleanup_json_ json *before = NULL;

	ASSERT_TRUE(make_private(self));
	two_taps(self);
	ASSERT_EQ(describe(self), 0);
	before = json_object_get(self->net);
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	EXPECT_EQ(self->remarks.n, 0);

	/* Other than it was: said, and left so. */
	ASSERT_TRUE(sh("ip link set t0 mtu 1300 address 02:00:00:00:00:99"));
	ASSERT_TRUE(sh("ip link set t0 type bridge_slave isolated off"));
	ASSERT_TRUE(sh("ip link set br0 type bridge ageing_time 500"));
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	EXPECT_TRUE(remarked(self, "t0: MTU was 1400, is 1300"));
	EXPECT_TRUE(remarked(self, "t0: has another address"));
	EXPECT_TRUE(remarked(self, "t0: isolated was 1, is 0"));
	EXPECT_TRUE(remarked(self, "br0: ageing_time was 12300, is 500"));
	EXPECT_TRUE(shows("t0", "mtu 1300"));
	EXPECT_TRUE(shows("t0", "02:00:00:00:00:99"));
	EXPECT_TRUE(shows("t0", "isolated off"));
	EXPECT_TRUE(shows("br0", "ageing_time 500"));

	/* On another bridge: the host's new set-up wants it so. */
	ASSERT_TRUE(sh("ip link add br1 type bridge && ip link set t1 master br1"));
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	EXPECT_TRUE(remarked(self, "t1: is a port of something else than br0"));
	EXPECT_TRUE(shows("t1", "master br1"));
}

TEST_F(net, a_bridge_of_a_fixed_mtu_has_it_again)
{
	ASSERT_TRUE(make_private(self));
	ASSERT_TRUE(sh("ip link set br0 mtu 1280"));
	two_taps(self);
	ASSERT_EQ(describe(self), 0);
	ASSERT_TRUE(sh("ip link del t0 && ip link del t1 && ip link del br0"));
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	EXPECT_EQ(self->remarks.n, 0);
	EXPECT_TRUE(shows("br0", "mtu 1280"));
	ASSERT_TRUE(sh("ip link set br0 mtu 1300"));
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	EXPECT_TRUE(remarked(self, "br0: MTU was 1280, is 1300"));
}

TEST_F(net, a_tap_made_by_the_host_is_connected)
{
	ASSERT_TRUE(make_private(self));
	two_taps(self);
	ASSERT_EQ(describe(self), 0);
	ASSERT_TRUE(sh("ip link set t0 nomaster && ip link set t0 down"));
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	EXPECT_EQ(self->remarks.n, 0);
	EXPECT_TRUE(shows("t0", "master br0"));
	EXPECT_TRUE(shows("t0", "UP"));
	EXPECT_TRUE(shows("t0", "isolated on"));
	EXPECT_TRUE(shows("t0", "cost 55"));
}

TEST_F(net, a_tap_that_qemu_cannot_use_is_an_error)
{
	ASSERT_TRUE(make_private(self));
	two_taps(self);
	ASSERT_EQ(describe(self), 0);
	ASSERT_TRUE(sh("ip link del t1 && ip tuntap add dev t1 mode tap"));
	EXPECT_EQ(rebuild(self, NET_BEFORE_QEMU), -EEXIST);
	EXPECT_NE(strstr(self->e.text, "tap t1: was made without multi_queue"), NULL);
	ASSERT_TRUE(sh("ip link del t1 && ip link add t1 type veth peer name v"));
	EXPECT_EQ(rebuild(self, NET_BEFORE_QEMU), -EEXIST);
	EXPECT_NE(strstr(self->e.text, "that is no tap"), NULL);
	ASSERT_TRUE(sh("ip link del t1 && ip tuntap add dev t1 mode tun multi_queue"));
	EXPECT_EQ(rebuild(self, NET_BEFORE_QEMU), -EEXIST);
	EXPECT_NE(strstr(self->e.text, "is a tun device"), NULL);
}

static bool make_hosts(void)
{
	return sh(
		"ip link add br0 type bridge stp_state 0 && ip link add eth9 address 00:00:5e:00:53:01 type veth peer "
		"name far && ip link set eth9 master br0 && ip addr add 192.0.2.1/24 dev br0 && "
		"ip link set br0 up && ip tuntap add dev t0 mode tap && "
		"ip link set t0 master br0 up");
}

static void late_bridge(void *arg)
{
	(void)arg;
	task_sleep(LATE_MS);
	sh("ip link add other type veth peer name other2"); /* wakes, and is not it */
	task_sleep(LATE_MS);
	sh("ip link add br0 type bridge && ip link set br0 up");
}

TEST_F(net, a_bridge_of_the_hosts_is_waited_for)
{
	_cleanup_free_ char *mac = NULL;

	ASSERT_TRUE(make_hosts());
	netdev(self, "tap,ifname=t0,script=no");
	ASSERT_EQ(describe(self), 0);
	EXPECT_TRUE(json_flag(item(self, "bridges", 0), "host"));
	EXPECT_STREQ(json_object_to_json_string_ext(
			     json_get(item(self, "bridges", 0), "ports", json_type_array), 0),
		     "[\"eth9\"]");
	EXPECT_STREQ(json_object_to_json_string_ext(
			     json_get(item(self, "bridges", 0), "addresses", json_type_array), 0),
		     "[\"192.0.2.1\\/24\"]");
	mac = xstrdup(json_str(item(self, "bridges", 0), "mac"));
	EXPECT_EQ(net_ready(self->net, &self->e), 0);
	ASSERT_TRUE(sh("ip link del t0 && ip link del eth9 && ip link del br0"));
	EXPECT_EQ(net_ready(self->net, &self->e), -ETIMEDOUT);
	EXPECT_STREQ(self->e.text, "br0 is not there");

	self->timeout_ms = 20000;
	task_start(late_bridge, NULL);
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	EXPECT_GE(self->took_ms, 2 * LATE_MS);
	EXPECT_LT(self->took_ms, 10000);
	EXPECT_EQ(self->remarks.n, 0);
	EXPECT_FALSE(shows("br0", mac)); /* theirs, not ours */
	EXPECT_TRUE(shows("t0", "master br0"));
}

TEST_F(net, a_bridge_that_does_not_come_is_made_with_a_remark)
{
	ASSERT_TRUE(make_hosts());
	netdev(self, "tap,ifname=t0,script=no");
	ASSERT_EQ(describe(self), 0);
	ASSERT_TRUE(sh("ip link del t0 && ip link del eth9 && ip link del br0"));
	self->timeout_ms = 1000;
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	EXPECT_GE(self->took_ms, 1000);
	EXPECT_TRUE(remarked(self, "nobody has brought it up in 1 s"));
	EXPECT_TRUE(shows("t0", "master br0"));
}

static void two_at_once_task(void *arg)
{
	FIXTURE_DATA(net) *self = arg;

	self->r = net_rebuild(self->net, NET_BEFORE_QEMU, 300, &self->remarks, &self->e);
}

static void two_at_once(void *arg)
{
	FIXTURE_DATA(net) *self = arg;
	struct task_group group = { 0 };

	task_group_start(&group, two_at_once_task, &self[0]);
	task_group_start(&group, two_at_once_task, &self[1]);
	task_group_wait(&group);
	loop_quit();
}

TEST_F(net, guests_that_share_a_bridge_come_back_side_by_side)
{
	FIXTURE_DATA(net) two[2] = { 0 };

	ASSERT_TRUE(make_hosts());
	ASSERT_TRUE(sh("ip tuntap add dev t1 mode tap && ip link set t1 master br0 up"));
	for (int i = 0; i < 2; i++) {
		strv_add(&two[i].argv, "qemu");
		netdev(&two[i], i ? "tap,ifname=t1,script=no" : "tap,ifname=t0,script=no");
		ASSERT_EQ(net_describe(&two[i].argv, 0, "g", &two[i].net, NULL, &self->e), 0);
	}
	ASSERT_TRUE(sh("ip link del t0; ip link del t1; ip link del eth9; ip link del br0"));
	task_start(two_at_once, two);
	loop_run();
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(two[i].r, 0);
		EXPECT_TRUE(shows(i ? "t1" : "t0", "master br0"));
	}
	/* One of them made it, the other found it: not both say that it was missing. */
	EXPECT_EQ(two[0].remarks.n + two[1].remarks.n, 1);
	for (int i = 0; i < 2; i++) {
		strv_free(&two[i].argv);
		strv_free(&two[i].remarks);
		json_object_put(two[i].net);
	}
}

/* As QEMU makes one that is not there: it goes with the fd. */
static int qemus_tap(const char *name)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
	int fd = open("/dev/net/tun", O_RDWR);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	return fd < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0 ? -1 : fd;
}

TEST_F(net, a_tap_of_qemus_own_is_brought_to_what_it_was)
{
	int fd = qemus_tap("q0");

	ASSERT_GE(fd, 0);
	ASSERT_TRUE(sh("ip link add br0 type bridge && ip link set q0 address 02:00:00:00:00:07 "
		       "mtu 1450 master br0 up && ip link set q0 type bridge_slave isolated on"));
	netdev(self, "tap,ifname=q0,script=no");
	ASSERT_EQ(describe(self), 0);
	close(fd);
	ASSERT_FALSE(shows("q0", ""));
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	EXPECT_FALSE(shows("q0", "")); /* QEMU's to make */

	fd = qemus_tap("q0");
	ASSERT_GE(fd, 0);
	ASSERT_EQ(rebuild(self, NET_AFTER_QEMU), 0);
	EXPECT_EQ(self->remarks.n, 0);
	EXPECT_TRUE(shows("q0", "master br0"));
	EXPECT_TRUE(shows("q0", "mtu 1450"));
	EXPECT_TRUE(shows("q0", "02:00:00:00:00:07"));
	EXPECT_TRUE(shows("q0", "isolated on"));
	EXPECT_TRUE(shows("q0", "UP"));
	close(fd);
	EXPECT_FALSE(shows("q0", "")); /* and goes with it, as it did */
}

TEST_F(net, what_a_script_connects_is_left_to_it_and_completed)
{
	ASSERT_TRUE(make_private(self));
	netdev(self, "tap,ifname=t0,script=/etc/ifup");
	ASSERT_EQ(describe(self), 0);
	ASSERT_TRUE(sh("ip link del t0"));
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	EXPECT_FALSE(shows("t0", "master"));
	ASSERT_TRUE(sh("ip link set t0 up master br0")); /* the script's, strict about it */
	ASSERT_EQ(rebuild(self, NET_AFTER_QEMU), 0);
	EXPECT_EQ(self->remarks.n, 0);
	EXPECT_TRUE(shows("t0", "isolated on"));
}

TEST_F(net, macvtap)
{
	_cleanup_free_ char *value = NULL;
	char node[32];
	int fd;

	ASSERT_TRUE(sh("ip link add low type veth peer name far && ip link set low up && "
		       "ip link add link low name m0 address 02:00:00:00:00:05 type macvtap mode "
		       "private && ip link set m0 up"));
	snprintf(node, sizeof(node), "/dev/tap%u", if_nametoindex("m0"));
	fd = open(node, O_RDWR);
	ASSERT_GE(fd, 0);
	value = xasprintf("tap,fd=%d", fd);
	netdev(self, value);
	ASSERT_EQ(describe(self), 0);
	EXPECT_NE(strstr(findings(self, "blocked"), "file descriptor"), NULL);
	EXPECT_STREQ(json_str(item(self, "devices", 0), "lower"), "low");
	close(fd);
	EXPECT_EQ(net_ready(self->net, &self->e), -EAGAIN);
	EXPECT_STREQ(self->e.text, "m0 hangs on a network card");
	ASSERT_TRUE(sh("ip link del low"));

	self->timeout_ms = 100;
	EXPECT_EQ(rebuild(self, NET_BEFORE_QEMU), -ENODEV);
	EXPECT_NE(strstr(self->e.text, "low has not come"), NULL);
	ASSERT_TRUE(sh("ip link add low type veth peer name far && ip link set low up"));
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	EXPECT_EQ(self->remarks.n, 0);
	EXPECT_TRUE(shows("m0", "m0@low"));
	EXPECT_TRUE(shows("m0", "macvtap mode private"));
	EXPECT_TRUE(shows("m0", "02:00:00:00:00:05"));
	EXPECT_TRUE(shows("m0", "UP"));
	ASSERT_EQ(rebuild(self, NET_BEFORE_QEMU), 0);
	EXPECT_EQ(self->remarks.n, 0);
}

TEST_F(net, what_an_update_does_to_it_is_said)
{
	ASSERT_TRUE(sh("ip link add br0 type bridge stp_state 1 forward_delay 1500 && "
		       "ip tuntap add dev t0 mode tap && ip link set t0 master br0 && "
		       "ip tuntap add dev t1 mode tap && ip addr add 198.51.100.1/24 dev t1"));
	netdev(self, "user,id=u");
	netdev(self, "vhost-user,chardev=c");
	netdev(self, "{\"type\":\"vhost-vdpa\",\"vhostdev\":\"/dev/v\"}");
	netdev(self, "tap,ifname=t0,script=no");
	netdev(self, "tap,ifname=t1,script=no");
	netdev(self, "tap,ifname=nosuch");
	netdev(self, "tap,script=no");
	netdev(self, "martian");
	ASSERT_EQ(describe(self), 0);
	EXPECT_NE(strstr(findings(self, "note"), "type user"), NULL);
	EXPECT_NE(strstr(findings(self, "note"), "br0 runs the spanning tree"), NULL);
	EXPECT_NE(strstr(findings(self, "note"), "t1 has the address 198.51.100.1/24"), NULL);
	EXPECT_NE(strstr(findings(self, "blocked"), "type vhost-user"), NULL);
	EXPECT_NE(strstr(findings(self, "blocked"), "type vhost-vdpa"), NULL);
	EXPECT_NE(strstr(findings(self, "blocked"), "QEMU names the guest's tap"), NULL);
	EXPECT_NE(strstr(findings(self, "unknown"), "no tap nosuch"), NULL);
	EXPECT_NE(strstr(findings(self, "unknown"), "type martian"), NULL);
}

TEST_F(net, a_change_is_seen)
{
	_cleanup_json_ json *before = NULL;
	char what[64];

	ASSERT_TRUE(make_private(self));
	two_taps(self);
	ASSERT_EQ(describe(self), 0);
	before = json_object_get(self->net);
	/* A neighbour comes and goes: nothing to do with us. */
	ASSERT_TRUE(sh("ip tuntap add dev t9 mode tap && ip link set t9 master br0"));
	ASSERT_EQ(describe(self), 0);
	EXPECT_FALSE(net_changed(before, self->net, what, sizeof(what)));
	ASSERT_TRUE(sh("ip link set t1 nomaster"));
	ASSERT_EQ(describe(self), 0);
	EXPECT_TRUE(net_changed(before, self->net, what, sizeof(what)));
	EXPECT_STREQ(what, "t1");
	ASSERT_TRUE(sh("ip link set t1 master br0 && ip link set br0 type bridge ageing_time 1"));
	ASSERT_EQ(describe(self), 0);
	EXPECT_TRUE(net_changed(before, self->net, what, sizeof(what)));
	EXPECT_STREQ(what, "br0");
	EXPECT_TRUE(net_changed(NULL, self->net, what, sizeof(what)));
	EXPECT_FALSE(net_changed(NULL, NULL, what, sizeof(what)));
}

/* One record that is good, with one thing in it replaced. */
static int with(FIXTURE_DATA(net) * self, const char *list, const char *key, const char *value)
{
	_cleanup_json_ json *good = json_object_get(self->net);
	json *j = NULL;
	int r;

	json_object_deep_copy(good, &j, NULL);
	self->net = j;
	if (key)
		json_object_object_add(item(self, list, 0), key, json_tokener_parse(value));
	else
		json_object_object_add(j, list, json_tokener_parse(value));
	r = rebuild(self, NET_BEFORE_QEMU);
	json_object_put(self->net);
	self->net = json_object_get(good);
	return r;
}

TEST_F(net, a_record_that_makes_no_sense_is_refused)
{
	static const struct {
		const char *list, *key, *value;
	} bad[] = {
		{ "devices", NULL, "7" },
		{ "bridges", NULL, "{}" },
		{ "devices", NULL, "[null]" },
		{ "devices", NULL, "[[]]" },
		{ "devices", "name", "\"a/b\"" },
		{ "devices", "name", "\"\"" },
		{ "devices", "name", "\"..\"" },
		{ "devices", "name", "\"t%d\"" },
		{ "devices", "name", "\"a b\"" },
		{ "devices", "name", "\"sixteen-letters-\"" },
		{ "devices", "name", "null" },
		{ "devices", "kind", "\"bridge\"" },
		{ "devices", "kind", "\"macvtap\"" },
		{ "devices", "mac", "\"02:00:00:00:00\"" },
		{ "devices", "mac", "\"01:00:00:00:00:00\"" },
		{ "devices", "mac", "\"00:00:00:00:00:00\"" },
		{ "devices", "mac", "\"02:00:00:00:00:zz\"" },
		{ "devices", "mtu", "0" },
		{ "devices", "mtu", "4294967296" },
		{ "devices", "mtu", "\"1500\"" },
		{ "devices", "txqlen", "-1" },
		{ "devices", "master", "\"../br0\"" },
		{ "devices", "master", "9" },
		{ "devices", "settings", "null" },
		{ "devices", "settings", "{\"owner\":-2}" },
		{ "devices", "settings", "{\"owner\":4294967296}" },
		{ "devices", "settings", "{\"persist\":true}" },
		{ "devices", "port", "{\"cost\":\"1\"}" },
		{ "devices", "port", "[]" },
		{ "devices", "vlans", "{}" },
		{ "devices", "vlans", "[{\"first\":0,\"last\":1}]" },
		{ "devices", "vlans", "[{\"first\":1,\"last\":4095}]" },
		{ "devices", "vlans", "[{\"first\":2,\"last\":1}]" },
		{ "devices", "vlans", "[{\"first\":1,\"last\":2,\"pvid\":true}]" },
		{ "devices", "vlans", "[{\"first\":1,\"last\":2},{\"first\":2,\"last\":2}]" },
		{ "bridges", "name", "\"br/0\"" },
		{ "bridges", "settings", "7" },
		{ "bridges", "settings", "{\"priority\":65536}" },
	};
	_cleanup_free_ char *many = NULL;
	const char *one;

	ASSERT_TRUE(make_private(self));
	two_taps(self);
	ASSERT_EQ(describe(self), 0);
	ASSERT_TRUE(sh("ip link del t0 && ip link del t1 && ip link del br0"));
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(with(self, bad[i].list, bad[i].key, bad[i].value), -EBADMSG)
		{
			TH_LOG("%s %s %s", bad[i].list, bad[i].key, bad[i].value);
		}
	}
	/* Each of them good, but too many. */
	one = json_object_to_json_string(item(self, "devices", 0));
	many = xasprintf("[%s", one);
	for (int i = 0; i < 64; i++) {
		char *more = xasprintf("%s,%s", many, one);

		free(many);
		many = more;
	}
	strv_addf(&self->argv, "%s]", many);
	EXPECT_EQ(with(self, "devices", NULL, self->argv.v[self->argv.n - 1]), -EBADMSG);
	/* And nothing was made of the parts that did. */
	EXPECT_FALSE(shows("br0", ""));
	EXPECT_FALSE(shows("t0", ""));
	/* What a newer one adds is nobody's business. */
	EXPECT_EQ(with(self, "devices", "new", "[1]"), 0);
}

TEST_HARNESS_MAIN
