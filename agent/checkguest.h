/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a guest can be taken along, by what its QEMU says of it. */
#ifndef VMKEEP_CHECKGUEST_H
#define VMKEEP_CHECKGUEST_H

#include "guest.h"

/** check_guest() - Look at @g. Changes nothing that stays. Waits. */
void check_guest(json *all, struct guest *g);

/**
 * check_guest_parts_same() - Look only for what was plugged into @g, or out of it, since its QEMU was started. Waits.
 *
 * Return: 0; -EBUSY with what it is, or why that cannot be told, in @e.
 */
int check_guest_parts_same(struct guest *g, struct err *e);

#endif
