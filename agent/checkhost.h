/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether this host, as it runs now, can hand anything over. */
#ifndef VMKEEP_CHECKHOST_H
#define VMKEEP_CHECKHOST_H

#include "jsonio.h"

/** check_host() - Look at the device, sessions, kexec and the clocks. Waits. */
void check_host(json *all);

#endif
