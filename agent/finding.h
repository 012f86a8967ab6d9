/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What `vmkeep check` finds: one JSON object each, put into an array. */
#ifndef VMKEEP_FINDING_H
#define VMKEEP_FINDING_H

#include "jsonio.h"

#define BLOCKED "blocked"
#define UNKNOWN "unknown"
#define NOTE "note"

/**
 * found() - Add a finding.
 * @all:	The array; NULL drops it.
 * @level:	BLOCKED, UNKNOWN or NOTE.
 * @where:	"host", "kernel" or a guest's name.
 */
void found(json *all, const char *level, const char *where, const char *what, const char *why,
	   const char *cure);

#endif
