/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a QEMU binary can do, found out by trying it once and remembered for as
 * long as the file stays the same.
 */
#ifndef VMKEEP_PROBE_H
#define VMKEEP_PROBE_H

#include "jsonio.h"

/**
 * struct qemu_caps - What a QEMU binary can do.
 * @version:	"11.1.3".
 * @fdset_ram:	memory-backend-file takes mem-path=/dev/fdset/N.
 * @cpr_reboot:	Has migration mode cpr-reboot, and with it the file: transport.
 * @cpr_exec:	Has migration mode cpr-exec: it can replace itself in its own process.
 * @default_machine: The versioned machine that it starts when not told one.
 * @devices:	Its devices' types, and @cpus: its CPU models; each a key.
 * @machines:	What each machine's name stands for: alias or name -> versioned name.
 */
struct qemu_caps {
	char version[32];
	bool fdset_ram;
	bool cpr_reboot;
	bool cpr_exec;
	char default_machine[64];
	json *machines, *devices, *cpus;
};

/**
 * probe_setup() - Where to remember.
 * @dir:	Existing directory for probe.json and the sockets of QEMUs being tried.
 */
void probe_setup(const char *dir);

/**
 * probe_qemu() - What @binary can do. Waits: call from a task.
 * @binary:	Absolute path.
 * @ret:	Owned by the probe; valid until the program ends.
 *
 * Return: 0 or -errno with the reason in @e.
 */
int probe_qemu(const char *binary, const struct qemu_caps **ret, struct err *e);

#endif
