/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The report of the last update: put together in the new kernel, kept in a file. */
#ifndef VMKEEP_REPORT_H
#define VMKEEP_REPORT_H

#include "guest.h"

/** report_setup() - Where the report is kept: @state_dir/report.json. */
void report_setup(const char *state_dir);

/**
 * report_begin() - Begin the report of an update that has come over a jump.
 * @index:	The index record's payload.
 * @late:	Its late block.
 */
void report_begin(json *index, const struct handover_late *late);

/** report_guest() - Enter @g, back or kept; replaces what was there of it. */
void report_guest(const struct guest *g);

/** report_clock() - Enter into what is there of @g, if it is, what became of its wall clock, and save. */
void report_clock(const struct guest *g);

/** report_save() - Write the report to its file. */
void report_save(void);

/** report_last() - The last report, read from its file if need be, or NULL. Not owned. */
json *report_last(void);

/** report_restart() - Add what came of a restart (restart_guests()) to those that are remembered, and save. */
void report_restart(json *restart);

/** report_all() - The last report with all restarts that are remembered as "restarts"; NULL if there is neither. Caller puts it. */
json *report_all(void);

#endif
