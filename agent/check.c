// SPDX-License-Identifier: GPL-2.0-or-later

#include "check.h"

#include <stdio.h>

#include "checkkernel.h"
#include "clock.h"
#include "findings.h"
#include "kvm.h"
#include "luo.h"

/* KVM's own tolerance: its module parameter tsc_tolerance_ppm. */
#define TSC_TOLERANCE 250e-6

void target_free(struct target *t)
{
	free(t->kernel);
	free(t->initrd);
	free(t->cmdline);
	*t = (struct target){ 0 };
}

static void check_device(json *all)
{
	int dev = luo_open();

	if (dev == -EBUSY)
		found(all, BLOCKED, "host", LUO_DEVICE " is held by another process",
		      "only one process can make sessions at a time",
		      "end that process (fuser -v " LUO_DEVICE ")");
	else if (dev < 0)
		found(all, BLOCKED, "host", "this kernel has no " LUO_DEVICE,
		      "nothing can be kept over a kexec without it",
		      "boot a kernel with CONFIG_LIVEUPDATE and the parameters kho=on liveupdate=on "
		      "(kernel-config/check-config tells more)");
	fd_close(&dev);
}

static void check_kexec_allowed(json *all)
{
	_cleanup_free_ char *s = NULL;

	if (read_file("/proc/sys/kernel/kexec_load_disabled", 16, &s, NULL) == 0 && s[0] != '0')
		found(all, BLOCKED, "host", "kexec is switched off",
		      "sysctl kernel.kexec_load_disabled is 1",
		      "it can only be switched on again by a reboot without that setting");
}

/*
 * This kernel may have got the counter's rate wrong at boot, and corrected itself
 * after KVM had taken it over. Without scaling, the vCPUs then have none, KVM
 * reads the host's counter as 0 for them, and their clocks would be off by the
 * host's uptime afterwards.
 */
static void check_guests_tsc(json *all)
{
	double off;
	unsigned int khz;
	bool scaling;

	if (kvm_tsc(&khz, &scaling) < 0 || scaling || !clock_tsc_hz())
		return;
	off = (double)khz * 1000 / (double)clock_tsc_hz() - 1;
	if (off < TSC_TOLERANCE && off > -TSC_TOLERANCE)
		return;
	found(all, BLOCKED, "host", "KVM has a wrong rate of the time-stamp counter",
	      "guests' clocks would jump by the host's uptime",
	      "the host has to be booted anew, best with tsc_early_khz= its true rate");
}

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

static void check_guest(json *all, struct guest *g)
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
	check_device(all);
	check_kexec_allowed(all);
	check_guests_tsc(all);
	for (size_t i = 0; i < guests.n; i++)
		if (!guests.v[i]->gone)
			check_guest(all, guests.v[i]);
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
