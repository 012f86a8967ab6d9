/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: what `vmkeep` asks, the agent answers.
 *
 * One JSON object a line. A request is {"command": NAME, "arguments": {…}}; to it
 * come any number of {"progress": TEXT} and then one {"return": VALUE} or
 * {"error": TEXT, "status": EXIT STATUS}.
 */
#ifndef VMKEEP_SERVER_H
#define VMKEEP_SERVER_H

#include "util.h"

#define CONTROL_SOCKET "control"
#define CONTROL_LINE_MAX (1024UL * 1024)
#define RUN_DIR "/run/vmkeep"

/* Exit statuses of `vmkeep`, also in an error reply. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,  /* refused or failed; what was begun is undone. check: blocked */
	EXIT_UNKNOWN = 2, /* check: could not tell */
	EXIT_NO_AGENT = 3,
	EXIT_KEPT = 4, /* finish: a guest is still kept */
	EXIT_BAD_USAGE = 64,
};

/** server_start() - Listen on RUN_DIR/control. Return: 0, or -errno with the reason in @e. */
int server_start(const char *run_dir, struct err *e);

#endif
