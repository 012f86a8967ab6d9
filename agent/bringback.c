// SPDX-License-Identifier: GPL-2.0-or-later
#include "bringback.h"

#include <unistd.h>

#include "clock.h"
#include "guestagent.h"
#include "guestplaces.h"
#include "handover.h"
#include "log.h"
#include "priority.h"
#include "report.h"
#include "slots.h"

#define LOAD_TIMEOUT_MS 120000
/* Long enough for a host's network set-up that begins when we do; guests who need none of it do not wait. */
#define NETWORK_WAIT_MS 15000
/* Long enough for a service beside ours that a QEMU connects to. */
#define PLACES_WAIT_MS 15000

/*
 * So many QEMUs start and load at a time: one alone leaves a processor idle for moments, and with many all come up as
 * late as the last.
 */
#define STARTS_PER_PROCESSOR 2
/* When no QEMU has come up for so long, the others wait no more: those that start may hang. */
#define START_PATIENCE_MS 3000

static struct slots starts;
/* Guests whose wall clocks are being set. */
static struct task_group clocks;
static bool leave_clocks;

static int check_state(const struct guest *g, struct err *e)
{
	off_t size = lseek(g->x.state, 0, SEEK_END);
	uint64_t crc;
	int r;

	if (g->x.late.complete != 1)
		return err_set(e, -EBADMSG, "its record was not finished before the jump");
	if (size < 0 || (uint64_t)size != g->x.late.state_bytes)
		return err_set(e, -EBADMSG, "its device state has %lld bytes instead of %llu",
			       (long long)size, (unsigned long long)g->x.late.state_bytes);
	r = handover_checksum(g->x.state, g->x.late.state_bytes, &crc);
	if (r < 0)
		return err_set(e, r, "its device state cannot be read: %s", strerror(-r));
	if (crc != g->x.late.state_crc)
		return err_set(e, -EBADMSG, "its device state is damaged: wrong checksum");
	return 0;
}

/* From here on it is its user's too, who may let run what we leave paused. */
static int let_run(struct guest *g, struct err *e)
{
	/* Written down first: once a vCPU has run, memory is ahead of the state that we hold. */
	int r = handover_mark_run(g->x.record, true);

	if (r < 0)
		return err_set(e, r, "its record cannot be written: %s", strerror(-r));
	g->x.may_have_run = true;
	if (!g->x.late.running)
		return 0;
	r = guest_cont(g, -1, e);
	if (r == -EREMOTEIO) { /* QEMU said no: nothing ran */
		g->x.may_have_run = false;
		handover_mark_run(g->x.record, false);
	}
	return r;
}

/* Beside all else: nobody waits for a guest agent. */
static void set_clock(void *arg)
{
	struct guest *g = arg;

	guestagent_keep_time(g);
	if (g->x.clock)
		report_clock(g);
	guest_release(g);
}

static void no_longer_first(const struct guest *g)
{
	int r = priority_ordinary_all(g->pid, g->x.nice);

	/* One that has ended meanwhile is told of by others. */
	if (r < 0 && r != -ESRCH && r != -ENOENT)
		log_warn("%s: its QEMU goes on before others on the processor: %s", g->name,
			 strerror(-r));
}

static void is_back(struct guest *g)
{
	g->x.tsc_resumed = clock_tsc();
	/* Not sooner: until its first instruction, those that start would be before it. */
	no_longer_first(g);
	g->state = g->x.late.running ? GUEST_RUNNING : GUEST_PAUSED;
	g->from_update = true;
	if (g->x.late.running && !leave_clocks)
		task_group_start(&clocks, set_clock, guest_hold(g));
	/* At once: an agent that dies now must find it again, not start it a second time. */
	guest_remember(g);
}

/*
 * An error is for what QEMU cannot start without. Anything else can be mended while the guest
 * runs, and so can what a record that makes no sense leaves undone: QEMU will say if it misses it.
 */
static int rebuild_network(struct guest *g, enum net_when when, struct err *e)
{
	_cleanup_strv_ struct strv remarks = { 0 };
	int r = g->net ? net_rebuild(g->net, when, NETWORK_WAIT_MS, &remarks, e) : 0;

	for (size_t i = 0; i < remarks.n; i++)
		log_warn("%s: network: %s", g->name, remarks.v[i]);
	if (r == -EBADMSG || (r < 0 && when == NET_AFTER_QEMU)) {
		log_error("%s: network: not made: %s", g->name, e->text);
		return 0;
	}
	return r;
}

/* What is missing, QEMU may do without; it says so itself if not. */
static void make_places(struct guest *g)
{
	_cleanup_strv_ struct strv remarks = { 0 };
	struct err e;

	guestplaces_make(g->places, &remarks);
	for (size_t i = 0; i < remarks.n; i++)
		log_warn("%s: %s", g->name, remarks.v[i]);
	if (guestplaces_wait(&g->argv, g->cwd, PLACES_WAIT_MS, &e) < 0)
		log_warn("%s: %s", g->name, e.text);
}

static int start_and_load(struct guest *g, struct err *e)
{
	int r;

	if (!starts.n)
		starts.n = STARTS_PER_PROCESSOR * (unsigned long)sysconf(_SC_NPROCESSORS_ONLN);
	slots_take(&starts, START_PATIENCE_MS);
	r = guest_launch_incoming(g, NULL, true, e);
	if (!r) {
		g->x.tsc_launched = clock_tsc();
		/* Its vCPUs' and others, which loading waits for; no guest runs in them yet. */
		(void)priority_first_all(g->pid);
		r = guest_arm(g, e);
		if (!r)
			r = guest_load(g, LOAD_TIMEOUT_MS, e);
		if (r < 0)
			guest_kill(g);
	}
	slots_leave(&starts);
	return r;
}

int bringback(struct guest *g, struct err *e)
{
	int r = guestram_check(&g->ram, e);

	if (!r)
		r = guestram_check_whole(&g->ram, e);
	if (!r)
		r = check_state(g, e);
	if (!r)
		r = rebuild_network(g, NET_BEFORE_QEMU, e);
	if (!r) {
		make_places(g);
		r = start_and_load(g, e);
	}
	if (r < 0)
		return r;
	/* At once: QEMU announces the guest to the bridge from now on, for a second or so. */
	r = rebuild_network(g, NET_AFTER_QEMU, e);
	if (!r) {
		g->x.tsc_loaded = clock_tsc();
		r = let_run(g, e);
	}
	if (!r && g->gone)
		r = err_set(e, -ECONNRESET, "QEMU ended");
	if (r < 0) {
		guest_kill(g);
		return r;
	}
	is_back(g);
	return 0;
}

/*
 * A QEMU of the agent that was killed, that no vCPU has run in, holds nothing of worth: it is ended, and another started.
 * One that may run a guest is the guest.
 */
int bringback_take_over(struct guest *g, struct err *e)
{
	bool there = guest_find_qemu(g);
	int r;

	g->x.may_have_run = handover_has_run(g->x.record);
	if (!g->x.may_have_run) {
		if (there)
			guest_kill(g);
		return bringback(g, e);
	}
	if (!there)
		return err_set(e, -ESRCH, "it ran after the jump, and its QEMU has ended since");
	no_longer_first(g);
	g->x.tsc_launched = g->x.tsc_loaded = clock_tsc();
	g->x.state_in_qemu = true;
	r = guest_connect(g, e);
	if (!r)
		r = guest_query_running(g, e);
	if (!r && g->x.late.running)
		r = guest_cont(g, -1, e);
	if (r < 0) {
		err_prefix(e, "its QEMU (pid %d) is there", g->pid);
		return r;
	}
	is_back(g);
	return 0;
}

void bringback_leave_clocks(void)
{
	leave_clocks = true;
}

void bringback_await_clocks(int timeout_ms)
{
	int64_t deadline = now_ms() + timeout_ms;

	while (clocks.running && now_ms() < deadline)
		task_sleep(20);
}
