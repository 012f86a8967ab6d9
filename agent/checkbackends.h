/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a guest is in other programs, or in hardware, by its command line. */
#ifndef VMKEEP_CHECKBACKENDS_H
#define VMKEEP_CHECKBACKENDS_H

#include "jsonio.h"

/** check_other_programs() - Add to @all what does not come back with @guest's QEMU alone. */
void check_other_programs(json *all, const char *guest, const struct strv *argv);

#endif
