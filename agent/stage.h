/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An update as a table of stages with an undo each. One loop runs it, logs it,
 * times it, and walks back on the first error.
 */
#ifndef VMKEEP_STAGE_H
#define VMKEEP_STAGE_H

#include "guest.h"

struct update;

/** progress_fn - Told what is being done, for the person who waits. */
typedef void progress_fn(void *user, const char *text);

/**
 * struct stage - One step of a phase.
 * @name:	In logs, errors and the report.
 * @host:	Done once, before @guest; may be NULL.
 * @guest:	Done for every guest, all at the same time; may be NULL.
 * @undo_guest:	Takes back what @guest did, all of it or a part: also called for
 *		guests whose turn failed or never came.
 * @undo_host:	The same for @host.
 */
struct stage {
	const char *name;
	int (*host)(struct update *u, struct err *e);
	int (*guest)(struct update *u, struct guest *g, struct err *e);
	void (*undo_guest)(struct update *u, struct guest *g);
	void (*undo_host)(struct update *u);
};

/**
 * struct stage_run - A run of a table.
 * @guests:	Those it is about.
 * @cancelled:	Looked at before each stage: true ends the run as an error does. May be NULL.
 * @progress:	May be NULL.
 * @timings:	Object that gets the milliseconds of each stage.
 * @failed_stage: After an error: the stage and
 * @failed_guest: the guest (NULL: the host) that failed.
 */
struct stage_run {
	struct update *u;
	const struct guest_set *guests;
	const bool *cancelled;
	progress_fn *progress;
	void *progress_user;
	json *timings;
	const char *failed_stage;
	const char *failed_guest;
};

/**
 * stages_run() - Run @table; on an error undo it.
 *
 * Return: 0, or -errno with guest, stage and reason in @e: -ECANCELED when it was cancelled.
 */
int stages_run(struct stage_run *run, const struct stage *table, size_t n, struct err *e);

/** stages_undo() - Walk the whole @table back, last stage first. */
void stages_undo(struct stage_run *run, const struct stage *table, size_t n);

#endif
