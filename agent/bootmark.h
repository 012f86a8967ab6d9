/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What has been decided in this boot of the host about who is started by itself: those who came
 * over the jump are not, and everybody else at most once. Kept in RUN_DIR/boot.json, so that an
 * agent that is started again does not start again what its operator has stopped since.
 */
#ifndef VMKEEP_BOOTMARK_H
#define VMKEEP_BOOTMARK_H

#include "util.h"

/** bootmark_setup() - Read what an earlier agent has decided in this boot. Call first. */
void bootmark_setup(const char *run_dir);

/** bootmark_has() - Whether @name came over the jump, or was to be started in this boot. */
bool bootmark_has(const char *name);

/** bootmark_add() - Count @names among them, before anything is done with them. Return: 0, or -errno, logged. */
int bootmark_add(const struct strv *names);

/** bootmark_done() - Whether all that is to be started at boot has been; also when that cannot be known. */
bool bootmark_done(void);

/** bootmark_finish() - From now on it has been. */
void bootmark_finish(void);

#endif
