// SPDX-License-Identifier: GPL-2.0-or-later

#include "guestname.h"

#include <string.h>

bool guest_name_valid(const char *name)
{
	size_t len = strlen(name);

	/* It becomes a file's name: nothing that could leave the directory or hide in it. */
	return len && len <= GUEST_NAME_MAX && name[0] != '.' && name[0] != '-' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
		       len;
}
