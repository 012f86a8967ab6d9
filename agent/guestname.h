/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's name, which becomes a file's. */
#ifndef VMKEEP_GUESTNAME_H
#define VMKEEP_GUESTNAME_H

#include <stdbool.h>

#define GUEST_NAME_MAX 48

/** guest_name_valid() - Whether a name can be one: letters, digits, ".", "_", "-", at most GUEST_NAME_MAX. */
bool guest_name_valid(const char *name);

#endif
