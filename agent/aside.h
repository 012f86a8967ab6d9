/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a QEMU has made, out of the way of another one with the same command line: the sockets
 * it listens on and its PID file are given other names for that time, and the other makes its own.
 */
#ifndef VMKEEP_ASIDE_H
#define VMKEEP_ASIDE_H

#include "util.h"

/**
 * aside_list() - What there is of that now.
 * @argv:	QEMU's command line.
 * @cwd:	What relative paths are seen from.
 * @paths:	Appended to; absolute.
 */
void aside_list(const struct strv *argv, const char *cwd, struct strv *paths);

/** aside_move() - Move them out of the way. Return: 0; -errno with the reason in @e, and all are where they were. */
int aside_move(const struct strv *paths, struct err *e);

/** aside_back() - Put them back, in place of what another has made. What has not been moved stays. */
void aside_back(const struct strv *paths);

/** aside_drop() - Remove them: the other's stay. */
void aside_drop(const struct strv *paths);

#endif
