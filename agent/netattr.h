/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings of taps, bridges and bridge ports: tables of rtnetlink attributes (if_link.h)
 * with the names they have in JSON, which are those of ip-link(8) where it has one.
 */
#ifndef VMKEEP_NETATTR_H
#define VMKEEP_NETATTR_H

#include <netlink/attr.h>
#include <netlink/msg.h>

#include "jsonio.h"

enum netattr_type { NETATTR_U8, NETATTR_U16, NETATTR_BE16, NETATTR_U32, NETATTR_U64 };

/**
 * struct netattr - One setting.
 * @name:	In JSON.
 * @id:		Number of its attribute.
 * @type:	How it is written there.
 */
struct netattr {
	const char *name;
	int id;
	enum netattr_type type;
};

/**
 * struct netattr_table - The settings of one kind of device. Only what can be set: no
 * counters, timers or addresses.
 */
struct netattr_table {
	const struct netattr *v;
	size_t n;
};

extern const struct netattr_table netattr_tap;	  /* IFLA_TUN_*: read only, see nettap.h */
extern const struct netattr_table netattr_bridge; /* IFLA_BR_* */
extern const struct netattr_table netattr_port;	  /* IFLA_BRPORT_* */

/** netattr_read() - The settings among the attributes nested in @nest, as a JSON object. Caller puts it. */
json *netattr_read(const struct netattr_table *table, const struct nlattr *nest);

/** netattr_put() - Append a setting to a message. Return: 0 or -EMSGSIZE. */
int netattr_put(struct nl_msg *msg, const struct netattr *attr, uint64_t value);

/**
 * netattr_valid() - Whether every setting in @settings is a number that its attribute can hold.
 *
 * What the table does not have is nobody's business: it is never looked at.
 *
 * Return: 0, or -EBADMSG with the first that is not in @e.
 */
int netattr_valid(const struct netattr_table *table, json *settings, struct err *e);

/**
 * netattr_differs() - Whether @attr is set in @wanted, and is other or missing in @have.
 * @value:	What is wanted.
 */
bool netattr_differs(const struct netattr *attr, json *wanted, json *have, uint64_t *value);

#endif
