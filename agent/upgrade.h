/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The old kernel's half of an update: prepare, commit, abort. */
#ifndef VMKEEP_UPGRADE_H
#define VMKEEP_UPGRADE_H

#include "check.h"
#include "stage.h"

enum upgrade_phase { UPGRADE_IDLE, UPGRADE_PREPARING, UPGRADE_PREPARED, UPGRADE_COMMITTING };

/**
 * upgrade_setup() - Call first.
 * @run_dir:	Where is remembered that a kernel is loaded.
 *
 * Unloads the kernel that an earlier agent has left loaded when it was killed: its sessions
 * went with it, and a jump would lose every guest.
 */
void upgrade_setup(const char *run_dir);

/** upgrade_phase() - Where the update is. */
enum upgrade_phase upgrade_phase(void);
/** upgrade_phase_name() - The same for people and JSON. */
const char *upgrade_phase_name(void);
/** upgrade_target_version() - Version of the kernel that is prepared, or NULL. */
const char *upgrade_target_version(void);

/**
 * upgrade_prepare() - Load the next kernel and preserve guests' RAM; guests run on.
 * @t:		The kernel to jump to; taken over.
 * @rehearse:	Find out first whether each guest's checkpoint loads (restart.h); each stands for a moment.
 *
 * Replaces an earlier prepare. Return: 0, or -errno with the reason in @e: then nothing is prepared.
 */
int upgrade_prepare(struct target *t, bool rehearse, progress_fn *progress, void *user,
		    struct err *e);

/**
 * upgrade_commit() - Checkpoint every guest and jump. The blackout begins here.
 * @max_blackout_ms: Give up when, that long after the first guest was told to stop, not all
 *		are checkpointed; 0: only QEMU's own time limits count.
 *
 * Return: Only when it failed: -errno with the reason in @e. Every guest runs on
 * then and nothing is prepared any more.
 */
int upgrade_commit(int64_t max_blackout_ms, progress_fn *progress, void *user, struct err *e);

/** upgrade_abort() - Undo a prepare. Return: 0, or -errno with the reason in @e when there is none. */
int upgrade_abort(struct err *e);

/** upgrade_cancel() - From now on no stage of an update begins: one under way is undone, one prepared stays. */
void upgrade_cancel(void);

/** upgrade_guest_prepared() - Whether @g is part of what is prepared. */
bool upgrade_guest_prepared(const struct guest *g);

/** upgrade_last_failure() - Stage, guest and reason of the last update that was walked back, or NULL. Not owned. */
json *upgrade_last_failure(void);

#endif
