/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which files a QEMU command line names. Pure text, as guestargs.h. */
#ifndef VMKEEP_FILEARGS_H
#define VMKEEP_FILEARGS_H

#include "jsonio.h"

/**
 * fileargs_parse() - The files and directories that QEMU opens at its start, whoever
 * changed what later.
 *
 * Return: An array of objects: "option", "path" as it was given, "image" (true: the guest
 * reads it as long as it runs), "readonly" (true: it never writes it), "output" (true: it is made if it
 * is not there), "searched" (true: a name that QEMU also looks for
 * in its own directories). What is no path, such as nbd://, is left out. Caller puts it.
 */
json *fileargs_parse(const struct strv *argv);

/** fileargs_path() - The path in a file name of QEMU's, or NULL if it is of another protocol. */
const char *fileargs_path(const char *name);

#endif
