/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands in the way of an update, found out while every guest runs on. */
#ifndef VMKEEP_CHECK_H
#define VMKEEP_CHECK_H

#include "guest.h"

/**
 * struct target - The kernel to jump to.
 * @kernel:	Its image.
 * @initrd:	Its initial RAM disk or NULL.
 * @cmdline:	Its whole command line.
 * @early:	Guests are to come back before its init (early.h).
 * @version:	From the image, filled in by check_run().
 */
struct target {
	char *kernel;
	char *initrd;
	char *cmdline;
	bool early;
	char version[128];
};

/** target_free() - Free what @t owns. */
void target_free(struct target *t);

/**
 * check_run() - Look for every blocker. Changes nothing. Waits.
 *
 * Return: A JSON array, one object a finding: "level" (blocked, unknown, note),
 * "where" (host, kernel or a guest's name), "what", "why" and "cure". Caller puts it.
 */
json *check_run(struct target *t);

/** check_busy() - Whether a check is talking to guests' QEMUs just now: their settings are then not to be relied on. */
bool check_busy(void);

/** check_verdict() - The worst of @findings: 1 blocked, 2 could not tell, 0 ready. First such finding's words in @e. */
int check_verdict(json *findings, struct err *e);

#endif
