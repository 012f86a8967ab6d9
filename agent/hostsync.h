/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writing what the host's file systems have in memory to their disks: sync(2), with an end. */
#ifndef VMKEEP_HOSTSYNC_H
#define VMKEEP_HOSTSYNC_H

#include "util.h"

/** hostsync_unwritten() - Bytes that file systems have not written yet, by /proc/meminfo's text. */
uint64_t hostsync_unwritten(const char *meminfo);

/**
 * hostsync() - Have all of it written.
 * @timeout_ms:	What is not done by then is given up: a disk, or a server, may not answer.
 * @tell:	Told now and then what is left, when it takes longer than a moment; may be NULL. Returns
 *		whether to go on.
 *
 * Return: 0; -ETIMEDOUT, -ECANCELED or -errno with a line in @e.
 */
int hostsync(int timeout_ms, bool (*tell)(void *user, uint64_t left), void *user, struct err *e);

#endif
