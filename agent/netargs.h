/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which network backends a QEMU command line asks for. Pure text, as guestargs.h. */
#ifndef VMKEEP_NETARGS_H
#define VMKEEP_NETARGS_H

#include "jsonio.h"

/**
 * netargs_parse() - The options -netdev, -nic and -net, in whichever form QEMU takes them
 * (qapi/net.json).
 *
 * Return: An array of objects: "type", and each other property by its name; all values
 * are strings. The backend that QEMU makes when told nothing has "type" user. Caller puts it.
 */
json *netargs_parse(const struct strv *argv);

/** netargs_on() - Whether a property of one of them is there and on. */
bool netargs_on(json *backend, const char *key);

/** netargs_script() - Whether QEMU runs a program of its user's that connects this tap. */
bool netargs_script(json *backend);

#endif
