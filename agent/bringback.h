/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From a guest with its memory and device state in hand to one that runs. */
#ifndef VMKEEP_BRINGBACK_H
#define VMKEEP_BRINGBACK_H

#include "guest.h"

/**
 * bringback() - Check what came over of @g, make what its QEMU needs, start that, load and let run.
 *
 * Waits, at most for so long as a QEMU may take to load. Others may be brought back at the same time: so many of their
 * QEMUs start at once as go well with the host's processors.
 *
 * Return: 0, or -errno with the reason in @e: then its QEMU has ended, and @g has its memory and state as before. See
 * x.may_have_run for whether it can be tried again.
 */
int bringback(struct guest *g, struct err *e);

/**
 * bringback_take_over() - Go on where an agent stopped that was killed at it.
 *
 * Return: as bringback(); but a QEMU that may run the guest is left alone.
 */
int bringback_take_over(struct guest *g, struct err *e);

/** bringback_leave_clocks() - From now on, do not set guests' wall clocks: the host's own is wrong. */
void bringback_leave_clocks(void);

/** bringback_await_clocks() - Wait until the wall clocks of those who are back have been set, @timeout_ms at most. */
void bringback_await_clocks(int timeout_ms);

#endif
