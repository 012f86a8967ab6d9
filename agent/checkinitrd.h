/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the next kernel can start from its initrd, and guests come back there. */
#ifndef VMKEEP_CHECKINITRD_H
#define VMKEEP_CHECKINITRD_H

#include "check.h"

/**
 * check_initrd() - Go through the target's initrd. Waits.
 *
 * One that the kernel's command line names no root file system for is itself the root:
 * then the agent and the guests' QEMU must be in it.
 *
 * Return: Its length, 0 if there is none or it cannot be read.
 */
uint64_t check_initrd(json *all, const struct target *t);

#endif
