/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What each request on the control socket means. */
#ifndef VMKEEP_SERVER_H
#define VMKEEP_SERVER_H

#include "control.h"

/**
 * server_start() - Take requests on the control socket in @run_dir.
 * @allow_read:	Also from others than root and CONTROL_GROUP, those that only read.
 *
 * Return: 0, or -errno with the reason in @e.
 */
int server_start(const char *run_dir, bool allow_read, struct err *e);

#endif
