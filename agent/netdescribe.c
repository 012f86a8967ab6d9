// SPDX-License-Identifier: GPL-2.0-or-later

#include <stdio.h>

#include "findings.h"
#include "net.h"
#include "netargs.h"
#include "netlink.h"
#include "nettap.h"

struct describe {
	struct nl_sock *sk;
	const char *guest;
	pid_t pid;
	json *devices, *bridges, *findings;
	struct err *e;
};

/* Backends that hang on nothing of ours to make, and what an update does to them. */
static const struct {
	const char *type, *level, *why, *cure;
} others[] = {
	{ "user", NOTE, "QEMU's user-mode network starts anew: connections through it end",
	  "to keep them, give the guest a tap" },
	{ "passt", NOTE, "passt starts anew: connections through it end",
	  "to keep them, give the guest a tap" },
	{ "vhost-user", BLOCKED, "its ring is shared with a process that the jump ends",
	  "give the guest a tap, or stop it" },
	{ "vhost-vdpa", BLOCKED, "the state of the card is in hardware that the jump resets",
	  "give the guest a tap, or stop it" },
	{ "dgram", NOTE, "its socket is made anew: what is sent meanwhile is lost", "" },
	{ "l2tpv3", NOTE, "its tunnel is made anew: what is sent meanwhile is lost", "" },
	{ "hubport", NOTE, "QEMU makes its hub anew", "" },
};

static bool is_type(json *backend, const char *type)
{
	const char *s = json_str(backend, "type");

	return s && strcmp(s, type) == 0;
}

static bool has(json *array, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(array); i++)
		if (strcmp(json_str(json_object_array_get_idx(array, i), "name"), name) == 0)
			return true;
	return false;
}

static json *common(const struct netdev *dev)
{
	json *j = json_object_new_object();
	char mac[18];

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", dev->mac[0], dev->mac[1],
		 dev->mac[2], dev->mac[3], dev->mac[4], dev->mac[5]);
	json_set_str(j, "name", dev->name);
	json_set_str(j, "kind", dev->kind);
	json_set_str(j, "mac", mac);
	json_set_int(j, "mtu", dev->mtu);
	json_set_int(j, "txqlen", dev->txqlen);
	json_set_bool(j, "up", dev->up);
	if (dev->settings)
		json_object_object_add(j, "settings", json_object_get(dev->settings));
	return j;
}

static int add_vlans(struct describe *d, const struct netdev *bridge, const struct netdev *dev,
		     json *j)
{
	struct netvlans vlans;
	int r;

	/* A kernel built without them says nothing; that is not the same as none. */
	if (json_int(bridge->settings, "vlan_filtering", -1) < 0)
		return 0;
	r = netlink_vlans(d->sk, dev->index, &vlans);
	if (r < 0)
		return err_set(d->e, r, "VLANs of %s: %s", dev->name, strerror(-r));
	json_object_object_add(j, "vlans", netvlans_json(&vlans));
	return 0;
}

struct port_list {
	json *others;
	unsigned int mtu; /* the smallest */
};

static void add_port(const struct netdev *port, void *arg)
{
	struct port_list *list = arg;

	if (!list->mtu || port->mtu < list->mtu)
		list->mtu = port->mtu;
	/* Other guests' taps are theirs. */
	if (strcmp(port->kind, "tun") != 0)
		json_object_array_add(list->others, json_object_new_string(port->name));
}

static void note_stp(struct describe *d, const struct netdev *bridge)
{
	int64_t delay = json_int(bridge->settings, "forward_delay", 0) / 100;
	_cleanup_free_ char *what = NULL;

	if (json_int(bridge->settings, "stp_state", 0) <= 0 || delay <= 0)
		return;
	what = xasprintf("bridge %s runs the spanning tree protocol", bridge->name);
	found(d->findings, NOTE, d->guest, what,
	      "the guest's new port forwards nothing for twice the bridge's forward delay",
	      "shorten the delay, or switch the protocol off (ip link set BRIDGE type bridge stp_state 0)");
}

static int add_bridge(struct describe *d, const struct netdev *dev)
{
	_cleanup_strv_ struct strv addresses = { 0 };
	struct port_list list = { 0 };
	json *j;
	int r;

	if (has(d->bridges, dev->name))
		return 0;
	j = common(dev);
	json_object_array_add(d->bridges, j);
	note_stp(d, dev);
	r = -EAGAIN;
	for (int i = 0; r == -EAGAIN && i < NETLINK_TRIES; i++) {
		list = (struct port_list){ .others = json_object_new_array() };
		json_object_object_add(j, "ports", list.others);
		r = netlink_ports(d->sk, dev->index, add_port, &list);
	}
	if (!r)
		r = netlink_addresses(d->sk, dev->index, &addresses);
	if (r < 0)
		return err_set(d->e, r, "bridge %s: %s", dev->name, strerror(-r));
	json_set_strv(j, "addresses", &addresses);
	/* Somebody brings up what has a cable or an address: the one to wait for. */
	json_set_bool(j, "host", addresses.n || json_object_array_length(list.others));
	/* By itself, a bridge has the smallest of its ports'. */
	json_set_bool(j, "mtu_fixed", list.mtu && list.mtu != dev->mtu);
	return add_vlans(d, dev, dev, j);
}

static int add_bridge_by_name(struct describe *d, const char *name)
{
	_cleanup_netdev_ struct netdev dev = { 0 };
	int r = netlink_get(d->sk, name, 0, &dev);

	if (r == -ENODEV) {
		_cleanup_free_ char *what = xasprintf("there is no bridge %s", name);

		found(d->findings, UNKNOWN, d->guest, what,
		      "what the guest's network hangs on is not known", "make the bridge");
		return 0;
	}
	if (r < 0)
		return err_set(d->e, r, "bridge %s: %s", name, strerror(-r));
	if (json_int(dev.settings, "vlan_filtering", 0) > 0) {
		_cleanup_free_ char *what = xasprintf(
			"QEMU's helper makes the guest's port of bridge %s", name);

		found(d->findings, NOTE, d->guest, what,
		      "VLANs and other settings of that port are not kept",
		      "give the guest a tap of its own (-netdev tap,ifname=…) to keep them");
	}
	return add_bridge(d, &dev);
}

static int add_master(struct describe *d, const struct netdev *dev, json *j)
{
	_cleanup_netdev_ struct netdev master = { 0 };
	_cleanup_free_ char *what = NULL;
	int r;

	if (!dev->master)
		return 0;
	r = netlink_get(d->sk, NULL, dev->master, &master);
	if (r < 0)
		return err_set(d->e, r, "what %s is a port of: %s", dev->name, strerror(-r));
	json_set_str(j, "master", master.name);
	if (strcmp(master.kind, "bridge") == 0) {
		if (dev->port)
			json_object_object_add(j, "port", json_object_get(dev->port));
		r = add_vlans(d, &master, dev, j);
		return r < 0 ? r : add_bridge(d, &master);
	}
	json_set_bool(j, "master_foreign", true);
	what = xasprintf("%s is a port of %s (%s)", dev->name, master.name,
			 *master.kind ? master.kind : "hardware");
	found(d->findings, NOTE, d->guest, what,
	      "vmkeep makes the tap again, and leaves the port to what manages it",
	      "have it add the tap when it appears, as Open vSwitch does");
	return 0;
}

static int note_addresses(struct describe *d, const struct netdev *dev)
{
	_cleanup_strv_ struct strv addresses = { 0 };
	_cleanup_free_ char *what = NULL;
	int r = netlink_addresses(d->sk, dev->index, &addresses);

	if (r < 0)
		return err_set(d->e, r, "addresses of %s: %s", dev->name, strerror(-r));
	if (!addresses.n)
		return 0;
	what = xasprintf("%s has the address %s", dev->name, addresses.v[0]);
	found(d->findings, NOTE, d->guest, what, "vmkeep keeps no addresses and routes of the host",
	      "have the host's network set-up give them to the device when it appears");
	return 0;
}

static int add_device(struct describe *d, const char *name, int index, json *backend)
{
	_cleanup_netdev_ struct netdev dev = { 0 };
	int r = netlink_get(d->sk, name, index, &dev);
	json *j;

	if (r < 0 && r != -ENODEV)
		return err_set(d->e, r, "%s: %s", name ? name : "macvtap", strerror(-r));
	if (r < 0 || (strcmp(dev.kind, "tun") != 0 && strcmp(dev.kind, "macvtap") != 0)) {
		_cleanup_free_ char *what = xasprintf("there is no tap %s",
						      name ? name : "as it was given");

		found(d->findings, UNKNOWN, d->guest, what,
		      "what the guest's network hangs on is not known",
		      "was it renamed? Give it back the name on QEMU's command line");
		return 0;
	}
	if (has(d->devices, dev.name))
		return 0;
	j = common(&dev);
	json_object_array_add(d->devices, j);
	json_set_bool(j, "script",
		      netargs_script(backend) && !json_str(backend, "fd") &&
			      !json_str(backend, "fds"));
	json_set_bool(j, "vhost", netargs_on(backend, "vhost"));
	if (*dev.mode) {
		_cleanup_netdev_ struct netdev lower = { 0 };

		r = netlink_get(d->sk, NULL, dev.lower, &lower);
		if (r < 0)
			return err_set(d->e, r, "what %s is on: %s", dev.name, strerror(-r));
		json_set_str(j, "mode", dev.mode);
		json_set_str(j, "lower", lower.name);
	}
	r = note_addresses(d, &dev);
	return r < 0 ? r : add_master(d, &dev, j);
}

/* fd=7 or fds=7:8. All queues are of one device: the first tells. */
static int add_by_fd(struct describe *d, const char *fds, json *backend)
{
	_cleanup_free_ char *what = xasprintf("the guest's tap was given as file descriptor %s",
					      fds);
	char name[IFNAMSIZ], *end;
	long fd = strtol(fds, &end, 10);
	int index;

	found(d->findings, BLOCKED, d->guest, what, "the next QEMU cannot be given it again",
	      "name a tap (-netdev tap,ifname=…,script=no,downscript=no)");
	if (d->pid <= 0 || end == fds || fd < 0 || fd > INT32_MAX ||
	    nettap_of_fd(d->pid, (int)fd, name, &index) < 0)
		return 0;
	return add_device(d, *name ? name : NULL, index, backend);
}

static int add_tap(struct describe *d, json *backend)
{
	const char *name = json_str(backend, "ifname"), *fds = json_str(backend, "fd");

	if (!fds)
		fds = json_str(backend, "fds");
	if (fds)
		return add_by_fd(d, fds, backend);
	if (json_str(backend, "helper"))
		return add_bridge_by_name(d, json_str(backend, "br") ? json_str(backend, "br")
								     : "br0");
	if (name)
		return add_device(d, name, 0, backend);
	if (netargs_script(backend))
		found(d->findings, NOTE, d->guest, "QEMU names the guest's tap itself",
		      "only what QEMU's script does for it is done again",
		      "name it (-netdev tap,ifname=…) to have the rest kept");
	else
		found(d->findings, BLOCKED, d->guest, "QEMU names the guest's tap itself",
		      "vmkeep cannot tell which it is, and no script connects it again",
		      "name it (-netdev tap,ifname=…)");
	return 0;
}

/* A stream to somebody who must be there at the very moment that QEMU starts again. */
static bool must_connect(json *backend)
{
	if (is_type(backend, "socket"))
		return json_str(backend, "connect");
	return !netargs_on(backend, "server") && !json_str(backend, "reconnect") &&
	       !json_str(backend, "reconnect-ms");
}

static void add_other(struct describe *d, json *backend)
{
	const char *type = json_str(backend, "type");
	_cleanup_free_ char *what = xasprintf("network of type %s", type ? type : "unknown");

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		if (is_type(backend, others[i].type)) {
			found(d->findings, others[i].level, d->guest, what, others[i].why,
			      others[i].cure);
			return;
		}
	}
	if (!is_type(backend, "socket") && !is_type(backend, "stream"))
		found(d->findings, UNKNOWN, d->guest, what,
		      "vmkeep does not know what it hangs on in the host", "give the guest a tap");
	else if (must_connect(backend))
		found(d->findings, UNKNOWN, d->guest, what,
		      "QEMU does not start again when nobody listens at that moment",
		      "let it listen (server=on), or give reconnect-ms=");
	else
		found(d->findings, NOTE, d->guest, what, "its connection ends with the jump", "");
}

int net_describe(const struct strv *argv, pid_t pid, const char *guest, json **ret, json *findings,
		 struct err *e)
{
	_cleanup_netlink_ struct nl_sock *sk = NULL;
	_cleanup_json_ json *backends = netargs_parse(argv);
	_cleanup_json_ json *net = json_object_new_object();
	struct describe d = { .guest = guest, .pid = pid, .findings = findings, .e = e };
	int r = netlink_open(&sk);

	if (r < 0)
		return err_set(e, r, "netlink: %s", strerror(-r));
	d.sk = sk;
	d.devices = json_object_new_array();
	d.bridges = json_object_new_array();
	json_object_object_add(net, "devices", d.devices);
	json_object_object_add(net, "bridges", d.bridges);
	for (size_t i = 0; r >= 0 && i < json_object_array_length(backends); i++) {
		json *b = json_object_array_get_idx(backends, i);

		if (is_type(b, "tap"))
			r = add_tap(&d, b);
		else if (is_type(b, "bridge"))
			r = add_bridge_by_name(&d, json_str(b, "br") ? json_str(b, "br") : "br0");
		else
			add_other(&d, b);
	}
	if (r < 0)
		return r;
	*ret = net;
	net = NULL;
	return 0;
}

/* What others may change at any time, and is not made again or makes no difference. */
static json *settled(json *dev)
{
	static const char *const passing[] = { "ports", "addresses", "host", "made", "mtu_fixed" };
	json *copy = NULL;

	json_object_deep_copy(dev, &copy, NULL);
	for (size_t i = 0; i < ARRAY_SIZE(passing); i++)
		json_object_object_del(copy, passing[i]);
	/* A bridge takes after its ports. */
	if (json_str(copy, "kind") && strcmp(json_str(copy, "kind"), "bridge") == 0) {
		json_object_object_del(copy, "mac");
		json_object_object_del(copy, "mtu");
	}
	return copy;
}

bool net_changed(json *before, json *now, char *what, size_t what_len)
{
	static const char *const lists[] = { "devices", "bridges" };

	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		json *a = json_get(before, lists[l], json_type_array),
		     *b = json_get(now, lists[l], json_type_array);
		size_t n = a ? json_object_array_length(a) : 0;

		for (size_t i = 0; i < n || (b && i < json_object_array_length(b)); i++) {
			json *x = i < n ? json_object_array_get_idx(a, i) : NULL,
			     *y = b ? json_object_array_get_idx(b, i) : NULL;
			_cleanup_json_ json *old = x ? settled(x) : NULL;
			_cleanup_json_ json *fresh = y ? settled(y) : NULL;
			const char *name = json_str(x ? x : y, "name");

			if (old && fresh && json_object_equal(old, fresh))
				continue;
			snprintf(what, what_len, "%s", name ? name : lists[l]);
			return true;
		}
	}
	return false;
}
