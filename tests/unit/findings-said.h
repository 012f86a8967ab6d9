/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looking into what a check has found. */
#ifndef VMKEEP_TESTS_FINDINGS_SAID_H
#define VMKEEP_TESTS_FINDINGS_SAID_H

#include <stdio.h>

#include "findings.h"

/* How many there are; each is printed when it is not @expected. */
static inline size_t said_in_all(json *all, size_t expected)
{
	size_t n = json_object_array_length(all);

	for (size_t i = 0; n != expected && i < n; i++)
		printf("# %s\n", json_object_to_json_string(json_object_array_get_idx(all, i)));
	return n;
}

/* Whether there is one of @level whose "what" has @words in it. */
static inline bool said(json *all, const char *level, const char *words)
{
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		json *f = json_object_array_get_idx(all, i);

		if (strcmp(json_str(f, "level"), level) == 0 && strstr(json_str(f, "what"), words))
			return true;
	}
	return false;
}

#endif
