// SPDX-License-Identifier: GPL-2.0-or-later
#include "restartone.h"

#include <stdio.h>

#include "checkpoint.h"
#include "clock.h"
#include "guestagent.h"

static void set_ms(json *j, const char *key, uint64_t from, uint64_t to)
{
	double ms = to > from ? (double)(to - from) * MSEC_PER_SEC / (double)clock_tsc_hz() : 0;
	char text[32];

	snprintf(text, sizeof(text), "%.3f", ms);
	json_object_object_add(j, key, json_object_new_double_s(ms, text));
}

json *restart_tell(const struct restart *r)
{
	const struct handover_late *l = &r->g->x.late;
	json *j = json_object_new_object(), *phases = json_object_new_object();
	bool exec = r->method == RESTART_EXEC;

	json_set_str(j, "name", r->heir->name);
	if (!r->rehearsal)
		json_set_str(j, "method", exec ? "exec" : "relaunch");
	json_set_str(j, "from_qemu", r->g->qemu_version);
	json_set_str(j, "to_qemu", r->heir->qemu_version);
	json_set_str(j, "ram_path", ram_path_name(r->heir->ram_path));
	json_set_int(j, "pid", r->rehearsal || exec ? r->g->pid : r->heir->pid);
	json_set_int(j, "when_ms", clock_realtime_ns() / NSEC_PER_MSEC);
	json_set_int(j, "memory_bytes", (int64_t)ram_total(&r->heir->ram.size));
	json_set_int(j, "state_bytes", (int64_t)l->state_bytes);
	set_ms(phases, "stop", l->tsc_stop, l->tsc_stopped);
	set_ms(phases, "save", l->tsc_stopped, l->tsc_saved);
	set_ms(phases, "launch", l->tsc_saved, r->tsc_ready);
	set_ms(phases, "load", r->tsc_ready, r->tsc_loaded);
	set_ms(phases, "resume", r->tsc_loaded, r->tsc_resumed);
	json_object_object_add(j, "phases_ms", phases);
	if (!exec)
		set_ms(j, "launch_ms", r->tsc_launch, r->tsc_launched);
	set_ms(j, r->rehearsal ? "pause_ms" : "blackout_ms", l->tsc_stop, r->tsc_resumed);
	return j;
}

void restart_forget_note(struct guest *g)
{
	json_object_put(g->restart);
	g->restart = NULL;
}

/* Beside all else: nobody waits for a guest agent. */
static void keep_time(void *arg)
{
	struct guest *g = arg;

	guestagent_keep_time(g);
	guest_release(g);
}

void restart_set_clock(struct guest *g)
{
	if (g->x.was_running)
		task_start(keep_time, guest_hold(g));
}

void restart_run_again(struct restart *r)
{
	checkpoint_undo_save(r->g);
	checkpoint_undo_stop(r->g);
	r->tsc_resumed = clock_tsc();
}

void restart_put_away(struct guest *g)
{
	restart_forget_note(g);
	guest_take_state(g);
	checkpoint_undo_arm(g);
	fd_close(&g->x.state);
	if (!g->gone)
		guest_remember(g);
}
