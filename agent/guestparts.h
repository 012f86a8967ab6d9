/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a QEMU consists of at run time. Its command line does not tell: devices come and
 * go, media are changed, and QEMU cannot print how to start it again. So the agent asks
 * right after each start, and compares.
 */
#ifndef VMKEEP_GUESTPARTS_H
#define VMKEEP_GUESTPARTS_H

#include "qmp.h"

/**
 * guestparts_ask() - What @q's QEMU consists of now: devices, drives with the image in
 * each, objects, block nodes, network backends, character devices.
 * @ret:	For guestparts_compare(); caller puts it.
 *
 * Names that QEMU makes up itself last as long as the process: the answers of two
 * processes are not to be compared. Waits.
 *
 * Return: 0, or -errno with the reason in @e.
 */
int guestparts_ask(struct qmp *q, json **ret, struct err *e);

/**
 * guestparts_compare() - What has been changed since the start.
 * @start:	Right after the start. Read from a file, perhaps: nothing in it is trusted.
 * @now:	From the same process.
 * @guest:	The guest's name, for @findings.
 * @findings:	Added to as check_run() has them.
 */
void guestparts_compare(json *start, json *now, const char *guest, json *findings);

/**
 * guestparts_adopt() - Have one part as it is now count as what QEMU was started with: the QEMU that
 * brings the guest back will have it so.
 * @now:	As of guestparts_ask(); NULL when it is gone.
 * @kind:	"devices", "drives", "netdevs", …
 */
void guestparts_adopt(json *start, json *now, const char *kind, const char *name);

/**
 * guestparts_stranger() - Whether @args names a backend that has come since the start, which the QEMU
 * that brings the guest back will not have: it could not be started with what @args makes.
 *
 * Return: the name, which stays @args'; or NULL.
 */
const char *guestparts_stranger(json *start, json *now, json *args);

#endif
