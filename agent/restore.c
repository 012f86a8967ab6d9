// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 * -------------------
 * The index session names the guests. All their sessions are taken first (arrival.c), then each guest goes its own way
 * as a task, until it runs (bringback.c) or is kept, memory and state, with the reason.
 *
 * A session is finished only when its guest runs (or stands, if it stood before). Until
 * then the holder has it as well (holder.c): should this agent be killed, the next one
 * takes the same sessions, and finds out how far each guest had come. Its memory tells
 * whether there is a QEMU on it; its record, whether a vCPU may have run. One that
 * may have run is never started again from its saved state.
 *
 * Guests of one priority come back side by side; those of a lower one begin when they are back or kept, but do not wait
 * longer than HEAD_START_MS in all. Whoever the index names is written down first (bootmark.h): it is never started anew
 * at boot, whatever becomes of it here.
 *
 * Before the host's own init, an early agent does all this for guests that need nothing but the root file system (early.h),
 * and ends. The next agent finds the others as if this one had been killed: with the holder, or still
 * in the kernel's hands.
 */

#include "restore.h"

#include <stdio.h>

#include "arrival.h"
#include "bootmark.h"
#include "bringback.h"
#include "clock.h"
#include "early.h"
#include "handover.h"
#include "holder.h"
#include "log.h"
#include "luo.h"
#include "priority.h"
#include "readahead.h"
#include "report.h"
#include "turns.h"

/* For guest agents that are slow to answer: alone, and when guests wait for the next agent. */
#define CLOCKS_WAIT_MS 15000
#define OTHERS_WAIT_MS 1000
/* How long guests of lower priority are held back, all in all: their blackout goes on meanwhile. */
#define HEAD_START_MS 5000

static bool busy;
static bool complete;
static bool is_early;
/* The index stays with us as long as a guest of it is not back: a next agent needs it. */
static int index_session = -EBADF;
static bool index_is_needed;

bool restore_busy(void)
{
	return busy;
}

bool restore_complete(void)
{
	return complete;
}

/* The index is done with when no guest of it is waited for. */
static void let_go_of_index(void)
{
	if (index_session < 0 || index_is_needed)
		return;
	for (struct guest *g = guest_first(); g; g = g->next)
		if (g->state == GUEST_KEPT)
			return;
	luo_finish(index_session);
	fd_close(&index_session);
	holder_release(HANDOVER_INDEX_SESSION);
}

/* After the blackout: back to ordinary settings, nothing held that is not needed. */
static void settle(struct guest *g)
{
	int r;

	guest_take_state(g);
	guest_disarm(g);
	if (g->x.session >= 0) {
		r = luo_finish(g->x.session);
		if (r < 0)
			log_warn("%s: session not finished: %s", g->name, strerror(-r));
	}
	fd_close(&g->x.session);
	fd_close(&g->x.record);
	fd_close(&g->x.state);
	guest_note_parts(g);
	guest_remember(g);
}

static void keep(struct guest *g, const struct err *e)
{
	g->state = GUEST_KEPT;
	g->gone = false; /* its QEMU is, it is not */
	snprintf(g->kept_reason, sizeof(g->kept_reason), "%s", e->text);
	log_error("%s: kept, not running: %s", g->name, e->text);
}

/* Nothing has run in it here: the next agent takes it from the holder. */
static void leave(struct arrival *a, struct guest *g, const struct err *e)
{
	log_info("%s: comes back when the host is up: %s", g->name, e->text);
	a->left = true;
	guest_remove(g);
}

static void arrive(void *arg)
{
	struct arrival *a = arg;
	struct guest *g = NULL;
	struct err e;
	int r;

	r = arrival_begin(a, &g, &e);
	if (g)
		guest_hold(g);
	if (!r && is_early)
		r = early_ready(g, &e);
	if (!arrival_end(a)) {
		fd_close(&a->session);
		return; /* found again like any guest that runs */
	}
	if (!g)
		g = guest_hold(guest_new(a->name, a->uuid));
	g->x.tsc_retrieved = clock_tsc();
	arrival_give(a, g);
	if (!r)
		r = a->again ? bringback_take_over(g, &e) : bringback(g, &e);
	if (r < 0 && is_early && !g->x.may_have_run)
		leave(a, g, &e);
	else if (r < 0)
		keep(g, &e);
	else
		log_info("%s: back, pid %d", g->name, g->pid);
	guest_release(g);
}

static int read_index(int session, json **ret, struct handover_late *late, struct err *e)
{
	_cleanup_close_ int fd = luo_retrieve(session, HANDOVER_TOKEN_RECORD);
	int r;

	if (fd < 0)
		return err_set(e, fd, "the index of guests did not come over: %s", strerror(-fd));
	r = handover_read(fd, ret, late, e);
	if (r < 0)
		err_prefix(e, "the index of guests");
	return r;
}

/* None of these is for start.c. It does with what is in memory, too; that is logged. */
static void note_names(json *index)
{
	json *list = json_get(index, "guests", json_type_array);
	_cleanup_strv_ struct strv names = { 0 };

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		const char *name = json_str(json_object_array_get_idx(list, i), "name");

		if (name && guest_name_valid(name))
			strv_add(&names, name);
	}
	bootmark_add(&names);
}

/* Before guests run, who may look at it. */
static void carry_clock(const struct handover_late *late)
{
	int64_t by;
	int r = clock_carry_realtime(late->realtime_ns, late->tsc_jump, late->tsc_hz, &by);

	/* Not for guests until the host's init has set it. */
	if (r < 0 && is_early)
		bringback_leave_clocks();
	if (r < 0)
		log_warn(
			"the wall clock is left as the clock chip has it, %.3f s behind what it was before the jump: %s",
			(double)by / NSEC_PER_SEC,
			r == -ERANGE ? "more than the chip's grain" : strerror(-r));
	else
		log_info("the wall clock was set forward by %.3f s", (double)by / NSEC_PER_SEC);
}

/* Guests that are back have the processor when no other stands. */
static void go_first(void)
{
	int r = priority_first();

	if (r < 0)
		log_info(
			"guests that are back are not kept from the processor while others start: %s",
			strerror(-r));
}

static int restore(struct err *e)
{
	_cleanup_free_ struct arrival *all = NULL;
	_cleanup_json_ json *index = NULL;
	_cleanup_free_ struct turn *turns = NULL;
	_cleanup_close_ int session = -EBADF;
	struct handover_late late = { 0 };
	struct arrivals came;
	_cleanup_guest_set_ struct guest_set here = { 0 };
	int own_nice;
	bool again;
	int r;

	if (index_session >= 0)
		return 0; /* its guests are here, back or kept */
	complete = true;
	session = arrival_take_session(HANDOVER_INDEX_SESSION, &again);
	if (session == -ENOENT || session == -ENXIO || session == -EALREADY)
		return 0;
	complete = false;
	if (session < 0)
		return err_set(
			e, session, "session " HANDOVER_INDEX_SESSION ": %s%s", strerror(-session),
			session == -EBUSY ? " (another process has " LUO_DEVICE " open)" : "");
	r = read_index(session, &index, &late, e);
	if (r < 0)
		return r;
	if (!is_early) /* else vmkeep-init does it */
		readahead_start();
	note_names(index);
	if (!again)
		carry_clock(&late);
	arrivals_take(index, is_early, &came);
	all = came.v;
	complete = came.complete;
	index_is_needed = came.others;

	own_nice = priority_nice(0);
	go_first();
	turns = xmalloc0((came.n + 1) * sizeof(*turns));
	for (size_t i = 0; i < came.n; i++)
		turns[i] = (struct turn){ all[i].priority, arrive, &all[i] };
	turns_run(turns, came.n, HEAD_START_MS);
	priority_ordinary(own_nice);

	/* Nobody waits any more: the rest may take its time. */
	report_begin(index, &late);
	for (struct guest *g = guest_first(); g; g = g->next)
		if (g->x.session >= 0 || g->state == GUEST_KEPT)
			report_guest(g);
	report_save();
	here = guest_set_all();
	for (size_t i = 0; i < here.n; i++)
		if (here.v[i]->from_update && !here.v[i]->gone)
			settle(here.v[i]);
	index_session = take_fd(&session);
	for (size_t i = 0; i < came.n; i++) {
		struct guest *g = guest_find(all[i].name);

		if (all[i].left) {
			index_is_needed = true;
			continue;
		}
		if (!g || g->state != GUEST_KEPT)
			arrival_let_go(all[i].uuid);
	}
	let_go_of_index();
	return (int)came.n;
}

int restore_run(bool early, struct err *e)
{
	int r;

	if (busy)
		return err_set(e, -EBUSY, "guests are just being brought back: wait for it");
	busy = true;
	is_early = early;
	r = restore(e);
	busy = false;
	return r;
}

void restore_end_early(void)
{
	bringback_await_clocks(index_is_needed ? OTHERS_WAIT_MS : CLOCKS_WAIT_MS);
}

int restore_retry(struct guest *g, struct err *e)
{
	int r;

	if (g->state != GUEST_KEPT)
		return err_set(e, -EINVAL, "%s is not kept: it is %s", g->name,
			       guest_state_name(g));
	if (g->ram.fd[0] < 0 || g->x.state < 0 || !g->argv.n)
		return err_set(e, -ENODATA, "%s cannot be brought back: %s", g->name,
			       g->kept_reason);
	if (g->x.may_have_run)
		return err_set(
			e, -EPERM,
			"%s ran after the jump, so its saved state is stale: it cannot be brought back",
			g->name);
	if (busy)
		return err_set(e, -EBUSY, "guests are just being brought back: wait for it");
	busy = true;
	guest_hold(g);
	r = bringback(g, e);
	if (r < 0) {
		keep(g, e);
	} else {
		log_info("%s: back at last, pid %d", g->name, g->pid);
		settle(g);
		arrival_let_go(g->uuid);
		let_go_of_index();
		if (report_last()) {
			report_guest(g);
			report_save();
		}
	}
	guest_release(g);
	busy = false;
	return r;
}

int restore_discard(struct guest *g, struct err *e)
{
	if (g->state != GUEST_KEPT)
		return err_set(e, -EINVAL, "%s is not kept: it is %s (`vmkeep stop` ends a guest)",
			       g->name, guest_state_name(g));
	if (busy)
		return err_set(e, -EBUSY, "guests are just being brought back: wait for it");
	log_warn("%s: discarded, its memory is freed (%s)", g->name, g->kept_reason);
	guest_hold(g);
	guest_kill(g);
	guest_remove(g);
	arrival_let_go(g->uuid);
	guest_release(g);
	let_go_of_index();
	return 0;
}
