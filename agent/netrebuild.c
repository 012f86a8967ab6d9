// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 * -------------------
 * The new kernel has no device that was made in software, and the host's own network
 * set-up comes up beside us, at a pace of its own. What it makes is its business; what
 * nobody makes, we do:
 *
 * A bridge that has a cable or an address belongs to the host's set-up: it is waited for,
 * and made here only when it does not come, so that guests can at least talk to each
 * other. Any other bridge is made at once.
 *
 * A persistent tap is made before QEMU starts. One that is not persistent was made by
 * QEMU, which does so again: it is brought to what it was afterwards, before the guest
 * runs. The same goes for what a script of the user's does, which QEMU runs again.
 *
 * Guests share bridges, and are brought back at the same time. Between two waits nothing
 * else runs (loop.h), and only netlink_wait() waits: of two guests that both miss a
 * bridge one makes it whole, and the other finds it.
 *
 * What we made, or what had no master until we gave it one, is set to what the record
 * says; what was there is compared, and a difference is a remark.
 */

#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>

#include "loop.h"
#include "net.h"
#include "netrecord.h"
#include "nettap.h"

#define VHOST_DEVICE "/dev/vhost-net"
#define TUN_DEVICE "/dev/net/tun"

struct rebuild {
	struct nl_sock *sk;
	int timeout_ms;
	int64_t deadline;
	struct strv *remarks;
	struct err *e;
};

static bool flag(json *dev, const char *key)
{
	return json_int(json_get(dev, "settings", json_type_object), key, 0);
}

static void failed(struct rebuild *b, const char *name, const char *what, int r)
{
	strv_addf(b->remarks, "%s: cannot set its %s: %s", name, what, strerror(-r));
}

/* --- settings --- */

typedef int set_fn(struct nl_sock *sk, int index, const struct netattr *attr, uint64_t value);

static void compare_settings(struct rebuild *b, const char *name, const struct netattr_table *table,
			     json *wanted, json *have, const char *but)
{
	for (size_t i = 0; i < table->n; i++) {
		uint64_t value = 0;

		if (netattr_differs(&table->v[i], wanted, have, &value))
			strv_addf(b->remarks, "%s: %s was %llu, is %lld%s", name, table->v[i].name,
				  (unsigned long long)value,
				  (long long)json_int(have, table->v[i].name, -1), but);
	}
}

/* Set what differs, one by one, so that what this kernel does not have costs only itself. */
static void apply_settings(struct rebuild *b, const struct netdev *dev,
			   const struct netattr_table *table, json *wanted, bool port, set_fn *set)
{
	_cleanup_netdev_ struct netdev now = { 0 };
	json *have = port ? dev->port : dev->settings;
	bool any = false;

	for (size_t i = 0; i < table->n; i++) {
		uint64_t value = 0;

		if (!netattr_differs(&table->v[i], wanted, have, &value))
			continue;
		any = true;
		set(b->sk, dev->index, &table->v[i], value);
	}
	/* Whether the kernel refused it or did as if: what counts is what it is now. */
	if (any && netlink_get(b->sk, NULL, dev->index, &now) == 0)
		compare_settings(b, dev->name, table, wanted, port ? now.port : now.settings,
				 ": this kernel does not take it");
}

static void do_vlans(struct rebuild *b, json *wanted, const struct netdev *dev, bool own, bool self)
{
	json *array = json_get(wanted, "vlans", json_type_array);
	struct netvlans want, have;
	struct netvlan_run run;
	unsigned int at = 0;
	int r;

	if (!array || netvlans_from_json(array, &want) < 0)
		return;
	r = netlink_vlans(b->sk, dev->index, &have);
	while (!r && netvlans_step(&have, &want, &at, &run)) {
		if (!own) {
			strv_addf(b->remarks, "%s: is in other VLANs than it was (%u): left so",
				  dev->name, run.first);
			return;
		}
		r = netlink_set_vlans(b->sk, dev->index, self, &run);
	}
	if (r < 0)
		failed(b, dev->name, "VLANs", r);
}

static void do_link(struct rebuild *b, json *wanted, const struct netdev *dev, bool own)
{
	unsigned int mtu = (unsigned int)json_int(wanted, "mtu", 0),
		     txqlen = (unsigned int)json_int(wanted, "txqlen", 0);
	uint8_t mac[MAC_LEN];
	int r;

	netrecord_mac(wanted, mac);
	if (own) {
		if (memcmp(mac, dev->mac, MAC_LEN) != 0 &&
		    (r = netlink_set_mac(b->sk, dev->index, mac)) < 0)
			failed(b, dev->name, "address", r);
		if (mtu != dev->mtu && (r = netlink_set_mtu(b->sk, dev->index, mtu)) < 0)
			failed(b, dev->name, "MTU", r);
		if (txqlen != dev->txqlen &&
		    (r = netlink_set_txqlen(b->sk, dev->index, txqlen)) < 0)
			failed(b, dev->name, "queue length", r);
		return;
	}
	if (memcmp(mac, dev->mac, MAC_LEN) != 0)
		strv_addf(b->remarks, "%s: has another address than it had: left so", dev->name);
	if (mtu != dev->mtu)
		strv_addf(b->remarks, "%s: MTU was %u, is %u: left so", dev->name, mtu, dev->mtu);
}

static void do_up(struct rebuild *b, json *wanted, const struct netdev *dev)
{
	int r = json_flag(wanted, "up") && !dev->up ? netlink_set_up(b->sk, dev->index) : 0;

	if (r < 0)
		strv_addf(b->remarks, "%s: cannot be set up: %s", dev->name, strerror(-r));
}

/* --- bridges --- */

/* An address it has from its ports, and so its MTU, unless somebody has set one. */
static void do_bridge_mtu(struct rebuild *b, json *wanted, const struct netdev *dev, bool own)
{
	unsigned int mtu = (unsigned int)json_int(wanted, "mtu", 0);
	int r;

	if (!json_flag(wanted, "mtu_fixed") || mtu == dev->mtu)
		return;
	r = own ? netlink_set_mtu(b->sk, dev->index, mtu) : 0;
	if (r < 0)
		failed(b, dev->name, "MTU", r);
	else if (!own)
		strv_addf(b->remarks, "%s: MTU was %u, is %u: left so", dev->name, mtu, dev->mtu);
}

static int do_bridge(struct rebuild *b, json *wanted)
{
	_cleanup_netdev_ struct netdev dev = { 0 };
	const char *name = json_str(wanted, "name");
	json *settings = json_get(wanted, "settings", json_type_object);
	uint8_t mac[MAC_LEN];
	bool own = false;
	int r = json_flag(wanted, "host") ? netlink_wait(b->sk, name, b->deadline, &dev)
					  : netlink_get(b->sk, name, 0, &dev);

	if (r == -ETIMEDOUT)
		strv_addf(
			b->remarks,
			"bridge %s: nobody has brought it up in %d s: made without its other ports and addresses",
			name, b->timeout_ms / MSEC_PER_SEC);
	if (r == -ETIMEDOUT || r == -ENODEV) {
		netrecord_mac(wanted, mac);
		own = true;
		r = netlink_add_bridge(b->sk, name, mac);
		if (!r)
			r = netlink_get(b->sk, name, 0, &dev);
	}
	if (r < 0) {
		strv_addf(b->remarks, "bridge %s: %s", name, strerror(-r));
		return 0;
	}
	if (strcmp(dev.kind, "bridge") != 0) {
		strv_addf(b->remarks, "%s: was a bridge, and is none", name);
		return 0;
	}
	if (own)
		apply_settings(b, &dev, &netattr_bridge, settings, false, netlink_set_bridge);
	else
		compare_settings(b, name, &netattr_bridge, settings, dev.settings, ": left so");
	do_bridge_mtu(b, wanted, &dev, own);
	do_vlans(b, wanted, &dev, own, true);
	do_up(b, wanted, &dev);
	return 0;
}

/* --- what hangs on them --- */

static void do_port(struct rebuild *b, json *wanted, const struct netdev *dev, bool own)
{
	const char *name = json_str(wanted, "master");
	_cleanup_netdev_ struct netdev master = { 0 }, now = { 0 };
	json *port = json_get(wanted, "port", json_type_object);
	int r;

	if (!name || json_flag(wanted, "master_foreign"))
		return;
	r = netlink_get(b->sk, name, 0, &master);
	if (!r && dev->master && dev->master != master.index) {
		strv_addf(b->remarks, "%s: is a port of something else than %s: left so", dev->name,
			  name);
		return;
	}
	if (!r && !dev->master) {
		own = true;
		r = netlink_set_master(b->sk, dev->index, master.index);
	}
	if (!r)
		r = netlink_get(b->sk, NULL, dev->index, &now);
	if (r < 0) {
		strv_addf(b->remarks, "%s: cannot be made a port of %s: %s", dev->name, name,
			  strerror(-r));
		return;
	}
	if (own)
		apply_settings(b, &now, &netattr_port, port, true, netlink_set_port);
	else
		compare_settings(b, dev->name, &netattr_port, port, now.port, ": left so");
	do_vlans(b, wanted, &now, own, false);
}

static int make_tap(struct rebuild *b, json *wanted)
{
	json *settings = json_get(wanted, "settings", json_type_object);
	const char *name = json_str(wanted, "name");
	struct nettap tap = {
		.owner = json_int(settings, "owner", -1),
		.group = json_int(settings, "group", -1),
		.multi_queue = flag(wanted, "multi_queue"),
		.vnet_hdr = flag(wanted, "vnet_hdr"),
		.pi = flag(wanted, "pi"),
	};
	int r = nettap_create(name, &tap);

	return r < 0 ? err_set(b->e, r, "tap %s: %s", name, strerror(-r)) : 0;
}

static int make_macvtap(struct rebuild *b, json *wanted)
{
	const char *name = json_str(wanted, "name"), *on = json_str(wanted, "lower");
	_cleanup_netdev_ struct netdev lower = { 0 };
	uint8_t mac[MAC_LEN];
	int r = netlink_wait(b->sk, on, b->deadline, &lower);

	if (r == -ETIMEDOUT)
		return err_set(b->e, -ENODEV, "macvtap %s: %s has not come in %d s", name, on,
			       b->timeout_ms / MSEC_PER_SEC);
	netrecord_mac(wanted, mac);
	if (!r)
		r = netlink_add_macvtap(b->sk, name, lower.index, json_str(wanted, "mode"), mac);
	return r < 0 ? err_set(b->e, r, "macvtap %s on %s: %s", name, on, strerror(-r)) : 0;
}

/* One that is there: is it one that QEMU can use? */
static int check_tap(struct rebuild *b, json *wanted, const struct netdev *dev)
{
	const char *name = json_str(wanted, "name"), *mode = json_str(wanted, "mode");
	json *settings = json_get(wanted, "settings", json_type_object);

	if (strcmp(dev->kind, json_str(wanted, "kind")) != 0)
		return err_set(b->e, -EEXIST, "%s: there is a device of that name that is no %s",
			       name, mode ? "macvtap" : "tap");
	if (mode) {
		if (strcmp(mode, dev->mode) != 0)
			strv_addf(b->remarks, "%s: mode was %s, is %s: left so", name, mode,
				  dev->mode);
		return 0;
	}
	/* TUNSETIFF takes neither for the other. */
	if (json_int(dev->settings, "type", IFF_TAP) != IFF_TAP)
		return err_set(b->e, -EEXIST, "%s: is a tun device, and no tap", name);
	if (flag(wanted, "multi_queue") != (json_int(dev->settings, "multi_queue", 0) != 0))
		return err_set(b->e, -EEXIST,
			       "tap %s: was made %s multi_queue, and QEMU needs it %s", name,
			       flag(wanted, "multi_queue") ? "without" : "with",
			       flag(wanted, "multi_queue") ? "with" : "without");
	/* vnet_hdr and pi are as the last who opened it wants them. */
	if (json_int(settings, "owner", -1) != json_int(dev->settings, "owner", -1) ||
	    json_int(settings, "group", -1) != json_int(dev->settings, "group", -1))
		strv_addf(b->remarks, "%s: belongs to another user or group than it did: left so",
			  name);
	return 0;
}

/* QEMU runs a script that connects it, or makes it in the first place. */
static bool by_qemu(json *wanted)
{
	return !json_str(wanted, "mode") &&
	       (json_flag(wanted, "script") || !flag(wanted, "persist"));
}

static int before_qemu(struct rebuild *b, json *wanted)
{
	const char *name = json_str(wanted, "name");
	_cleanup_netdev_ struct netdev dev = { 0 };
	bool macvtap = json_str(wanted, "mode"), made = false;
	int r = netlink_get(b->sk, name, 0, &dev);

	if (json_flag(wanted, "vhost")) {
		/* Loads the module, too, for a QEMU that may not. */
		_cleanup_close_ int vhost = open(VHOST_DEVICE, O_RDWR | O_CLOEXEC);

		if (vhost < 0)
			strv_addf(b->remarks, VHOST_DEVICE ": %s", strerror(errno));
	}
	if (!r)
		r = check_tap(b, wanted, &dev);
	else if (r == -ENODEV && !macvtap && !flag(wanted, "persist"))
		return 0;
	else if (r == -ENODEV) {
		r = macvtap ? make_macvtap(b, wanted) : make_tap(b, wanted);
		made = true;
		if (!r)
			r = netlink_get(b->sk, name, 0, &dev);
	} else {
		return err_set(b->e, r, "%s: %s", name, strerror(-r));
	}
	if (r < 0)
		return r;
	json_set_bool(wanted, "made", made);
	do_link(b, wanted, &dev, made);
	if (by_qemu(wanted))
		return 0;
	do_port(b, wanted, &dev, made);
	do_up(b, wanted, &dev);
	return 0;
}

static void after_qemu(struct rebuild *b, json *wanted)
{
	const char *name = json_str(wanted, "name");
	_cleanup_netdev_ struct netdev dev = { 0 };
	bool own = !flag(wanted, "persist");
	int r;

	if (!by_qemu(wanted))
		return;
	r = netlink_get(b->sk, name, 0, &dev);
	if (r < 0) {
		strv_addf(b->remarks, "%s: %s", name, strerror(-r));
		return;
	}
	if (own)
		do_link(b, wanted, &dev, true);
	do_port(b, wanted, &dev, own || json_flag(wanted, "made"));
	do_up(b, wanted, &dev);
}

/* Return: 0, or -ETIMEDOUT. */
static int there(struct nl_sock *sk, const char *name, struct err *e)
{
	_cleanup_netdev_ struct netdev dev = { 0 };
	int r = netlink_wait(sk, name, now_ms(), &dev);

	return r < 0 ? err_set(e, r, "%s is not there", name) : 0;
}

int net_ready(json *net, struct err *e)
{
	_cleanup_netlink_ struct nl_sock *sk = NULL;
	json *devices, *bridges;
	int r = netrecord_check(net, e);

	if (!r)
		r = netlink_open(&sk);
	if (r < 0)
		return err_set(e, r, "its network: %s", strerror(-r));
	bridges = json_get(net, "bridges", json_type_array);
	devices = json_get(net, "devices", json_type_array);
	for (size_t i = 0; !r && i < json_object_array_length(bridges); i++) {
		json *wanted = json_object_array_get_idx(bridges, i);

		if (json_flag(wanted, "host"))
			r = there(sk, json_str(wanted, "name"), e);
	}
	for (size_t i = 0; !r && i < json_object_array_length(devices); i++) {
		json *wanted = json_object_array_get_idx(devices, i);

		/* By a name that udev may be about to give to another card. */
		if (json_str(wanted, "mode"))
			r = err_set(e, -EAGAIN, "%s hangs on a network card",
				    json_str(wanted, "name"));
		else if (json_flag(wanted, "vhost") && access(VHOST_DEVICE, R_OK | W_OK) < 0)
			r = err_set(e, -errno, VHOST_DEVICE ": %s", strerror(errno));
		else if (access(TUN_DEVICE, R_OK | W_OK) < 0)
			r = err_set(e, -errno, TUN_DEVICE ": %s", strerror(errno));
	}
	return r;
}

int net_rebuild(json *net, enum net_when when, int timeout_ms, struct strv *remarks, struct err *e)
{
	struct rebuild b = { .timeout_ms = timeout_ms, .remarks = remarks, .e = e };
	_cleanup_netlink_ struct nl_sock *sk = NULL;
	json *devices, *bridges;
	int r = netrecord_check(net, e);

	if (r < 0)
		return r;
	devices = json_get(net, "devices", json_type_array);
	bridges = json_get(net, "bridges", json_type_array);
	b.deadline = now_ms() + timeout_ms;
	r = netlink_open(&sk);
	if (r < 0)
		return err_set(e, r, "netlink: %s", strerror(-r));
	b.sk = sk;
	if (when == NET_BEFORE_QEMU)
		for (size_t i = 0; !r && i < json_object_array_length(bridges); i++)
			r = do_bridge(&b, json_object_array_get_idx(bridges, i));
	for (size_t i = 0; !r && i < json_object_array_length(devices); i++) {
		json *wanted = json_object_array_get_idx(devices, i);

		if (when == NET_BEFORE_QEMU)
			r = before_qemu(&b, wanted);
		else
			after_qemu(&b, wanted);
	}
	return r;
}
