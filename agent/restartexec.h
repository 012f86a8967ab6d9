/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A new QEMU in the process of the old one (QEMU's migration mode cpr-exec): its number, its control group
 * and its limits stay. The steps; restart.c puts them together.
 */
#ifndef VMKEEP_RESTARTEXEC_H
#define VMKEEP_RESTARTEXEC_H

#include "execgate.h"
#include "guest.h"
#include "tapshare.h"

/**
 * struct restart_exec - What is needed besides the guest.
 * @gate:	Where its process passes.
 * @files:	What it takes along, as from execgate_admit().
 * @program:	The old QEMU itself, also when another one lies at its place; or -EBADF.
 * @tsc_saved:	Time-stamp counter: the old QEMU is done,
 * @tsc_up:	the new one answers.
 * @taps:	Those that stay open in it.
 */
struct restart_exec {
	struct exec_gate gate;
	struct exec_files files;
	int program;
	uint64_t tsc_saved, tsc_up;
	struct tap_share taps;
};

/**
 * restartexec_check() - Whether a guest's QEMU can become another one in its process.
 * @caps:	What the other one can do.
 *
 * Return: 0, or -EOPNOTSUPP with what is in the way in @e.
 */
int restartexec_check(const struct guest *g, const struct qemu_caps *caps, struct err *e);

/**
 * restartexec_arm() - Get everything ready while the guest runs.
 * @heir:	What it is to become.
 *
 * Return: 0, or -errno with the reason in @e.
 */
int restartexec_arm(struct guest *g, const struct guest *heir, struct restart_exec *x,
		    struct err *e);

/**
 * restartexec_become() - The stopped guest's QEMU writes its device state and becomes the other one, which loads it.
 *
 * Return: 0, and it waits to be told to run. -errno with the reason in @e; then x.replacing says whether it is
 * the old QEMU still.
 */
int restartexec_become(struct guest *g, struct restart_exec *x, struct err *e);

/** restartexec_relaunch() - After it failed as the other one: start @again with what it had, and have that load. */
int restartexec_relaunch(struct guest *again, const struct restart_exec *x, struct err *e);

/** restartexec_release() - Free all of @x. */
void restartexec_release(struct restart_exec *x);

#endif
