/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Starting guests that are not there: by hand, as they are defined, and at boot. Bringing back
 * those who came over a jump is restore.c's; who is there, or may have come over, is never
 * started here.
 */
#ifndef VMKEEP_START_H
#define VMKEEP_START_H

#include "guest.h"

/**
 * start_guest() - Start what `vmkeep run` asks for.
 *
 * Return: as guest_run(); -EBUSY while an update is under way.
 */
int start_guest(const struct guest_spec *spec, struct guest **ret, struct strv *notes,
		struct err *e);

/** start_defined() - Start a guest as it is defined. Return: as start_guest(). */
int start_defined(const char *name, struct guest **ret, struct strv *notes, struct err *e);

/**
 * start_at_boot() - Start all that are defined to start at boot, if that has not been done in this boot.
 *
 * Call when those who came over the jump are back or kept; does not wait. Who came over is not
 * started, nor is anybody as long as what came over cannot be read: it might be among it.
 */
void start_at_boot(void);

/** start_cancel() - No further guest is started at boot; another agent goes on with them. */
void start_cancel(void);

/** start_busy() - Whether guests are just being started at boot. */
bool start_busy(void);

/** start_failure() - Why @name was not started at boot, or NULL. */
const char *start_failure(const char *name);

#endif
