// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 * -------------------
 * Two tables of stages. The first, prepare, runs while the guests do: it loads the
 * next kernel and puts each guest's memory and record into a session of its own.
 * The second, commit, begins with what can still be done while they run; from its
 * stage "stop" on the guests stand still, so that nothing may be there that could
 * stand before. It ends with the jump, and returns only when that failed.
 *
 * Sessions are un-preserved by closing them: their fds live from the stage
 * "sessions" to the jump, and closing them is that stage's undo. The kernel has no
 * way to take a single fd out of a session, so a commit that is walked back also
 * walks prepare back.
 */

#include "upgrade.h"

#include <stdio.h>
#include <sys/stat.h>

#include "checkguest.h"
#include "checkpoint.h"
#include "clock.h"
#include "early.h"
#include "guestindex.h"
#include "guestplaces.h"
#include "handover.h"
#include "hostsync.h"
#include "kexec.h"
#include "log.h"
#include "luo.h"
#include "memfd.h"
#include "priority.h"
#include "restart.h"

/* The guests run on in both: while the agent prepares, and shortly before they are stopped. */
#define WRITE_BACK_TIMEOUT_MS 600000
#define SYNC_TIMEOUT_MS 60000

struct update {
	enum upgrade_phase phase;
	struct target target;
	struct guest_set guests;
	struct guest_index index;
	json *timings;
	progress_fn *progress;
	void *progress_user;
	bool rehearse;
	int64_t max_blackout_ms;
	int64_t deadline_ms; /* from the stage "sync" on: when all must be checkpointed */
};

static struct update update = { .index = GUEST_INDEX_NONE };
static json *last_failure;
static bool cancelled;
/* There as long as a kernel of ours may be loaded, which outlives us. */
static char *loaded_path;

enum upgrade_phase upgrade_phase(void)
{
	return update.phase;
}

const char *upgrade_phase_name(void)
{
	static const char *const names[] = { "idle", "preparing", "prepared", "committing" };

	return names[update.phase];
}

const char *upgrade_target_version(void)
{
	return update.phase == UPGRADE_IDLE ? NULL : update.target.version;
}

bool upgrade_guest_prepared(const struct guest *g)
{
	return g->x.prepared;
}

void upgrade_cancel(void)
{
	cancelled = true;
}

json *upgrade_last_failure(void)
{
	return last_failure;
}

/* --- prepare --- */

static int do_check(struct update *u, struct err *e)
{
	_cleanup_json_ json *findings = check_run(&u->target);

	/* "could not tell" is no yes */
	return check_verdict(findings, e) ? -EBUSY : 0;
}

static int do_rehearse(struct update *u, struct guest *g, struct err *e)
{
	_cleanup_json_ json *ret = NULL;

	return u->rehearse ? restart_rehearse(g, NULL, &ret, e) : 0;
}

static bool tell_left(void *user, uint64_t left)
{
	const struct update *u = user;
	_cleanup_free_ char *text = NULL;
	char size[32];

	text = xasprintf("%s are left to be written",
			 format_size(left & ~(MIB - 1), size, sizeof(size)));
	if (u->progress)
		u->progress(u->progress_user, text);
	return !cancelled;
}

/*
 * The jump unmounts nothing: what the host has not written is lost. Most of it goes here,
 * where it may take its time, and holds up nobody.
 */
static int do_write_back(struct update *u, struct err *e)
{
	return hostsync(WRITE_BACK_TIMEOUT_MS, tell_left, u, e);
}

static int load_thread(void *arg)
{
	struct {
		struct target *t;
		struct err *e;
	} *a = arg;

	return kexec_load(a->t->kernel, a->t->initrd, a->t->cmdline, a->e);
}

static int do_load(struct update *u, struct err *e)
{
	struct {
		struct target *t;
		struct err *e;
	} a = { &u->target, e };
	int r = write_file_atomic(loaded_path, "", 0);

	if (r < 0)
		return err_set(e, r, "%s: %s", loaded_path, strerror(-r));
	return task_background(load_thread, &a);
}

static void unload(void)
{
	int r = kexec_unload();

	if (r < 0)
		log_warn("cannot unload the next kernel: %s", strerror(-r));
	else
		unlink(loaded_path);
}

static void undo_load(struct update *u)
{
	(void)u;
	unload();
}

void upgrade_setup(const char *run_dir)
{
	loaded_path = xasprintf("%s/kernel-loaded", run_dir);
	if (access(loaded_path, F_OK) < 0)
		return;
	log_warn("an earlier agent ended with an update prepared: unloading its kernel");
	unload();
}

static int do_session(struct update *u, struct guest *g, struct err *e)
{
	char name[64];

	(void)u;
	snprintf(name, sizeof(name), HANDOVER_GUEST_SESSION, g->uuid);
	g->x.session = handover_create_session(name, e);
	return g->x.session < 0 ? g->x.session : 0;
}

static void undo_session(struct update *u, struct guest *g)
{
	(void)u;
	fd_close(&g->x.session); /* un-preserves all that is in it */
	fd_close(&g->x.record);
	g->x.prepared = false;
}

static int settle_thread(void *arg)
{
	struct guest *g = arg;

	return guestram_settle(&g->ram);
}

static int preserve_ram_thread(void *arg)
{
	const struct guest *g = arg;

	return guestram_preserve(&g->ram, g->x.session);
}

/*
 * The kernel takes no page out of memory that is preserved: each one that a guest gives to its
 * balloon is an error that QEMU prints. So the balloon is told to stay as large as it is.
 */
static void stop_balloon(struct guest *g)
{
	_cleanup_json_ json *info = NULL;
	json *args = json_object_new_object();

	if (qmp_call(g->qmp, "query-balloon", NULL, -1, GUEST_QMP_TIMEOUT_MS, &info, NULL) < 0) {
		json_object_put(args); /* it has none */
		return;
	}
	json_set_int(args, "value", json_int(info, "actual", 0));
	qmp_call(g->qmp, "balloon", args, -1, GUEST_QMP_TIMEOUT_MS, NULL, NULL);
}

static int do_settle_ram(struct update *u, struct guest *g, struct err *e)
{
	int r;

	(void)u;
	stop_balloon(g);
	r = task_blocking(settle_thread, g);
	return r < 0 ? err_set(e, r, "make its memory ready: %s", strerror(-r)) : 0;
}

static int do_preserve_ram(struct update *u, struct guest *g, struct err *e)
{
	int r = task_blocking(preserve_ram_thread, g);

	(void)u;
	return r < 0 ? err_set(e, r, "%s", strerror(-r)) : 0;
}

struct places_work {
	const struct guest *g;
	json *places;
};

static int places_thread(void *arg)
{
	struct places_work *w = arg;

	w->places = guestplaces_describe(&w->g->argv, w->g->cwd);
	return 0;
}

static int do_record(struct update *u, struct guest *g, struct err *e)
{
	_cleanup_free_ char *name = xasprintf("vmkeep-record:%s", g->name);
	_cleanup_json_ json *j = NULL;
	struct places_work w = { .g = g };
	json *net;
	int r = guest_describe_net(g, &net, NULL, e);

	(void)u;
	if (r < 0)
		return r;
	json_object_put(g->net);
	g->net = net;
	g->x.recorded = g->changes;
	r = task_blocking(places_thread, &w);
	if (r < 0)
		return err_set(e, r, "%s", strerror(-r));
	json_object_put(g->places);
	g->places = w.places;
	j = guest_to_json(g);
	json_set_int(j, "nice", priority_nice(g->pid));
	g->x.record = handover_create(name, j);
	if (g->x.record < 0)
		return err_set(e, g->x.record, "%s", strerror(-g->x.record));
	r = luo_preserve(g->x.session, g->x.record, HANDOVER_TOKEN_RECORD);
	if (r < 0)
		return err_set(e, r, "preserve: %s", strerror(-r));
	return 0;
}

static int do_state_file(struct update *u, struct guest *g, struct err *e)
{
	_cleanup_free_ char *name = xasprintf("vmkeep-state:%s", g->name);

	(void)u;
	g->x.state = memfd_create_plain(name, 0);
	if (g->x.state < 0)
		return err_set(e, g->x.state, "%s", strerror(-g->x.state));
	g->x.prepared = true;
	return guest_give_state(g, e);
}

static void undo_state_file(struct update *u, struct guest *g)
{
	(void)u;
	guest_take_state(g);
	fd_close(&g->x.state);
}

static const struct stage prepare_stages[] = {
	{ .name = "check", .host = do_check },
	{ .name = "rehearse", .guest = do_rehearse },
	{ .name = "write-back", .host = do_write_back },
	{ .name = "load-kernel", .host = do_load, .undo_host = undo_load },
	{ .name = "sessions", .guest = do_session, .undo_guest = undo_session },
	{ .name = "settle-ram", .guest = do_settle_ram },
	{ .name = "preserve-ram", .guest = do_preserve_ram },
	{ .name = "record", .guest = do_record },
	{ .name = "state-file", .guest = do_state_file, .undo_guest = undo_state_file },
};

/* --- commit --- */

/* The record cannot be written anew, and would bring back a network that is no longer right. */
static int check_network(const struct guest *g, struct err *e)
{
	_cleanup_json_ json *now = NULL;
	char what[64];
	int r = guest_describe_net(g, &now, NULL, e);

	if (r < 0)
		return r;
	if (net_changed(g->net, now, what, sizeof(what)))
		return err_set(
			e, -EBUSY,
			"guest %s: its network (%s) was changed after prepare: run `vmkeep prepare` again",
			g->name, what);
	return 0;
}

/* Else the next QEMU would be started with another command line than this guest has. */
static int check_journal(const struct guest *g, struct err *e)
{
	if (g->changes == g->x.recorded)
		return 0;
	return err_set(
		e, -EBUSY,
		"guest %s: something was plugged in or out after prepare: run `vmkeep prepare` again",
		g->name);
}

/* Before the table, as it changes nothing: a prepare that cannot be committed stays prepared. */
static int check_prepared(struct update *u, struct err *e)
{
	size_t here = 0;

	if (!kexec_loaded())
		return err_set(e, -ENOEXEC,
			       "the next kernel is no longer loaded: run `vmkeep prepare` again");
	for (struct guest *g = guest_first(); g; g = g->next)
		if (!g->x.prepared)
			return err_set(
				e, -EBUSY,
				"guest %s was started after prepare: run `vmkeep prepare` again",
				g->name);
	for (struct guest *g = guest_first(); g; g = g->next) {
		int r = check_journal(g, e);

		if (!r)
			r = check_network(g, e);

		if (r < 0)
			return r;
	}
	/* Guests that were stopped meanwhile leave the update. */
	for (size_t i = 0; i < u->guests.n; i++) {
		if (u->guests.v[i]->gone) {
			undo_session(u, u->guests.v[i]);
			guest_release(u->guests.v[i]);
		} else {
			u->guests.v[here++] = u->guests.v[i];
		}
	}
	u->guests.n = here;
	return 0;
}

/* The guest's user may have plugged something in since prepare, whose check would have refused it. */
static int do_compare(struct update *u, struct guest *g, struct err *e)
{
	(void)u;
	return check_guest_parts_same(g, e);
}

static int do_arm(struct update *u, struct guest *g, struct err *e)
{
	(void)u;
	return checkpoint_arm(g, e);
}

static void undo_arm(struct update *u, struct guest *g)
{
	(void)u;
	checkpoint_undo_arm(g);
}

/* As late as can be while guests run: which guests are in it is known only now. */
static int do_index(struct update *u, struct err *e)
{
	/* It may have gone since prepare, and the next kernel would not come up. */
	int r = u->target.early ? early_check_host(u->target.cmdline, e) : 0;

	return r < 0 ? r : guestindex_make(&u->index, &u->guests, &u->target, u->timings, e);
}

static void undo_index(struct update *u)
{
	guestindex_drop(&u->index);
}

/*
 * What little has come since "write-back": what a guest has written meanwhile goes out in
 * "stop", where QEMU flushes its disks.
 */
static int do_sync(struct update *u, struct err *e)
{
	int r = hostsync(SYNC_TIMEOUT_MS, tell_left, u, e);

	u->deadline_ms = u->max_blackout_ms ? now_ms() + u->max_blackout_ms : INT64_MAX;
	return r;
}

/* How long a step of the blackout may take that else may take @most. */
static int time_left(const struct update *u, int most)
{
	int64_t left = u->deadline_ms - now_ms();

	return left < 1 ? 1 : left < most ? (int)left : most;
}

static int do_stop(struct update *u, struct guest *g, struct err *e)
{
	int r = checkpoint_stop(g, time_left(u, CHECKPOINT_STOP_MS), e);

	/* Now that it stands nothing can come any more that the guest lets go of. */
	return r ? r : check_journal(g, e);
}

static void undo_stop(struct update *u, struct guest *g)
{
	(void)u;
	checkpoint_undo_stop(g);
}

static int do_save(struct update *u, struct guest *g, struct err *e)
{
	return checkpoint_save(g, time_left(u, CHECKPOINT_SAVE_MS), e);
}

static void undo_save(struct update *u, struct guest *g)
{
	(void)u;
	checkpoint_undo_save(g);
}

static int do_preserve_state(struct update *u, struct guest *g, struct err *e)
{
	struct stat st;
	int r;

	(void)u;
	if (fstat(g->x.state, &st) < 0 || st.st_size == 0)
		return err_set(e, -EIO, "QEMU has written no device state");
	/* Only now: QEMU truncates the file before it writes, and preserved files cannot be. */
	r = luo_preserve(g->x.session, g->x.state, HANDOVER_TOKEN_STATE);
	if (r < 0)
		return err_set(e, r, "%s", strerror(-r));
	g->x.late.state_bytes = (uint64_t)st.st_size;
	/* Half a megabyte at most: a millisecond, for which a damaged one is never loaded. */
	r = handover_checksum(g->x.state, g->x.late.state_bytes, &g->x.late.state_crc);
	if (r < 0)
		return err_set(e, r, "device state cannot be read: %s", strerror(-r));
	g->x.late.tsc_preserved = clock_tsc();
	g->x.late.complete = 1;
	r = handover_write_late(g->x.record, &g->x.late);
	return r < 0 ? err_set(e, r, "record: %s", strerror(-r)) : 0;
}

static int do_jump(struct update *u, struct err *e)
{
	struct handover_late late = { .complete = 1, .tsc_hz = clock_tsc_hz() };
	int r;

	if (now_ms() > u->deadline_ms)
		return err_set(e, -ETIME, "the guests have stood for more than --max-blackout");
	late.realtime_ns = clock_realtime_ns();
	late.tsc_jump = clock_tsc();
	r = handover_write_late(u->index.record, &late);
	if (r < 0)
		return err_set(e, r, "index record: %s", strerror(-r));
	r = kexec_jump();
	return err_set(e, r < 0 ? r : -EIO, "reboot: %s", strerror(r < 0 ? -r : EIO));
}

static const struct stage commit_stages[] = {
	{ .name = "compare", .guest = do_compare },
	{ .name = "arm", .guest = do_arm, .undo_guest = undo_arm },
	{ .name = "index", .host = do_index, .undo_host = undo_index },
	{ .name = "sync", .host = do_sync },
	/* --- the blackout begins --- */
	{ .name = "stop", .guest = do_stop, .undo_guest = undo_stop },
	{ .name = "save", .guest = do_save, .undo_guest = undo_save },
	{ .name = "preserve-state", .guest = do_preserve_state },
	{ .name = "jump", .host = do_jump },
};

/* --- phases --- */

static void forget(struct update *u)
{
	guest_set_release(&u->guests);
	target_free(&u->target);
	json_object_put(u->timings);
	*u = (struct update){ .index = GUEST_INDEX_NONE };
}

static void note_failure(const struct stage_run *run, const char *phase, const struct err *e)
{
	json_object_put(last_failure);
	last_failure = json_object_new_object();
	json_set_str(last_failure, "phase", phase);
	json_set_str(last_failure, "stage", run->failed_stage);
	json_set_str(last_failure, "guest", run->failed_guest);
	json_set_str(last_failure, "reason", e->text);
	json_set_int(last_failure, "when_ms", clock_realtime_ns() / NSEC_PER_MSEC);
}

static struct stage_run run_of(struct update *u, progress_fn *progress, void *user)
{
	u->progress = progress;
	u->progress_user = user;
	return (struct stage_run){ .u = u,
				   .guests = &u->guests,
				   .cancelled = &cancelled,
				   .progress = progress,
				   .progress_user = user,
				   .timings = u->timings };
}

static int busy(struct err *e)
{
	if (update.phase == UPGRADE_PREPARING || update.phase == UPGRADE_COMMITTING)
		return err_set(e, -EBUSY, "an update is just %s: wait for it",
			       upgrade_phase_name());
	return 0;
}

int upgrade_prepare(struct target *t, bool rehearse, progress_fn *progress, void *user,
		    struct err *e)
{
	struct update *u = &update;
	struct stage_run run;
	int r = busy(e);

	if (r < 0) {
		target_free(t);
		return r;
	}
	if (u->phase == UPGRADE_PREPARED) {
		log_info("prepare: replacing the earlier one");
		upgrade_abort(e);
	}
	u->phase = UPGRADE_PREPARING;
	u->target = *t;
	*t = (struct target){ 0 };
	u->rehearse = rehearse;
	u->timings = json_object_new_object();
	u->guests = guest_set_all();
	run = run_of(u, progress, user);
	r = stages_run(&run, prepare_stages, ARRAY_SIZE(prepare_stages), e);
	if (r < 0) {
		note_failure(&run, "prepare", e);
		forget(u);
		return r;
	}
	u->phase = UPGRADE_PREPARED;
	log_info("prepared: %zu guests, next kernel %s", u->guests.n, u->target.version);
	return 0;
}

int upgrade_commit(int64_t max_blackout_ms, progress_fn *progress, void *user, struct err *e)
{
	struct update *u = &update;
	struct stage_run run;
	int r = busy(e);

	if (r < 0)
		return r;
	if (u->phase != UPGRADE_PREPARED)
		return err_set(e, -EINVAL,
			       "nothing is prepared: run `vmkeep prepare --kernel …` first");
	r = check_prepared(u, e);
	if (r < 0)
		return r;
	/* A check ends by setting guests back to ordinary migration: in a commit, RAM would be copied. */
	if (check_busy())
		return err_set(e, -EBUSY, "a check is just running: try again");
	u->phase = UPGRADE_COMMITTING;
	u->max_blackout_ms = max_blackout_ms;
	run = run_of(u, progress, user);
	r = stages_run(&run, commit_stages, ARRAY_SIZE(commit_stages), e);
	if (r >= 0)
		r = err_set(e, -EIO, "the jump returned");
	note_failure(&run, "commit", e);
	run = run_of(u, NULL, NULL);
	stages_undo(&run, prepare_stages, ARRAY_SIZE(prepare_stages));
	forget(u);
	return r;
}

int upgrade_abort(struct err *e)
{
	struct update *u = &update;
	struct stage_run run;
	int r = busy(e);

	if (r < 0)
		return r;
	if (u->phase != UPGRADE_PREPARED)
		return err_set(e, -EINVAL, "nothing is prepared: there is nothing to abort");
	u->phase = UPGRADE_PREPARING;
	run = run_of(u, NULL, NULL);
	stages_undo(&run, prepare_stages, ARRAY_SIZE(prepare_stages));
	forget(u);
	log_info("aborted: nothing is prepared any more");
	return 0;
}
