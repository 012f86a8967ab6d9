/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines of /proc/PID/mountinfo: proc_pid_mountinfo(5). */
#ifndef VMKEEP_MOUNTINFO_H
#define VMKEEP_MOUNTINFO_H

#include "util.h"

/* The longest table that is read. */
#define MOUNTINFO_MAX (4UL * 1024 * 1024)

enum { MOUNTINFO_DEVICE = 2, MOUNTINFO_POINT = 4 };

/** mountinfo_field() - The field of @line by its number from 0, its escapes resolved; "" if it has none. Caller frees. */
char *mountinfo_field(const char *line, int nr);

/** mountinfo_unescape() - "\040" for a space, in place. */
void mountinfo_unescape(char *s);

#endif
