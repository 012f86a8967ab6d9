// SPDX-License-Identifier: GPL-2.0-or-later

#include "check.h"

#include "checkguest.h"
#include "checkhost.h"
#include "checkkernel.h"
#include "checkmemory.h"
#include "early.h"
#include "findings.h"

void target_free(struct target *t)
{
	free(t->kernel);
	free(t->initrd);
	free(t->cmdline);
	*t = (struct target){ 0 };
}

static void check_early(json *all, const struct target *t, const struct guest_set *guests)
{
	struct err e;

	if (!t->early)
		return;
	if (early_check_host(t->cmdline, &e) < 0)
		found(all, BLOCKED, "host", e.text, "the next kernel would not come up",
		      "install vmkeep's programs, or leave out --early");
	for (size_t i = 0; i < guests->n; i++)
		if (!guests->v[i]->gone && early_possible(guests->v[i], &e) < 0)
			found(all, NOTE, guests->v[i]->name, e.text,
			      "the guest does not come back early, but when vmkeepd is started as a service",
			      "nothing, or move it to the root file system");
}

static unsigned int running;

bool check_busy(void)
{
	return running;
}

json *check_run(struct target *t)
{
	json *all = json_object_new_array();
	_cleanup_guest_set_ struct guest_set guests = guest_set_all();

	running++;
	check_kernel(all, t);
	check_host(all);
	check_memory(all, &guests, t);
	for (size_t i = 0; i < guests.n; i++)
		if (!guests.v[i]->gone)
			check_guest(all, guests.v[i]);
	check_early(all, t, &guests);
	if (!guests.n)
		found(all, NOTE, "host", "no guest runs under vmkeep",
		      "the update would be an ordinary kexec", "");
	running--;
	return all;
}

int check_verdict(json *findings, struct err *e)
{
	static const char *const levels[] = { BLOCKED, UNKNOWN };

	for (size_t l = 0; l < ARRAY_SIZE(levels); l++) {
		for (size_t i = 0; i < json_object_array_length(findings); i++) {
			json *f = json_object_array_get_idx(findings, i);
			const char *where = json_str(f, "where");

			if (strcmp(json_str(f, "level"), levels[l]) != 0)
				continue;
			if (strcmp(where, "host") == 0 || strcmp(where, "kernel") == 0)
				err_set(e, 0, "%s: %s", json_str(f, "what"), json_str(f, "cure"));
			else
				err_set(e, 0, "guest %s: %s: %s", where, json_str(f, "what"),
					json_str(f, "cure"));
			return (int)l + 1;
		}
	}
	return 0;
}
