// SPDX-License-Identifier: GPL-2.0-or-later

#include "checkhost.h"

#include "clock.h"
#include "findings.h"
#include "guest.h"
#include "holder.h"
#include "kvm.h"
#include "luo.h"

/* KVM's own tolerance: its module parameter tsc_tolerance_ppm. */
#define TSC_TOLERANCE 250e-6

#define SESSIONS_MAX 1024

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

/* One that Linux has given up, or that no guest's clock can be read from without an exit. */
static void check_clocksource(json *all)
{
	_cleanup_free_ char *s = NULL, *what = NULL;

	if (read_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", 64, &s,
		      NULL) < 0)
		return;
	s[strcspn(s, "\n")] = '\0';
	if (strcmp(s, "tsc") == 0)
		return;
	what = xasprintf("this host's clock is %s, not the time-stamp counter", s);
	found(all, NOTE, "host", what,
	      "blackouts are measured by that counter, and guests' kvm-clock is only as good as it is",
	      "look in the kernel's log why (dmesg | grep -i tsc); clocksource=tsc switches it on");
}

/* `prepare` makes them of small ones, but for "deny", and a kernel that has none. */
static void check_huge_pages(json *all)
{
	_cleanup_free_ char *s = NULL;
	bool there = read_file("/sys/kernel/mm/transparent_hugepage/shmem_enabled", 128, &s,
			       NULL) == 0;

	if (there && !strstr(s, "[deny]"))
		return;
	found(all, NOTE, "host", "guests' memory gets no huge pages",
	      "the blackout is longer by some 0.75 s for each GiB of it",
	      there ? "echo advise >/sys/kernel/mm/transparent_hugepage/shmem_enabled"
		    : "boot a kernel with CONFIG_TRANSPARENT_HUGEPAGE");
}

/* --- sessions --- */

struct sessions {
	struct luo_held held[SESSIONS_MAX];
	size_t n;
};

static int list_sessions(void *arg)
{
	struct sessions *s = arg;

	s->n = luo_list_held(s->held, ARRAY_SIZE(s->held));
	return 0;
}

/* Of a guest that is on its way, or kept, which is said elsewhere; and the index with it. */
static bool is_waited_for(const char *name)
{
	for (const struct guest *g = guest_first(); g; g = g->next) {
		if (g->state != GUEST_KEPT && g->state != GUEST_STARTING)
			continue;
		if (strcmp(name, HANDOVER_INDEX_SESSION) == 0 ||
		    strcmp(name + strlen("vmkeep:"), g->uuid) == 0)
			return true;
	}
	return false;
}

static void check_session(json *all, const struct luo_held *h)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/comm", h->pid);
	_cleanup_free_ char *comm = NULL, *what = NULL;

	if (read_file(path, 64, &comm, NULL) < 0)
		return; /* it has just ended */
	comm[strcspn(comm, "\n")] = '\0';
	/* The holder has only what came over the last jump. */
	if (strcmp(comm, HOLDER_COMM) == 0) {
		if (is_waited_for(h->name))
			return;
		what = xasprintf("the last update is not finished: session %s is still held",
				 h->name);
		found(all, BLOCKED, "host", what, "what is in it would be lost at the next jump",
		      "run `vmkeep finish`; `vmkeep discard NAME` gives a guest up");
		return;
	}
	what = xasprintf("process %d (%s) holds session %s", h->pid, comm, h->name);
	found(all, BLOCKED, "host", what,
	      "it is either a guest's memory from the last update, or a name that the next one needs",
	      "end that process, if the guest runs or is not wanted any more");
}

static void check_sessions(json *all)
{
	struct sessions *s = xmalloc0(sizeof(*s));

	task_blocking(list_sessions, s);
	for (size_t i = 0; i < s->n; i++) {
		const char *name = s->held[i].name;

		if (s->held[i].pid != getpid() &&
		    (strcmp(name, HANDOVER_INDEX_SESSION) == 0 || strncmp(name, "vmkeep:", 7) == 0))
			check_session(all, &s->held[i]);
	}
	free(s);
}

void check_host(json *all)
{
	check_device(all);
	check_kexec_allowed(all);
	check_guests_tsc(all);
	check_clocksource(all);
	check_huge_pages(all);
	check_sessions(all);
}
