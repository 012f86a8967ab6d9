/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The value of one option of a QEMU command line. Pure text, as guestargs.h. */
#ifndef VMKEEP_OPTARGS_H
#define VMKEEP_OPTARGS_H

#include "jsonio.h"

/**
 * optargs_parse() - Take an option's value apart.
 * @value:	"first,key=value,flag", or the same as a JSON object.
 * @implied:	The key of a first word that has none, or NULL: it is a flag then.
 *
 * Return: An object of strings; empty for what is neither. Caller puts it.
 */
json *optargs_parse(const char *value, const char *implied);

#endif
