/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Plugging in and out while a guest runs, so that the QEMU that brings the guest back after an
 * update has the same: what QEMU was told, and the places it gave out, are written into the
 * command line that is kept of the guest.
 */
#ifndef VMKEEP_PLUG_H
#define VMKEEP_PLUG_H

#include "guest.h"
#include "plugrules.h"

/** plug_setup() - Follow what guests let go of. Once a process. */
void plug_setup(void);

/** plug_unplugged() - The guest has let go of the device @id: what plug_setup() has called. */
void plug_unplugged(struct guest *g, const char *id);

/** plug_busy() - Whether something is just being plugged in or out of any guest. */
bool plug_busy(void);

/**
 * plug_command() - Run a QMP command that plugrules_check() has let through.
 * @rule:	What it plugs, or NULL.
 * @args:	Its arguments or NULL; the reference stays the caller's.
 * @ret:	What QEMU returned; caller puts it.
 *
 * A device_del is over when the guest has let go of the device: its option goes then.
 *
 * Return: 0 or -errno with the reason, QEMU's own words where it has some, in @e.
 */
int plug_command(struct guest *g, const struct plugrule *rule, const char *command, json *args,
		 json **ret, struct err *e);

/**
 * plug_memory() - Plug in a DIMM.
 * @size:	Bytes.
 * @node:	NUMA node, or negative for QEMU's own choice.
 * @ret:	{"memdev": its backend, "device": its id}; caller puts it.
 *
 * Return: 0, or -errno with the reason in @e, and nothing has changed.
 */
int plug_memory(struct guest *g, uint64_t size, int node, json **ret, struct err *e);

#endif
