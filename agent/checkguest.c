// SPDX-License-Identifier: GPL-2.0-or-later

#include "checkguest.h"

#include "findings.h"

static void check_blockers(json *all, struct guest *g)
{
	_cleanup_json_ json *info = NULL;
	struct err e;
	json *reasons;
	int r = guest_arm(g, &e); /* QEMU tells the reasons for the mode that is set */

	if (!r)
		r = qmp_call(g->qmp, "query-migrate", NULL, -1, GUEST_QMP_TIMEOUT_MS, &info, &e);
	guest_disarm(g);
	if (r < 0) {
		found(all, UNKNOWN, g->name, e.text,
		      "whether its QEMU can be checkpointed is not known",
		      "look at its QEMU's log");
		return;
	}
	reasons = json_get(info, "blocked-reasons", json_type_array);
	for (size_t i = 0; reasons && i < json_object_array_length(reasons); i++)
		found(all, BLOCKED, g->name,
		      json_object_get_string(json_object_array_get_idx(reasons, i)),
		      "QEMU cannot save this guest's devices",
		      "take what is named out of the guest, or stop it");
}

/*
 * A guest that stands must stand for its user's sake. What QEMU stopped, for an error
 * of its own or of the guest, it does not save; nor one that stood when a commit failed
 * after its checkpoint ("postmigrate"), until it has run again.
 */
static bool can_be_saved(const char *status)
{
	static const char *const states[] = { "running", "paused", "prelaunch", "suspended" };

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (strcmp(status, states[i]) == 0)
			return true;
	return false;
}

static void check_network(json *all, struct guest *g)
{
	_cleanup_json_ json *net = NULL;
	struct err e;

	if (guest_describe_net(g, &net, all, &e) < 0)
		found(all, UNKNOWN, g->name, e.text,
		      "what its network hangs on in the host is not known", "try again");
}

void check_guest(json *all, struct guest *g)
{
	char status[GUEST_STATUS_MAX];
	struct err e;
	int r;

	if (g->state == GUEST_KEPT) {
		found(all, BLOCKED, g->name, "is kept from the last update and does not run",
		      "its memory cannot be carried over a second jump",
		      "bring it back with `vmkeep finish --retry`");
		return;
	}
	if (g->state == GUEST_STARTING) {
		found(all, BLOCKED, g->name, "is just being started", "it has no state yet",
		      "try again in a moment");
		return;
	}
	r = guest_query_status(g, status, &e);
	if (r < 0) {
		found(all, BLOCKED, g->name, e.text,
		      "a QEMU that does not answer cannot be checkpointed",
		      "look at its QEMU's log, or stop it");
		return;
	}
	if (!can_be_saved(status)) {
		_cleanup_free_ char *what = xasprintf("its QEMU is in state %s", status);

		found(all, BLOCKED, g->name, what, "QEMU saves no devices in that state",
		      "let the guest run on (QMP command cont), or stop it");
		return;
	}
	check_blockers(all, g);
	check_network(all, g);
}
