/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A new QEMU in a process of its own, beside the old one until it runs the guest; or a try of that. */
#ifndef VMKEEP_RESTARTRELAUNCH_H
#define VMKEEP_RESTARTRELAUNCH_H

#include "restartone.h"

/**
 * restartrelaunch_run() - Have a guest go on in @r->heir, or rehearse it.
 * @ret:	As of restart_tell().
 *
 * Afterwards @r->heir is the guest of that name, which the list of guests holds; unless it failed or was a
 * rehearsal: then @r->g still is, or none if its QEMU ended.
 *
 * Return: 0, or -errno with the reason in @e.
 */
int restartrelaunch_run(struct restart *r, json **ret, struct err *e);

#endif
