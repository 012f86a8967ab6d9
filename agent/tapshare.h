/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The taps of a QEMU, for another one that is to take its place: a tap can be opened by its name
 * only once (a queue of it, for one with several), so the other gets the very same open files.
 */
#ifndef VMKEEP_TAPSHARE_H
#define VMKEEP_TAPSHARE_H

#include <net/if.h>

#include "util.h"

#define TAP_SHARE_MAX 32

/**
 * struct tap_share - Taps, queue by queue.
 * @name:	Of the network device.
 * @fd:		Ours, of the same open file as QEMU's.
 * @as:		QEMU's number of it, and then the other QEMU's.
 * @header:	Bytes before each packet, which is the device's and which whoever opens it sets.
 */
struct tap_share {
	size_t n;
	struct {
		char name[IFNAMSIZ];
		int fd;
		int as;
		int header;
	} v[TAP_SHARE_MAX];
};

/**
 * tapshare_take() - Take the taps that a process has open. See pidfd_getfd(2).
 *
 * Return: 0, or -errno with the reason in @e.
 */
int tapshare_take(pid_t pid, int pidfd, struct tap_share *ret, struct err *e);

/** tapshare_number() - For a process of its own: the first becomes @first, the others follow. */
void tapshare_number(struct tap_share *taps, int first);

/**
 * tapshare_keep_open() - For a QEMU that replaces itself: leave out those that it closes then.
 *
 * They are opened anew by their names, which does not work while we have them.
 *
 * Return: 0, or -EOPNOTSUPP with a tap that would be gone in @e.
 */
int tapshare_keep_open(struct tap_share *taps, pid_t pid, struct err *e);

/**
 * tapshare_args() - Have a command line take them as open files.
 * @argv:	Its options -netdev, -nic and -net that name one of these taps are changed.
 */
void tapshare_args(const struct tap_share *taps, struct strv *argv);

/** tapshare_reset() - Make the devices again what they were when they were taken: another has set them up and failed. */
void tapshare_reset(const struct tap_share *taps);

/** tapshare_release() - Close ours. */
void tapshare_release(struct tap_share *taps);

#endif
