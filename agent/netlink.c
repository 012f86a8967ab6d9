// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libnl-route-3 knows links and addresses, but (3.7) neither a tap's properties, nor a
 * bridge's own, nor all of a port's: those are read from the message it has parsed, and
 * written as messages of our own. Requests are sent here and not by it because its error
 * codes fold many of the kernel's into one, and people want the kernel's.
 */

#include "netlink.h"

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/macvtap.h>
#include <poll.h>
#include <stdio.h>

#include "loop.h"

void netdev_free(struct netdev *dev)
{
	json_object_put(dev->settings);
	json_object_put(dev->port);
	*dev = (struct netdev){ 0 };
}

int netlink_open(struct nl_sock **ret)
{
	struct nl_sock *sk = nl_socket_alloc();

	if (!sk)
		return -ENOMEM;
	if (nl_connect(sk, NETLINK_ROUTE) < 0) {
		int r = errno ? -errno : -EIO;

		nl_socket_free(sk);
		return r;
	}
	*ret = sk;
	return 0;
}

void netlink_close(struct nl_sock **sk)
{
	if (*sk)
		nl_socket_free(*sk);
	*sk = NULL;
}

/* --- asking --- */

struct answer {
	bool done;
	int error;
	void (*fn)(struct nl_msg *msg, void *arg);
	void *arg;
};

static int on_message(struct nl_msg *msg, void *arg)
{
	struct answer *a = arg;

	if (a->fn)
		a->fn(msg, a->arg);
	return NL_OK;
}

static int on_done(struct nl_msg *msg, void *arg)
{
	struct answer *a = arg;

	(void)msg;
	a->done = true;
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	struct answer *a = arg;

	(void)from;
	a->done = true;
	a->error = err->error;
	return NL_STOP;
}

/* Send @msg, which is freed, and call @fn for each message of the answer. */
static int talk(struct nl_sock *sk, struct nl_msg *msg, void (*fn)(struct nl_msg *, void *),
		void *arg)
{
	struct answer a = { .fn = fn, .arg = arg };
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int r = 0;

	if (!cb) {
		nlmsg_free(msg);
		return -ENOMEM;
	}
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_message, &a);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_done, &a);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_done, &a);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, &a);
	r = nl_send_auto(sk, msg);
	while (r >= 0 && !a.done)
		r = nl_recvmsgs(sk, cb);
	nl_cb_put(cb);
	nlmsg_free(msg);
	if (a.error)
		return a.error;
	if (r == -NLE_DUMP_INTR)
		return -EAGAIN;
	return a.done ? 0 : -EIO;
}

static struct nl_msg *request(int type, int flags, int family, int index)
{
	struct ifinfomsg ifi = { .ifi_family = (unsigned char)family, .ifi_index = index };
	struct nl_msg *msg = nlmsg_alloc_simple(type, flags);

	if (!msg || nlmsg_append(msg, &ifi, sizeof(ifi), NLMSG_ALIGNTO) < 0)
		abort(); /* like xmalloc0() */
	return msg;
}

/* --- reading --- */

static void on_link(struct nl_object *obj, void *arg)
{
	struct rtnl_link *link = (struct rtnl_link *)obj;
	struct netdev *dev = arg;
	struct nl_addr *addr = rtnl_link_get_addr(link);
	const char *kind = rtnl_link_get_type(link), *name = rtnl_link_get_name(link);

	dev->index = rtnl_link_get_ifindex(link);
	snprintf(dev->name, sizeof(dev->name), "%s", name ? name : "");
	snprintf(dev->kind, sizeof(dev->kind), "%s", kind ? kind : "");
	dev->up = rtnl_link_get_flags(link) & IFF_UP;
	dev->mtu = rtnl_link_get_mtu(link);
	dev->txqlen = rtnl_link_get_txqlen(link);
	if (addr && nl_addr_get_len(addr) == MAC_LEN)
		memcpy(dev->mac, nl_addr_get_binary_addr(addr), MAC_LEN);
	dev->master = rtnl_link_get_master(link);
	dev->lower = rtnl_link_get_link(link);
	if (rtnl_link_is_macvtap(link))
		rtnl_link_macvtap_mode2str((int)rtnl_link_macvtap_get_mode(link), dev->mode,
					   sizeof(dev->mode));
}

static void read_link(struct nl_msg *msg, struct netdev *dev)
{
	struct nlattr *info = nlmsg_find_attr(nlmsg_hdr(msg), sizeof(struct ifinfomsg),
					      IFLA_LINKINFO);
	struct nlattr *data = NULL, *port = NULL, *of = NULL;

	nl_msg_parse(msg, on_link, dev);
	if (info) {
		data = nla_find(nla_data(info), nla_len(info), IFLA_INFO_DATA);
		port = nla_find(nla_data(info), nla_len(info), IFLA_INFO_SLAVE_DATA);
		of = nla_find(nla_data(info), nla_len(info), IFLA_INFO_SLAVE_KIND);
	}
	if (data && strcmp(dev->kind, "tun") == 0)
		dev->settings = netattr_read(&netattr_tap, data);
	if (data && strcmp(dev->kind, "bridge") == 0)
		dev->settings = netattr_read(&netattr_bridge, data);
	if (port && of && nla_strcmp(of, "bridge") == 0)
		dev->port = netattr_read(&netattr_port, port);
}

static void get_one(struct nl_msg *msg, void *arg)
{
	struct netdev *dev = arg;

	netdev_free(dev);
	read_link(msg, dev);
}

int netlink_get(struct nl_sock *sk, const char *name, int index, struct netdev *ret)
{
	struct nl_msg *msg = request(RTM_GETLINK, 0, AF_UNSPEC, name ? 0 : index);
	struct netdev dev = { 0 };
	int r;

	if (name && nla_put_string(msg, IFLA_IFNAME, name) < 0) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	r = talk(sk, msg, get_one, &dev);
	if (!r && !dev.index)
		r = -ENODEV;
	if (r < 0)
		netdev_free(&dev);
	else
		*ret = dev;
	return r;
}

struct ports {
	int master;
	void (*fn)(const struct netdev *port, void *arg);
	void *arg;
};

static void one_port(struct nl_msg *msg, void *arg)
{
	_cleanup_netdev_ struct netdev dev = { 0 };
	struct ports *p = arg;

	read_link(msg, &dev);
	if (dev.index && dev.master == p->master)
		p->fn(&dev, p->arg);
}

int netlink_ports(struct nl_sock *sk, int master, void (*fn)(const struct netdev *port, void *arg),
		  void *arg)
{
	struct ports p = { master, fn, arg };

	return talk(sk, request(RTM_GETLINK, NLM_F_DUMP, AF_UNSPEC, 0), one_port, &p);
}

int netlink_addresses(struct nl_sock *sk, int index, struct strv *ret)
{
	struct nl_cache *all = NULL;
	int r = -NLE_DUMP_INTR;

	for (int i = 0; r == -NLE_DUMP_INTR && i < NETLINK_TRIES; i++)
		r = rtnl_addr_alloc_cache(sk, &all);
	if (r < 0)
		return -EIO;
	for (struct nl_object *o = nl_cache_get_first(all); o; o = nl_cache_get_next(o)) {
		struct rtnl_addr *addr = (struct rtnl_addr *)o;
		char text[64];

		if (rtnl_addr_get_ifindex(addr) != index ||
		    rtnl_addr_get_scope(addr) == RT_SCOPE_LINK)
			continue;
		strv_add(ret, nl_addr2str(rtnl_addr_get_local(addr), text, sizeof(text)));
	}
	nl_cache_free(all);
	return 0;
}

struct vlan_search {
	int index;
	int result;
	struct netvlans *ret;
};

static void one_vlan_port(struct nl_msg *msg, void *arg)
{
	const struct ifinfomsg *ifi = nlmsg_data(nlmsg_hdr(msg));
	struct vlan_search *s = arg;
	struct nlattr *spec;

	if (ifi->ifi_index != s->index)
		return;
	spec = nlmsg_find_attr(nlmsg_hdr(msg), sizeof(*ifi), IFLA_AF_SPEC);
	if (spec)
		s->result = netvlans_read(spec, s->ret);
}

int netlink_vlans(struct nl_sock *sk, int index, struct netvlans *ret)
{
	struct vlan_search s = { .index = index, .ret = ret };
	int r = -EAGAIN;

	/* There is no asking for one port only. */
	for (int i = 0; r == -EAGAIN && i < NETLINK_TRIES; i++) {
		struct nl_msg *msg = request(RTM_GETLINK, NLM_F_DUMP, AF_BRIDGE, 0);

		*ret = (struct netvlans){ 0 };
		nla_put_u32(msg, IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN_COMPRESSED);
		r = talk(sk, msg, one_vlan_port, &s);
	}
	return r < 0 ? r : s.result;
}

/* --- writing --- */

int netlink_add_bridge(struct nl_sock *sk, const char *name, const uint8_t mac[MAC_LEN])
{
	struct nl_msg *msg = request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, AF_UNSPEC, 0);
	struct nlattr *info;

	nla_put_string(msg, IFLA_IFNAME, name);
	nla_put(msg, IFLA_ADDRESS, MAC_LEN, mac);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, "bridge");
	nla_nest_end(msg, info);
	return talk(sk, msg, NULL, NULL);
}

int netlink_add_macvtap(struct nl_sock *sk, const char *name, int lower, const char *mode,
			const uint8_t mac[MAC_LEN])
{
	struct rtnl_link *link = rtnl_link_macvtap_alloc();
	struct nl_addr *addr = nl_addr_build(AF_LLC, mac, MAC_LEN);
	struct nl_msg *msg = NULL;
	int r;

	if (!link || !addr)
		abort();
	rtnl_link_set_name(link, name);
	rtnl_link_set_link(link, lower);
	rtnl_link_set_addr(link, addr);
	rtnl_link_macvtap_set_mode(link, (uint32_t)rtnl_link_macvtap_str2mode(mode));
	r = rtnl_link_build_add_request(link, NLM_F_CREATE | NLM_F_EXCL, &msg);
	nl_addr_put(addr);
	rtnl_link_put(link);
	return r < 0 ? -EINVAL : talk(sk, msg, NULL, NULL);
}

int netlink_set_up(struct nl_sock *sk, int index)
{
	struct nl_msg *msg = request(RTM_NEWLINK, 0, AF_UNSPEC, index);
	struct ifinfomsg *ifi = nlmsg_data(nlmsg_hdr(msg));

	ifi->ifi_flags = ifi->ifi_change = IFF_UP;
	return talk(sk, msg, NULL, NULL);
}

int netlink_set_mac(struct nl_sock *sk, int index, const uint8_t mac[MAC_LEN])
{
	struct nl_msg *msg = request(RTM_NEWLINK, 0, AF_UNSPEC, index);

	nla_put(msg, IFLA_ADDRESS, MAC_LEN, mac);
	return talk(sk, msg, NULL, NULL);
}

static int set_number(struct nl_sock *sk, int index, int attr, uint32_t value)
{
	struct nl_msg *msg = request(RTM_NEWLINK, 0, AF_UNSPEC, index);

	nla_put_u32(msg, attr, value);
	return talk(sk, msg, NULL, NULL);
}

int netlink_set_mtu(struct nl_sock *sk, int index, unsigned int mtu)
{
	return set_number(sk, index, IFLA_MTU, mtu);
}

int netlink_set_txqlen(struct nl_sock *sk, int index, unsigned int len)
{
	return set_number(sk, index, IFLA_TXQLEN, len);
}

int netlink_set_master(struct nl_sock *sk, int index, int master)
{
	return set_number(sk, index, IFLA_MASTER, (uint32_t)master);
}

static int set_info(struct nl_sock *sk, int index, int kind, int data, const struct netattr *attr,
		    uint64_t value)
{
	struct nl_msg *msg = request(RTM_NEWLINK, 0, AF_UNSPEC, index);
	struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO), *nest;

	nla_put_string(msg, kind, "bridge");
	nest = nla_nest_start(msg, data);
	netattr_put(msg, attr, value);
	nla_nest_end(msg, nest);
	nla_nest_end(msg, info);
	return talk(sk, msg, NULL, NULL);
}

int netlink_set_bridge(struct nl_sock *sk, int index, const struct netattr *attr, uint64_t value)
{
	return set_info(sk, index, IFLA_INFO_KIND, IFLA_INFO_DATA, attr, value);
}

int netlink_set_port(struct nl_sock *sk, int index, const struct netattr *attr, uint64_t value)
{
	return set_info(sk, index, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA, attr, value);
}

static void put_vlan(struct nl_msg *msg, uint16_t vid, uint8_t flags, uint16_t range)
{
	struct bridge_vlan_info info = { .vid = vid, .flags = range };

	if (flags & NETVLAN_UNTAGGED)
		info.flags |= BRIDGE_VLAN_INFO_UNTAGGED;
	if (flags & NETVLAN_PVID)
		info.flags |= BRIDGE_VLAN_INFO_PVID;
	nla_put(msg, IFLA_BRIDGE_VLAN_INFO, sizeof(info), &info);
}

int netlink_set_vlans(struct nl_sock *sk, int index, bool self, const struct netvlan_run *run)
{
	struct nl_msg *msg = request(run->flags ? RTM_SETLINK : RTM_DELLINK, 0, AF_BRIDGE, index);
	struct nlattr *spec = nla_nest_start(msg, IFLA_AF_SPEC);

	if (self)
		nla_put_u16(msg, IFLA_BRIDGE_FLAGS, BRIDGE_FLAGS_SELF);
	if (run->first == run->last) {
		put_vlan(msg, run->first, run->flags, 0);
	} else {
		put_vlan(msg, run->first, run->flags, BRIDGE_VLAN_INFO_RANGE_BEGIN);
		put_vlan(msg, run->last, run->flags, BRIDGE_VLAN_INFO_RANGE_END);
	}
	nla_nest_end(msg, spec);
	return talk(sk, msg, NULL, NULL);
}

/* --- waiting --- */

static int ignore(struct nl_msg *msg, void *arg)
{
	(void)msg, (void)arg;
	return NL_OK;
}

/* A socket that becomes readable when links change. */
static int watch_links(struct nl_sock **ret)
{
	int r = netlink_open(ret);

	if (r < 0)
		return r;
	nl_socket_disable_seq_check(*ret);
	nl_socket_modify_cb(*ret, NL_CB_VALID, NL_CB_CUSTOM, ignore, NULL);
	if (nl_socket_set_nonblocking(*ret) < 0 ||
	    nl_socket_add_memberships(*ret, RTNLGRP_LINK, 0) < 0)
		return -EIO;
	return 0;
}

int netlink_wait(struct nl_sock *sk, const char *name, int64_t deadline, struct netdev *ret)
{
	_cleanup_netlink_ struct nl_sock *watch = NULL;
	int r = netlink_get(sk, name, 0, ret);

	if (r != -ENODEV)
		return r;
	r = watch_links(&watch);
	/* Looked at once more after the watch began, and before each wait. */
	while (r >= 0 && (r = netlink_get(sk, name, 0, ret)) == -ENODEV) {
		int64_t left = deadline - now_ms();

		if (left <= 0)
			return -ETIMEDOUT;
		r = task_poll(nl_socket_get_fd(watch), POLLIN, left > INT32_MAX ? -1 : (int)left);
		if (r < 0 && r != -ETIMEDOUT && r != -EINTR)
			return r;
		r = 0;
		/* What it says does not matter; nor whether it is complete (ENOBUFS). */
		while (nl_recvmsgs_default(watch) >= 0)
			;
	}
	return r;
}
