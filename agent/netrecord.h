/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The network part of a handover record, as it is read: nothing in it is trusted. */
#ifndef VMKEEP_NETRECORD_H
#define VMKEEP_NETRECORD_H

#include "netlink.h"

/** netrecord_check() - Whether every part of @net has its form and is in bounds. Return: 0, or -EBADMSG with what is not. */
int netrecord_check(json *net, struct err *e);

/** netrecord_mac() - The address at "mac" of a checked @dev. */
void netrecord_mac(json *dev, uint8_t mac[MAC_LEN]);

#endif
