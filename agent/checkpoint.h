/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A checkpoint of a guest that runs, step by step, each with an undo: what an update does with all
 * guests together (upgrade.c), and a restart with one (restart.c).
 */
#ifndef VMKEEP_CHECKPOINT_H
#define VMKEEP_CHECKPOINT_H

#include "guest.h"

/* Others stand meanwhile. Long enough for QEMU to flush disks to slow storage. */
#define CHECKPOINT_STOP_MS 15000
#define CHECKPOINT_SAVE_MS 60000

/** checkpoint_begin() - Write down that @g may be stopped by us from now on. Return: 0, or -errno with the reason in @e. */
int checkpoint_begin(struct guest *g, struct err *e);

/**
 * checkpoint_arm() - checkpoint_begin(), and set @g's QEMU up.
 *
 * Return: 0, or -errno with the reason in @e.
 */
int checkpoint_arm(struct guest *g, struct err *e);

/** checkpoint_undo_arm() - Back to ordinary settings. Waits for a monitor that was lost. */
void checkpoint_undo_arm(struct guest *g);

/**
 * checkpoint_stop() - Stop @g's vCPUs, if they run. x.late begins anew.
 * @timeout_ms:	For QEMU's answer.
 */
int checkpoint_stop(struct guest *g, int timeout_ms, struct err *e);

/** checkpoint_undo_stop() - Let it run again that was stopped; logs when it does not. */
void checkpoint_undo_stop(struct guest *g);

/** checkpoint_save() - Write its device state into x.state, which QEMU has been given. */
int checkpoint_save(struct guest *g, int timeout_ms, struct err *e);

/** checkpoint_undo_save() - Cancel that, and wait until QEMU has. */
void checkpoint_undo_save(struct guest *g);

#endif
