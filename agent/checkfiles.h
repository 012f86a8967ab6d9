/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a guest's files will be there after the jump, and be the same. */
#ifndef VMKEEP_CHECKFILES_H
#define VMKEEP_CHECKFILES_H

#include "guest.h"

/**
 * check_files() - Look at the images QEMU has open and at what its command line names. Waits.
 * @nodes:	The answer to query-named-block-nodes.
 * @drives:	The answer to query-block.
 */
void check_files(json *all, const struct guest *g, json *nodes, json *drives);

#endif
