/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The next kernel's command line. */
#ifndef VMKEEP_CMDLINE_H
#define VMKEEP_CMDLINE_H

#include "util.h"

/**
 * cmdline_build() - Put the next kernel's command line together.
 * @reuse:	Begin with the running kernel's (/proc/cmdline).
 * @append:	More, or NULL.
 * @ret:	The line; caller frees.
 *
 * Return: 0, -E2BIG when it is too long for the kernel, or -errno; reason in @e.
 */
int cmdline_build(bool reuse, const char *append, char **ret, struct err *e);

/**
 * cmdline_switch() - Whether the last "NAME=" on @cmdline switches on.
 *
 * As kstrtobool() of the kernel reads it. Return: 1 on, 0 off, -1 not there.
 */
int cmdline_switch(const char *cmdline, const char *name);

#endif
