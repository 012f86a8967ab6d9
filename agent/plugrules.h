/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which QMP commands `vmkeep qmp` passes on, and which of them change what a guest consists of. */
#ifndef VMKEEP_PLUGRULES_H
#define VMKEEP_PLUGRULES_H

#include "jsonio.h"

/**
 * struct plugrule - A command that plugs something in or out.
 * @command:	QMP's name.
 * @adds:	It comes; else it goes.
 * @option:	What makes it on a command line.
 * @key:	The argument that names it.
 * @part:	What guestparts.h calls its kind.
 */
struct plugrule {
	const char *command;
	bool adds;
	const char *option;
	const char *key;
	const char *part;
};

/**
 * plugrules_check() - Whether a command may be passed on.
 * @args:	Its arguments or NULL.
 * @ret:	What it plugs, or NULL when it changes nothing that an update would undo.
 *
 * What is not known to be harmless is refused: the guest may have a monitor of its own.
 *
 * Return: 0; -EINVAL or -EPERM with the command, why not, and what to do instead in @e.
 */
int plugrules_check(const char *command, json *args, const struct plugrule **ret, struct err *e);

#endif
