// SPDX-License-Identifier: GPL-2.0-or-later

#include "checkpoint.h"

#include "clock.h"
#include "log.h"

#define UNDO_TIMEOUT_MS 30000

/* The agent connects again to a monitor that was lost: see reconnect() in guestprocess.c. */
static void wait_for_monitor(const struct guest *g)
{
	int64_t deadline = now_ms() + UNDO_TIMEOUT_MS;

	while (!g->qmp && !g->gone && now_ms() < deadline)
		task_sleep(50);
}

int checkpoint_begin(struct guest *g, struct err *e)
{
	int r = guest_query_running(g, e);

	if (r < 0)
		return r;
	g->x.was_running = r;
	g->x.committing = r;
	/* Not written down, an agent that dies while the guest stands would leave it so. */
	r = guest_remember(g);
	if (r < 0)
		return err_set(e, r, "its state file: %s", strerror(-r));
	return 0;
}

int checkpoint_arm(struct guest *g, struct err *e)
{
	int r = checkpoint_begin(g, e);

	return r ? r : guest_arm(g, e);
}

void checkpoint_undo_arm(struct guest *g)
{
	wait_for_monitor(g);
	if (g->x.armed)
		guest_disarm(g);
	if (g->x.committing && !g->gone) {
		g->x.committing = false;
		guest_remember(g);
	}
}

int checkpoint_stop(struct guest *g, int timeout_ms, struct err *e)
{
	int r = 0;

	g->x.late = (struct handover_late){ .running = g->x.was_running, .tsc_stop = clock_tsc() };
	if (g->x.was_running) {
		g->x.stopped = true;
		r = qmp_call(g->qmp, "stop", NULL, -1, timeout_ms, NULL, e);
	}
	g->x.late.tsc_stopped = clock_tsc();
	return r;
}

void checkpoint_undo_stop(struct guest *g)
{
	int64_t deadline = now_ms() + UNDO_TIMEOUT_MS;
	struct err e;
	int r = 0;

	wait_for_monitor(g);
	while (g->x.stopped && !g->gone) {
		r = guest_cont(g, GUEST_QMP_TIMEOUT_MS, &e);
		/*
		 * QEMU says that a migration is over a moment before it lets the guest run again;
		 * and one that is slow, or hung for a while, takes its commands one after the other.
		 */
		if ((r != -EREMOTEIO && r != -ETIMEDOUT && r != -ECONNRESET) || now_ms() > deadline)
			break;
		task_sleep(50);
	}
	if (r < 0 && !g->gone) {
		g->state = GUEST_PAUSED;
		log_error("%s: does not run again: %s", g->name, e.text);
	}
	g->x.stopped = false;
}

int checkpoint_save(struct guest *g, int timeout_ms, struct err *e)
{
	int r;

	g->x.saving = true;
	r = guest_save(g, timeout_ms, e);
	g->x.late.tsc_saved = clock_tsc();
	return r;
}

void checkpoint_undo_save(struct guest *g)
{
	int64_t deadline = now_ms() + UNDO_TIMEOUT_MS;

	wait_for_monitor(g);
	/* Harmless when it is over. Until it is, QEMU refuses to let the guest run. */
	if (g->x.saving && g->migration == MIGRATION_ACTIVE)
		qmp_call(g->qmp, "migrate_cancel", NULL, -1, GUEST_QMP_TIMEOUT_MS, NULL, NULL);
	/* Cancelling only asks. A guest let run before it is over would be stopped again. */
	while (g->x.saving && g->migration == MIGRATION_ACTIVE && !g->gone && now_ms() < deadline)
		task_sleep(50);
	g->x.saving = false;
}
