// SPDX-License-Identifier: GPL-2.0-or-later

#include "findings.h"

void found(json *all, const char *level, const char *where, const char *what, const char *why,
	   const char *cure)
{
	json *f;

	if (!all)
		return;
	f = json_object_new_object();
	json_set_str(f, "level", level);
	json_set_str(f, "where", where);
	json_set_str(f, "what", what);
	json_set_str(f, "why", why);
	json_set_str(f, "cure", cure);
	json_object_array_add(all, f);
}
