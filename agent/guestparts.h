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

#endif
