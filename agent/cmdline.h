/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The next kernel's command line. */
#ifndef VMKEEP_CMDLINE_H
#define VMKEEP_CMDLINE_H

#include "util.h"

/* On the command line: what vmkeep-init(8) is to become, if init= said so. */
#define CMDLINE_REAL_INIT "vmkeep.init"

/**
 * cmdline_build() - Put the next kernel's command line together.
 * @reuse:	Begin with the running kernel's (/proc/cmdline).
 * @append:	More, or NULL.
 * @tsc_khz:	Rate of the time-stamp counter, for tsc_early_khz= unless @append has one.
 * @early:	Have it start vmkeep-init(8) before its own init, on a root file system that can be written.
 * @ret:	The line; caller frees.
 *
 * A kernel that measures that rate anew at boot can be 1,600 ppm off for its first
 * seconds (Documentation/admin-guide/kernel-parameters.txt, tsc_early_khz). KVM
 * without TSC scaling then takes the host's counter for 0 when guests are brought
 * back, and their clocks jump ahead by the host's uptime: docs/architecture.md.
 *
 * Return: 0, -E2BIG when it is too long for the kernel, or -errno; reason in @e.
 */
int cmdline_build(bool reuse, const char *append, unsigned int tsc_khz, bool early, char **ret,
		  struct err *e);

/** cmdline_strip() - @line without what updates have added to it: that must not pile up. Caller frees. */
char *cmdline_strip(const char *line);

/**
 * cmdline_switch() - Whether the last "NAME=" on @cmdline switches on.
 *
 * As kstrtobool() of the kernel reads it. Return: 1 on, 0 off, -1 not there.
 */
int cmdline_switch(const char *cmdline, const char *name);

/** cmdline_value() - What follows the last "NAME=" on @cmdline, or NULL; caller frees. */
char *cmdline_value(const char *cmdline, const char *name);

#endif
