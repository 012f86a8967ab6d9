/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a QEMU command line has QEMU make sockets and files: directories that may be in memory
 * (/run/mine), and be gone after the jump; and sockets of other programs that QEMU connects to.
 */
#ifndef VMKEEP_GUESTPLACES_H
#define VMKEEP_GUESTPLACES_H

#include "jsonio.h"

/**
 * guestplaces_describe() - The directories in memory that QEMU makes something in.
 * @cwd:	What relative paths are seen from.
 *
 * Return: An array of objects: "path", "mode", "uid", "gid", parents before what is in them. Caller puts it.
 */
json *guestplaces_describe(const struct strv *argv, const char *cwd);

/**
 * guestplaces_make() - Make those that are missing, as they were.
 * @remarks:	What could not be made, and why; appended to.
 */
void guestplaces_make(json *places, struct strv *remarks);

/**
 * guestplaces_wait() - Wait until somebody listens at each socket that QEMU connects to.
 *
 * Return: 0; -ETIMEDOUT with the name of one in @e. It may still be there, under another name.
 */
int guestplaces_wait(const struct strv *argv, const char *cwd, int timeout_ms, struct err *e);

#endif
