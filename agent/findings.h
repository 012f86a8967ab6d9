/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a check has found: one object each, as check_run() returns them. */
#ifndef VMKEEP_FINDINGS_H
#define VMKEEP_FINDINGS_H

#include "jsonio.h"

#define BLOCKED "blocked"
#define UNKNOWN "unknown"
#define NOTE "note"

/**
 * found() - Add a finding.
 * @all:	The array of all; NULL drops it.
 * @level:	BLOCKED, UNKNOWN (it could not be told, which is no yes) or NOTE.
 * @where:	"host", "kernel" or a guest's name.
 * @what:	What is the matter.
 * @why:	What would come of it.
 * @cure:	What to do.
 */
void found(json *all, const char *level, const char *where, const char *what, const char *why,
	   const char *cure);

#endif
