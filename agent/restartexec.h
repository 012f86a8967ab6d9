/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new QEMU in the process of the old one (QEMU's migration mode cpr-exec): its number, its control group
 * and its limits stay.
 */
#ifndef VMKEEP_RESTARTEXEC_H
#define VMKEEP_RESTARTEXEC_H

#include "restartone.h"

/**
 * restartexec_check() - Whether a guest's QEMU can become another one in its process.
 * @caps:	What the other one can do.
 *
 * Return: 0, or -EOPNOTSUPP with what is in the way in @e.
 */
int restartexec_check(const struct guest *g, const struct qemu_caps *caps, struct err *e);

/**
 * restartexec_run() - Have a guest's QEMU become what @r->heir says.
 * @ret:	As of restart_tell().
 *
 * When that fails, the guest goes on in the QEMU it had: in its process, or in another one, and then another struct
 * guest of its name is in the list; unless it ended.
 *
 * Return: 0, or -errno with the reason in @e.
 */
int restartexec_run(struct restart *r, json **ret, struct err *e);

#endif
