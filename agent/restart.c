// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 * -------------------
 * While the guest runs, a second QEMU (the heir) is started on the same memory, told to wait for
 * device state. Then the guest is stopped, its device state saved by the one and loaded by the
 * other, and it runs on in that. The first is ended only afterwards: until the heir is told to
 * run the guest, everything can be undone, and the first goes on.
 *
 * Never two at once: a QEMU whose checkpoint is complete has let go of its images and stands; the
 * heir opens them for writing only when it is told to run ("late-block-activate"). From the moment before that on,
 * state.json names the heir. An agent that is killed finds there which of the two is the
 * guest, and ends the other.
 *
 * Where both QEMUs can, the new one takes the old one's place in its process instead (restartexec.h). The
 * guest is the same then, with another program. When that fails, it is started again in the old one, in a
 * process of its own: with the memory and the state, which are in our hands as well, and with what the
 * process took along.
 *
 * A rehearsal is the same as the first up to where the heir would be told to run the guest, and is then undone. Its
 * heir maps the memory privately: it sees it, and what it writes stays with it.
 *
 * A tap can be set up by one QEMU only, and its setting up disturbs the packets of the other: where
 * there are taps, the heir is started when the guest stands.
 */

#include "restart.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "aside.h"
#include "checkguest.h"
#include "checkpoint.h"
#include "clock.h"
#include "guestagent.h"
#include "guestfiles.h"
#include "log.h"
#include "memfd.h"
#include "probe.h"
#include "report.h"
#include "restartexec.h"
#include "spawn.h"
#include "tapshare.h"

#define LOAD_TIMEOUT_MS 60000
#define SETTLE_TIMEOUT_MS 10000
#define SETTLE_LOOK_MS 50

struct restart {
	struct guest *g, *heir;
	bool rehearsal;
	enum restart_method method;
	struct restart_exec exec;
	struct strv aside;
	bool moved;
	struct tap_share taps;
	uint64_t tsc_launch, tsc_launched, tsc_loaded, tsc_resumed;
};

static unsigned int under_way;

bool restart_busy(void)
{
	return under_way;
}

/* --- before anything is touched --- */

static int check_can(struct guest *g, const struct qemu_caps *caps, const char *binary,
		     struct err *e)
{
	const struct qemu_caps *own;
	struct err why;

	if (!json_str(caps->machines, g->machine))
		return err_set(e, -EOPNOTSUPP, "%s (QEMU %s) has no machine %s", binary,
			       caps->version, g->machine);
	/* Not if its own QEMU has gone from its place: then starting the other one is to show it. */
	if (probe_qemu(g->argv.v[0], &own, &why) == 0 &&
	    guestargs_check_caps(&g->argv, own, caps, e) < 0) {
		err_prefix(e, "%s", binary);
		return -EOPNOTSUPP;
	}
	for (size_t i = 0; i < g->argv.n; i++)
		if (strcmp(g->argv.v[i], "-tpmdev") == 0)
			return err_set(
				e, -EOPNOTSUPP,
				"its TPM is another program that serves one QEMU at a time: it cannot be restarted beside the first");
	return check_guest_parts_same(g, e);
}

static int choose_method(struct restart *r, const struct qemu_caps *caps, struct err *e)
{
	struct err why;
	int ret;

	if (r->rehearsal || r->method == RESTART_RELAUNCH) {
		r->method = RESTART_RELAUNCH;
		return 0;
	}
	ret = restartexec_check(r->g, caps, &why);
	if (!ret) {
		r->method = RESTART_EXEC;
		return 0;
	}
	if (r->method == RESTART_EXEC)
		return err_set(e, ret, "not by exec: %s", why.text);
	log_info("%s: not by exec: %s", r->g->name, why.text);
	r->method = RESTART_RELAUNCH;
	return 0;
}

static int make_heir(struct restart *r, const char *binary, struct err *e)
{
	struct guest *heir = NULL;
	const struct qemu_caps *caps;
	int ret = probe_qemu(binary, &caps, e);

	if (!ret)
		ret = check_can(r->g, caps, binary, e);
	if (!ret)
		ret = guest_make_heir(r->g, &heir, e);
	if (ret < 0 || !heir)
		return ret < 0 ? ret : -EINVAL;
	r->heir = heir;
	free(heir->argv.v[0]);
	heir->argv.v[0] = xstrdup(binary);
	free(heir->user_argv.v[0]);
	heir->user_argv.v[0] = xstrdup(binary);
	free(heir->qemu_version);
	heir->qemu_version = xstrdup(caps->version);
	heir->cpr_reboot = caps->cpr_reboot;
	heir->cpr_exec = caps->cpr_exec;
	guestargs_set_aux_share(&heir->argv, caps->cpr_exec);
	if (heir->ram_path == RAM_PATH_FDSET && !caps->fdset_ram) {
		heir->ram_path = RAM_PATH_PROCFD;
		memargs_set_path(&heir->argv, &heir->ram.size, heir->ram_path);
	}
	heir->from_update = r->g->from_update;
	if (r->rehearsal)
		memargs_set_private(&heir->argv, &heir->ram.size);
	return choose_method(r, caps, e);
}

static int make_state(struct restart *r, struct err *e)
{
	_cleanup_free_ char *name = xasprintf("vmkeep-state:%s", r->g->name);

	r->g->x.state = memfd_create_plain(name, 0);
	r->heir->x.state = fcntl(r->g->x.state, F_DUPFD_CLOEXEC, 0);
	if (r->g->x.state < 0 || r->heir->x.state < 0)
		return err_set(e, -EMFILE, "its device state: %s", strerror(EMFILE));
	return guest_give_state(r->g, false, e);
}

/* What an agent needs who finds it half done. @old: the QEMU that is to be ended, or NULL. */
static json *restart_note(const struct restart *r, const struct guest *old)
{
	json *j = json_object_new_object();

	json_set_strv(j, "aside", &r->aside);
	if (old) {
		json_set_int(j, "old_pid", old->pid);
		json_set_int(j, "old_start", (int64_t)process_start_time(old->pid));
	}
	return j;
}

static void forget_note(struct guest *g)
{
	json_object_put(g->restart);
	g->restart = NULL;
}

/* --- the two QEMUs --- */

static int launch(struct restart *r, struct err *e)
{
	int ret;

	r->tsc_launch = clock_tsc();
	ret = guest_launch(r->heir, true, r->taps.n ? &r->taps : NULL, e);
	if (!ret)
		ret = guest_arm_beside(r->heir, e);
	if (!ret)
		ret = guest_give_state(r->heir, true, e);
	r->tsc_launched = clock_tsc();
	if (ret < 0)
		err_prefix(e, "its new QEMU");
	return ret;
}

static int save(struct restart *r, struct err *e)
{
	struct guest *g = r->g;
	struct stat st;
	int ret = checkpoint_stop(g, CHECKPOINT_STOP_MS, e);

	if (!ret)
		ret = checkpoint_save(g, CHECKPOINT_SAVE_MS, e);
	if (ret < 0)
		return ret;
	if (fstat(g->x.state, &st) < 0 || !st.st_size)
		return err_set(e, -EIO, "QEMU has written no device state");
	g->x.late.state_bytes = (uint64_t)st.st_size;
	return 0;
}

static int load(struct restart *r, struct err *e)
{
	int ret = guest_load(r->heir, LOAD_TIMEOUT_MS, e);

	r->tsc_loaded = clock_tsc();
	if (ret < 0)
		err_prefix(e, "its new QEMU");
	return ret;
}

/*
 * From the state file on, the heir is the guest. What goes wrong then can be undone only if QEMU says
 * itself that it did not run the guest.
 */
static int let_run(struct restart *r, bool *final, struct err *e)
{
	struct guest *g = r->g, *heir = r->heir;
	int ret;

	if (g->gone)
		return err_set(e, -ECONNRESET, "its old QEMU ended");
	heir->x.committing = g->x.was_running;
	heir->restart = restart_note(r, g);
	ret = guest_remember(heir);
	if (ret < 0)
		return err_set(e, ret, "its state file: %s", strerror(-ret));
	if (g->x.was_running)
		ret = guest_cont(heir, -1, e);
	r->tsc_resumed = clock_tsc();
	*final = ret != -EREMOTEIO;
	return ret;
}

/* --- afterwards --- */

/* Beside all else: nobody waits for a guest agent. */
static void set_clock(void *arg)
{
	struct guest *g = arg;

	guestagent_keep_time(g);
	guest_release(g);
}

static void succeed(struct restart *r)
{
	struct guest *g = r->g, *heir = r->heir;

	heir->state = g->x.was_running ? GUEST_RUNNING : GUEST_PAUSED;
	heir->x.late = g->x.late;
	guest_replace(g, heir);
	if (g->x.was_running)
		task_start(set_clock, guest_hold(heir));
	guest_kill(g);
	aside_drop(&r->aside);
	forget_note(heir);
	heir->x.committing = false;
	guest_take_state(heir);
	guest_disarm(heir);
	fd_close(&heir->x.state);
	guest_note_parts(heir);
	guest_remember(heir);
	/* What still has a hold of it must not hold its memory. */
	guestram_close(&g->ram);
	fd_close(&g->x.state);
}

/* It may have run in the heir, so it must not run on in the old one. @e: what happened. */
static int adopt(struct restart *r, struct err *e)
{
	struct guest *heir = r->heir;
	struct err why;

	if (!heir->gone && heir->qmp) {
		qmp_close(heir->qmp);
		heir->qmp = NULL;
	}
	if (!heir->gone && guest_connect(heir, &why) == 0 && !heir->gone) {
		log_warn("%s: its new QEMU's monitor was lost: connected again", heir->name);
		return 0;
	}
	guest_kill(heir);
	return err_set(e, -ECONNRESET, "its new QEMU ended when it was to run it: it is lost");
}

static void run_again(struct restart *r)
{
	tapshare_reset(&r->taps);
	checkpoint_undo_save(r->g);
	checkpoint_undo_stop(r->g);
	r->tsc_resumed = clock_tsc();
}

/* All of it, however far it came; the old QEMU goes on. */
static void go_back(struct restart *r)
{
	struct guest *g = r->g;
	bool told_to_run = r->heir && r->heir->restart;

	/* First: an agent that comes now must not take the heir for the guest. */
	if (told_to_run && !g->gone)
		guest_remember(g);
	/* One that was never told to run has no hold of the images: nobody waits for its end. */
	if (!told_to_run)
		run_again(r);
	if (r->heir && r->heir->pid)
		guest_kill(r->heir);
	if (told_to_run)
		run_again(r);
	if (r->moved)
		aside_back(&r->aside);
	forget_note(g);
	guest_take_state(g);
	checkpoint_undo_arm(g);
	fd_close(&g->x.state);
	if (!g->gone)
		guest_remember(g);
}

static void set_ms(json *j, const char *key, uint64_t from, uint64_t to)
{
	double ms = to > from ? (double)(to - from) * MSEC_PER_SEC / (double)clock_tsc_hz() : 0;
	char text[32];

	snprintf(text, sizeof(text), "%.3f", ms);
	json_object_object_add(j, key, json_object_new_double_s(ms, text));
}

static json *tell(const struct restart *r)
{
	const struct handover_late *l = &r->g->x.late;
	json *j = json_object_new_object(), *phases = json_object_new_object();
	bool exec = r->method == RESTART_EXEC;
	uint64_t ready = exec || r->taps.n ? r->tsc_launched : l->tsc_saved;

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
	set_ms(phases, "launch", l->tsc_saved, ready);
	set_ms(phases, "load", ready, r->tsc_loaded);
	set_ms(phases, "resume", r->tsc_loaded, r->tsc_resumed);
	json_object_object_add(j, "phases_ms", phases);
	if (!exec)
		set_ms(j, "launch_ms", r->tsc_launch, r->tsc_launched);
	set_ms(j, r->rehearsal ? "pause_ms" : "blackout_ms", l->tsc_stop, r->tsc_resumed);
	return j;
}

/* As long as the guest runs; the heir is ready, or is still to be started if there are taps. */
static int begin(struct restart *r, struct err *e)
{
	_cleanup_free_ char *qmp = guestfiles_qmp(r->g->name);
	int ret = make_state(r, e);

	if (!ret)
		ret = tapshare_take(r->g->pid, r->g->pidfd, &r->taps, e);
	if (ret < 0)
		return ret;
	strv_add(&r->aside, qmp);
	aside_list(&r->g->argv, r->g->cwd, &r->aside);
	r->g->restart = restart_note(r, NULL);
	ret = checkpoint_arm(r->g, e);
	if (!ret)
		ret = guest_check_blocked(r->g, e);
	if (!ret)
		ret = aside_move(&r->aside, e);
	r->moved = !ret;
	tapshare_number(&r->taps, GUEST_FD_TAP);
	if (!ret && !r->taps.n)
		ret = launch(r, e);
	return ret;
}

/* --- in the same process --- */

/* What an agent needs who finds it half done: which program there is, it sees itself. */
static json *exec_note(const struct restart *r)
{
	json *j = json_object_new_object();

	json_object_object_add(j, "heir", guest_to_json(r->heir));
	return j;
}

/* The guest is the same one; what was true of its QEMU is true of another. */
static void become(struct guest *g, struct guest *heir)
{
	struct strv argv = g->argv, user_argv = g->user_argv;
	char *version = g->qemu_version;

	g->argv = heir->argv;
	g->user_argv = heir->user_argv;
	g->qemu_version = heir->qemu_version;
	g->cpr_reboot = heir->cpr_reboot;
	g->cpr_exec = heir->cpr_exec;
	heir->argv = argv;
	heir->user_argv = user_argv;
	heir->qemu_version = version;
}

static void settle(struct guest *g)
{
	if (g->state == GUEST_STARTING)
		g->state = g->x.was_running ? GUEST_RUNNING : GUEST_PAUSED;
	g->x.stopped = g->x.committing = false;
	guest_disarm(g);
	fd_close(&g->x.state);
	guest_note_parts(g);
	guest_remember(g);
	if (g->x.was_running)
		task_start(set_clock, guest_hold(g));
}

/* Its monitor may be lost just then, or it may say no: asked until it runs. */
static void let_run_surely(struct guest *g)
{
	if (g->x.was_running && guest_cont(g, -1, NULL) < 0) {
		g->x.stopped = true;
		checkpoint_undo_stop(g);
	}
}

/* Its QEMU has become another one, and that failed. The guest did not run in it. @ret is ready to be let run. */
static int start_again(struct restart *r, struct guest **ret, struct err *e)
{
	struct guest *g = r->g, *again = NULL;
	int res = guest_make_heir(g, &again, e);

	if (res < 0 || !again)
		return res;
	again->from_update = g->from_update;
	again->x.was_running = again->x.committing = g->x.was_running;
	again->x.state = fcntl(g->x.state, F_DUPFD_CLOEXEC, 0);
	res = again->x.state < 0 ? err_set(e, -errno, "its device state: %s", strerror(errno))
				 : restartexec_relaunch(again, &r->exec, e);
	if (res < 0) {
		guest_kill(again);
		guest_release(again);
		return res;
	}
	*ret = again;
	return 0;
}

/* Return: the error of the restart in any case. */
static int fall_back(struct restart *r, int res, struct err *e)
{
	struct guest *g = r->g, *again = NULL;
	struct err why;

	for (int tries = 2; tries && !again; tries--)
		if (start_again(r, &again, &why) < 0)
			log_error("%s: its old QEMU does not start again: %s", g->name, why.text);
	if (!again) {
		_cleanup_free_ char *first = xstrdup(e->text);

		return err_set(e, res, "its new QEMU: %s; and its old one: %s", first, why.text);
	}
	err_prefix(e, "its new QEMU");
	/* First: an agent that comes now lets it run. */
	guest_remember(again);
	guest_replace(g, again);
	guestram_close(&g->ram);
	guest_release(g); /* the list's hold of it */
	/* From now on it may have run, and cannot be started from that state again. */
	guest_hold(again);
	let_run_surely(again);
	if (!again->gone)
		settle(again);
	if (again->gone) {
		err_prefix(e, "it is lost: its old QEMU, too, ended; first");
		if (guest_find(again->name) == again)
			guest_remove(again);
	} else {
		log_warn("%s: goes on in QEMU %s, pid %d", again->name, again->qemu_version,
			 again->pid);
	}
	guest_release(again);
	return res;
}

static int replace(struct restart *r, struct err *e)
{
	struct guest *g = r->g;
	int ret = restartexec_become(g, &r->exec, e);

	g->x.late.tsc_saved = r->exec.tsc_saved;
	r->tsc_launched = r->exec.tsc_up;
	r->tsc_loaded = clock_tsc();
	if (ret < 0)
		return g->x.replacing ? fall_back(r, ret, e) : ret;
	let_run_surely(g);
	r->tsc_resumed = clock_tsc();
	/* It may have run: nothing can be begun anew. */
	return g->gone ? err_set(e, -ECONNRESET, "its new QEMU ended when it was to run it") : 0;
}

static int run_exec(struct restart *r, struct err *e)
{
	struct guest *g = r->g;
	struct stat st;
	int ret;

	g->restart = exec_note(r);
	ret = checkpoint_begin(g, e);
	if (!ret)
		ret = restartexec_arm(g, r->heir, &r->exec, e);
	if (!ret)
		ret = guest_check_blocked(g, e);
	if (!ret)
		ret = checkpoint_stop(g, CHECKPOINT_STOP_MS, e);
	if (!ret)
		ret = replace(r, e);
	if (!ret && fstat(g->x.state, &st) == 0)
		g->x.late.state_bytes = (uint64_t)st.st_size;
	return ret;
}

/* --- either way --- */

static int run(struct restart *r, bool *final, struct err *e)
{
	int ret = begin(r, e);

	if (!ret)
		ret = save(r, e);
	if (!ret && r->taps.n)
		ret = launch(r, e);
	if (!ret)
		ret = load(r, e);
	if (!ret && !r->rehearsal)
		ret = let_run(r, final, e);
	if (ret < 0 && *final)
		ret = adopt(r, e);
	return ret;
}

/* How it ended by exec. Return: as of restart(). */
static int finish_exec(struct restart *r, int res, json **ret, struct err *e)
{
	struct guest *g = r->g;

	forget_note(g);
	if (!res) {
		*ret = tell(r);
		become(g, r->heir);
		settle(g);
		log_info("%s: restarted in its process, QEMU %s, pid %d", g->name, g->qemu_version,
			 g->pid);
	} else if (!g->gone) {
		g->x.replacing = false;
		go_back(r);
	}
	g->restarting = false;
	/* Unless another took its place. */
	if (g->gone && guest_find(g->name) == g) {
		err_prefix(e, "it is lost");
		guest_remove(g);
	}
	if (res < 0)
		log_error("%s: not restarted: %s", g->name, e->text);
	guest_release(r->heir);
	return res;
}

static int restart(struct guest *g, bool rehearsal, enum restart_method method, const char *binary,
		   json **ret, struct err *e)
{
	_cleanup_free_ char *path = xstrdup(binary ? binary : g->argv.v[0]);
	struct restart r = { .g = guest_hold(g),
			     .rehearsal = rehearsal,
			     .method = method,
			     .exec = { .gate.listener = -EBADF, .program = -EBADF } };
	const char *what = rehearsal ? "rehearsed" : "restarted";
	bool final = false;
	int res;

	g->restarting = true;
	under_way++;
	task_blocking(clock_measure, NULL);
	res = make_heir(&r, path, e);
	if (!res && r.method == RESTART_EXEC) {
		res = finish_exec(&r, run_exec(&r, e), ret, e);
		goto out;
	}
	if (!res)
		res = run(&r, &final, e);
	if (res < 0 || rehearsal) {
		if (final) {
			guest_kill(g);
			aside_drop(&r.aside);
		} else {
			go_back(&r);
		}
		g->restarting = false;
		if (g->gone) {
			if (!res)
				res = err_set(e, -ECONNRESET, "QEMU ended");
			err_prefix(e, "its QEMU ended while it was %s", what);
			guest_remove(g);
		}
		if (res < 0) {
			log_error("%s: not %s: %s", g->name, what, e->text);
		} else {
			*ret = tell(&r);
			log_info("%s: rehearsed, QEMU %s", g->name, r.heir->qemu_version);
			if (g->x.was_running)
				task_start(set_clock, guest_hold(g));
		}
		if (r.heir)
			guest_release(r.heir);
	} else {
		*ret = tell(&r);
		succeed(&r);
		log_info("%s: restarted, QEMU %s, pid %d", g->name, r.heir->qemu_version,
			 r.heir->pid);
		guest_release(g); /* the list's hold of it */
	}
out:
	restartexec_release(&r.exec);
	tapshare_release(&r.taps);
	strv_free(&r.aside);
	under_way--;
	guest_release(g);
	return res;
}

int restart_rehearse(struct guest *g, const char *binary, json **ret, struct err *e)
{
	return restart(g, true, RESTART_AUTO, binary, ret, e);
}

struct batch {
	const struct guest_set *guests;
	bool rehearse;
	enum restart_method method;
	const char *binary;
	size_t next;
	json *results;
	progress_fn *progress;
	void *user;
};

static json *restart_one(struct guest *g, const struct batch *b)
{
	json *ret = NULL;
	struct err e;
	int r = -EBUSY;

	if (g->gone)
		r = err_set(&e, -ESRCH, "it has ended");
	else if (g->restarting)
		err_set(&e, r, "it is just being restarted");
	else if (g->state != GUEST_RUNNING && g->state != GUEST_PAUSED)
		err_set(&e, r, "it does not run: it is %s", guest_state_name(g));
	else
		r = restart(g, b->rehearse, b->method, b->binary, &ret, &e);
	if (r < 0)
		return qmp_args("name", g->name, "error", e.text, NULL);
	if (!b->rehearse)
		report_restart(ret);
	return ret;
}

static void take_turns(void *arg)
{
	struct batch *b = arg;

	while (b->next < b->guests->n) {
		size_t i = b->next++;
		struct guest *g = b->guests->v[i];

		if (b->progress)
			b->progress(b->user, g->name);
		json_object_array_put_idx(b->results, i, restart_one(g, b));
	}
}

json *restart_guests(const struct guest_set *guests, bool rehearse, const char *binary,
		     enum restart_method method, unsigned int at_once, progress_fn *progress,
		     void *user)
{
	struct batch b = { .guests = guests,
			   .rehearse = rehearse,
			   .method = method,
			   .binary = binary,
			   .results = json_object_new_array(),
			   .progress = progress,
			   .user = user };
	struct task_group group = { 0 };

	under_way++; /* from the first to the last: nothing else may come between */
	for (unsigned int i = 0; i < at_once && i < guests->n; i++)
		task_group_start(&group, take_turns, &b);
	task_group_wait(&group);
	under_way--;
	return b.results;
}

/* --- after an agent was killed --- */

static void end_process(pid_t pid, uint64_t start)
{
	_cleanup_close_ int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	/* Looked at only now: the number may have become another's. */
	if (pidfd < 0 || process_start_time(pid) != start)
		return;
	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	task_poll(pidfd, 1 /* POLLIN */, -1);
}

static void ignore_event(void *user, const char *event, json *data)
{
	(void)user, (void)event, (void)data;
}

/* Whether its QEMU is neither about to become another one nor still loading. */
static bool is_settled(const char *name)
{
	_cleanup_free_ char *path = guestfiles_qmp(name);
	_cleanup_json_ json *status = NULL;
	struct qmp *q = NULL;
	const char *word;
	bool ret;

	if (qmp_open(path, SETTLE_TIMEOUT_MS, ignore_event, NULL, &q, NULL) < 0)
		return false;
	qmp_call(q, "query-status", NULL, -1, SETTLE_TIMEOUT_MS, &status, NULL);
	word = json_str(status, "status");
	ret = word && strcmp(word, "inmigrate") != 0 && strcmp(word, "finish-migrate") != 0 &&
	      strcmp(word, "postmigrate") != 0;
	qmp_close(q);
	return ret;
}

/* The process was to become another QEMU: which one it is now, it is for good. */
static void recover_exec(const char *name, json *state, json *heir)
{
	_cleanup_free_ char *exe = xasprintf("/proc/%d/exe", (int)json_int(state, "pid", 0));
	json *argv = json_get(heir, "argv", json_type_array);
	const char *binary = argv ? json_object_get_string(json_object_array_get_idx(argv, 0))
				  : NULL;
	int64_t deadline = now_ms() + SETTLE_TIMEOUT_MS;
	struct stat is, new;

	while (!is_settled(name) && now_ms() < deadline)
		task_sleep(SETTLE_LOOK_MS);
	if (!binary || stat(exe, &is) < 0 || stat(binary, &new) < 0 || is.st_dev != new.st_dev ||
	    is.st_ino != new.st_ino)
		return;
	json_object_object_foreach (heir, key, value)
		json_object_object_add(state, key, json_object_get(value));
	json_object_object_del(state, "restart");
	guestfiles_save(name, state);
}

static void recover_one(const char *name, json *state)
{
	json *note = json_get(state, "restart", json_type_object),
	     *inodes = json_get(state, "ram_inodes", json_type_array);
	pid_t guest = (pid_t)json_int(state, "pid", 0), other;
	_cleanup_strv_ struct strv aside = { 0 };
	ino_t ram = inodes ? (ino_t)json_object_get_int64(json_object_array_get_idx(inodes, 0)) : 0;

	if (!note)
		return;
	if (json_get(note, "heir", json_type_object)) {
		recover_exec(name, state, json_get(note, "heir", json_type_object));
		return;
	}
	json_get_strv(note, "aside", &aside);
	if (json_int(note, "old_pid", 0) > 0) {
		end_process((pid_t)json_int(note, "old_pid", 0),
			    (uint64_t)json_int(note, "old_start", 0));
		aside_drop(&aside);
		return;
	}
	while (ram && (other = memfd_other_holder(ram, guest)))
		end_process(other, process_start_time(other));
	aside_back(&aside);
}

void restart_recover(void)
{
	_cleanup_strv_ struct strv names = { 0 };

	guestfiles_list(&names);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_json_ json *state = guestfiles_load(names.v[i]);
		const char *boot = json_str(state, "boot_id");

		/* Numbers of processes are of one boot. */
		if (boot && strcmp(boot, boot_id()) == 0)
			recover_one(names.v[i], state);
	}
}
