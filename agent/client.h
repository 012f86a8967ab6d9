/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line's side of the control socket. Blocking: `vmkeep` does one thing. */
#ifndef VMKEEP_CLIENT_H
#define VMKEEP_CLIENT_H

#include "control.h"

/**
 * client_request() - Ask the agent and wait for its answer, showing progress.
 * @command:	A command of the control protocol.
 * @args:	Its arguments or NULL; the reference is taken over.
 * @ret:	The value; caller puts it. Untouched on failure.
 *
 * Return: An exit status. On failure the reason has been printed on stderr.
 */
enum exit_status client_request(const char *command, json *args, json **ret);

/** client_ask() - The same, with the reason of a failure in @e instead. */
enum exit_status client_ask(const char *command, json *args, json **ret, struct err *e);

#endif
