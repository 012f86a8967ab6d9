/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The places that QEMU gives out by itself, in the order of its command line: bus, address, slot,
 * MAC. Once written into the options, they stay when another device comes or goes.
 */
#ifndef VMKEEP_PLUGPLACE_H
#define VMKEEP_PLUGPLACE_H

#include "guest.h"

/** plugplace_pin() - Write down where device @id is, unless its user has said so. Return: 0, or -errno when QEMU did not tell. */
int plugplace_pin(struct guest *g, const char *id, struct err *e);

/**
 * plugplace_hold() - Have taking out device @id move no other.
 *
 * Return: 0, or -errno with why it would in @e.
 */
int plugplace_hold(struct guest *g, const char *id, struct err *e);

#endif
