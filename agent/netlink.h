/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtnetlink(7): network devices read and written, with libnl-3 and libnl-route-3. Each
 * call is one short question to the kernel, and does not wait for anybody else; only
 * netlink_wait() waits, as a task.
 */
#ifndef VMKEEP_NETLINK_H
#define VMKEEP_NETLINK_H

#include <net/if.h>
#include <netlink/socket.h>

#include "netattr.h"
#include "netvlan.h"

#define MAC_LEN 6

/* How often to read a list that changes while it is read. */
#define NETLINK_TRIES 8

/**
 * struct netdev - A network device as the kernel has it.
 * @kind:	"tun", "bridge", "macvtap" …; empty for hardware.
 * @settings:	Of a tap (netattr_tap) or a bridge (netattr_bridge), else NULL.
 * @port:	As a port of a bridge (netattr_port), else NULL.
 * @mode:	Of a macvtap: "bridge", "vepa", "private", "passthru"; else empty.
 * @master:	Number of what it is a port of, or 0.
 * @lower:	Number of the device it is on top of, or 0.
 */
struct netdev {
	int index;
	char name[IFNAMSIZ];
	char kind[16];
	char mode[16];
	bool up;
	unsigned int mtu, txqlen;
	uint8_t mac[MAC_LEN];
	int master, lower;
	json *settings;
	json *port;
};

/** netdev_free() - Free what @dev has. */
void netdev_free(struct netdev *dev);
#define _cleanup_netdev_ __attribute__((cleanup(netdev_free)))

/** netlink_open() - A socket to ask with. Return: 0 or -errno. */
int netlink_open(struct nl_sock **ret);
/** netlink_close() - Close *sk if it is one. */
void netlink_close(struct nl_sock **sk);
#define _cleanup_netlink_ __attribute__((cleanup(netlink_close)))

/**
 * netlink_get() - Look a device up.
 * @name:	Its name, or NULL for
 * @index:	its number.
 *
 * Return: 0, -ENODEV, or -errno.
 */
int netlink_get(struct nl_sock *sk, const char *name, int index, struct netdev *ret);

/** netlink_ports() - Call @fn for each port of @master. Return: 0, -EAGAIN to do it all again, or -errno. */
int netlink_ports(struct nl_sock *sk, int master, void (*fn)(const struct netdev *port, void *arg),
		  void *arg);

/** netlink_addresses() - Append the addresses of a device to @ret, without those of its link only. Return: 0 or -errno. */
int netlink_addresses(struct nl_sock *sk, int index, struct strv *ret);

/** netlink_vlans() - VLANs of a bridge port or a bridge; none where the kernel has none. Return: 0 or -errno. */
int netlink_vlans(struct nl_sock *sk, int index, struct netvlans *ret);

/** netlink_add_bridge() - Make a bridge. Return: 0 or -errno, -EEXIST if the name is taken. */
int netlink_add_bridge(struct nl_sock *sk, const char *name, const uint8_t mac[MAC_LEN]);

/** netlink_add_macvtap() - Make a macvtap. Return: 0 or -errno, -EEXIST if the name is taken. */
int netlink_add_macvtap(struct nl_sock *sk, const char *name, int lower, const char *mode,
			const uint8_t mac[MAC_LEN]);

/** netlink_set_up() - Set a device up. Return: 0 or -errno. */
int netlink_set_up(struct nl_sock *sk, int index);
/** netlink_set_mac() - Return: 0 or -errno. */
int netlink_set_mac(struct nl_sock *sk, int index, const uint8_t mac[MAC_LEN]);
/** netlink_set_mtu() - Return: 0 or -errno. */
int netlink_set_mtu(struct nl_sock *sk, int index, unsigned int mtu);
/** netlink_set_txqlen() - Return: 0 or -errno. */
int netlink_set_txqlen(struct nl_sock *sk, int index, unsigned int len);
/** netlink_set_master() - Make a device a port of another. Return: 0 or -errno. */
int netlink_set_master(struct nl_sock *sk, int index, int master);
/** netlink_set_bridge() - One setting of a bridge. Return: 0 or -errno. */
int netlink_set_bridge(struct nl_sock *sk, int index, const struct netattr *attr, uint64_t value);
/** netlink_set_port() - One setting of a bridge port. Return: 0 or -errno. */
int netlink_set_port(struct nl_sock *sk, int index, const struct netattr *attr, uint64_t value);
/**
 * netlink_set_vlans() - Add VLANs to a bridge port, or take them away.
 * @self:	Of the bridge itself instead.
 *
 * Return: 0 or -errno.
 */
int netlink_set_vlans(struct nl_sock *sk, int index, bool self, const struct netvlan_run *run);

/**
 * netlink_wait() - Wait for a device that somebody else makes. Call from a task.
 * @deadline:	By now_ms().
 *
 * Return: 0, -ETIMEDOUT, or -errno.
 */
int netlink_wait(struct nl_sock *sk, const char *name, int64_t deadline, struct netdev *ret);

#endif
