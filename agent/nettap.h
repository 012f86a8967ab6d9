/* SPDX-License-Identifier: GPL-2.0-or-later */
/* /dev/net/tun: making tap devices (Documentation/networking/tuntap.rst of the kernel). */
#ifndef VMKEEP_NETTAP_H
#define VMKEEP_NETTAP_H

#include <net/if.h>

#include "util.h"

/**
 * struct nettap - What a tap is made with, and can not be changed from outside later.
 * @owner:	User who may use it, or -1.
 * @group:	Group who may, or -1.
 */
struct nettap {
	int64_t owner, group;
	bool multi_queue, vnet_hdr, pi;
};

/**
 * nettap_create() - Make a persistent tap: it stays until it is deleted.
 *
 * Return: 0 or -errno; -EBUSY if the name is taken.
 */
int nettap_create(const char *name, const struct nettap *tap);

/**
 * nettap_of_fd() - Which network device an open file of another process is.
 * @name:	Its name, if it is a tap.
 * @index:	Its number, if it is a macvtap; then @name is empty.
 *
 * Return: 0, or -ENODEV when it is neither.
 */
int nettap_of_fd(pid_t pid, int fd, char name[IFNAMSIZ], int *index);

#endif
