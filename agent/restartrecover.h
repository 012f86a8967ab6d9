/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Restarts that an earlier agent did not get to end. */
#ifndef VMKEEP_RESTARTRECOVER_H
#define VMKEEP_RESTARTRECOVER_H

/**
 * restart_recover() - Settle restarts in the middle of which an earlier agent was killed. Call from a task,
 * before guest_recover().
 *
 * The QEMU that a guest's state.json names is the guest; its files are put at their places, and any other on its
 * memory is ended.
 */
void restart_recover(void);

#endif
