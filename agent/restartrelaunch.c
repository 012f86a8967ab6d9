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
 * guest, and ends the other (restartrecover.c).
 *
 * A rehearsal is the same up to where the heir would be told to run the guest, and is then undone. Its
 * heir maps the memory privately: it sees it, and what it writes stays with it.
 *
 * A tap can be set up by one QEMU only, and its setting up disturbs the packets of the other: where
 * there are taps, the heir is started when the guest stands.
 */

#include "restartrelaunch.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "aside.h"
#include "checkpoint.h"
#include "clock.h"
#include "guestfiles.h"
#include "log.h"
#include "memfd.h"
#include "spawn.h"
#include "tapshare.h"

#define LOAD_TIMEOUT_MS 60000

/*
 * @aside:	What the heir makes at places that the first QEMU's have.
 * @moved:	They are out of its way.
 * @final:	The heir may have run the guest.
 */
struct relaunch {
	struct restart *r;
	struct strv aside;
	bool moved, final;
	struct tap_share taps;
};

static int make_state(struct restart *r, struct err *e)
{
	_cleanup_free_ char *name = xasprintf("vmkeep-state:%s", r->g->name);

	r->g->x.state = memfd_create_plain(name, 0);
	r->heir->x.state = fcntl(r->g->x.state, F_DUPFD_CLOEXEC, 0);
	if (r->g->x.state < 0 || r->heir->x.state < 0)
		return err_set(e, -EMFILE, "its device state: %s", strerror(EMFILE));
	return guest_give_state(r->g, e);
}

/* What an agent needs who finds it half done. @old: the QEMU that is to be ended, or NULL. */
static json *note(const struct strv *aside, const struct guest *old)
{
	json *j = json_object_new_object();

	json_set_strv(j, "aside", aside);
	if (old) {
		json_set_int(j, "old_pid", old->pid);
		json_set_int(j, "old_start", (int64_t)process_start_time(old->pid));
	}
	return j;
}

static int launch(struct relaunch *l, struct err *e)
{
	struct restart *r = l->r;
	int ret;

	r->tsc_launch = clock_tsc();
	ret = guest_launch_incoming(r->heir, l->taps.n ? &l->taps : NULL, false, e);
	if (!ret)
		ret = guest_arm_beside(r->heir, e);
	r->tsc_launched = clock_tsc();
	if (ret < 0)
		err_prefix(e, "its new QEMU");
	return ret;
}

/* As long as the guest runs; the heir is ready, or is still to be started if there are taps. */
static int begin(struct relaunch *l, struct err *e)
{
	struct restart *r = l->r;
	_cleanup_free_ char *qmp = guestfiles_qmp(r->g->name);
	int ret = make_state(r, e);

	if (!ret)
		ret = tapshare_take(r->g->pid, r->g->pidfd, &l->taps, e);
	if (ret < 0)
		return ret;
	strv_add(&l->aside, qmp);
	aside_list(&r->g->argv, r->g->cwd, &l->aside);
	r->g->restart = note(&l->aside, NULL);
	ret = checkpoint_arm(r->g, e);
	if (!ret)
		ret = guest_check_blocked(r->g, e);
	if (!ret)
		ret = aside_move(&l->aside, e);
	l->moved = !ret;
	tapshare_number(&l->taps, GUEST_FD_TAP);
	if (!ret && !l->taps.n)
		ret = launch(l, e);
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
	r->tsc_ready = g->x.late.tsc_saved;
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
static int let_run(struct relaunch *l, struct err *e)
{
	struct restart *r = l->r;
	struct guest *g = r->g, *heir = r->heir;
	int ret;

	if (g->gone)
		return err_set(e, -ECONNRESET, "its old QEMU ended");
	heir->x.committing = g->x.was_running;
	heir->restart = note(&l->aside, g);
	ret = guest_remember(heir);
	if (ret < 0)
		return err_set(e, ret, "its state file: %s", strerror(-ret));
	if (g->x.was_running)
		ret = guest_cont(heir, -1, e);
	r->tsc_resumed = clock_tsc();
	l->final = ret != -EREMOTEIO;
	return ret;
}

/* --- afterwards --- */

static void succeed(struct relaunch *l)
{
	struct guest *g = l->r->g, *heir = l->r->heir;

	heir->state = g->x.was_running ? GUEST_RUNNING : GUEST_PAUSED;
	heir->x.late = g->x.late;
	guest_replace(g, heir);
	heir->x.was_running = g->x.was_running;
	restart_set_clock(heir);
	guest_kill(g);
	aside_drop(&l->aside);
	restart_forget_note(heir);
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

static void run_again(struct relaunch *l)
{
	tapshare_reset(&l->taps);
	restart_run_again(l->r);
}

/* All of it, however far it came; the old QEMU goes on. */
static void go_back(struct relaunch *l)
{
	struct restart *r = l->r;
	struct guest *g = r->g;
	bool told_to_run = r->heir->restart;

	/* First: an agent that comes now must not take the heir for the guest. */
	if (told_to_run && !g->gone)
		guest_remember(g);
	/* One that was never told to run has no hold of the images: nobody waits for its end. */
	if (!told_to_run)
		run_again(l);
	if (r->heir->pid)
		guest_kill(r->heir);
	if (told_to_run)
		run_again(l);
	if (l->moved)
		aside_back(&l->aside);
	restart_put_away(g);
}

static int run(struct relaunch *l, struct err *e)
{
	struct restart *r = l->r;
	int ret = begin(l, e);

	if (!ret)
		ret = save(r, e);
	if (!ret && l->taps.n) {
		ret = launch(l, e);
		r->tsc_ready = r->tsc_launched;
	}
	if (!ret)
		ret = load(r, e);
	if (!ret && !r->rehearsal)
		ret = let_run(l, e);
	if (ret < 0 && l->final)
		ret = adopt(r, e);
	return ret;
}

int restartrelaunch_run(struct restart *r, json **ret, struct err *e)
{
	struct relaunch l = { .r = r };
	struct guest *g = r->g;
	int res = run(&l, e);

	if (l.final && res < 0) {
		guest_kill(g);
		aside_drop(&l.aside);
	} else if (res < 0 || r->rehearsal) {
		go_back(&l);
	}
	if (!res)
		*ret = restart_tell(r);
	if (!res && r->rehearsal) {
		log_info("%s: rehearsed, QEMU %s", g->name, r->heir->qemu_version);
		restart_set_clock(g);
	} else if (!res) {
		succeed(&l);
		log_info("%s: restarted, QEMU %s, pid %d", g->name, r->heir->qemu_version,
			 r->heir->pid);
	}
	tapshare_release(&l.taps);
	strv_free(&l.aside);
	return res;
}
