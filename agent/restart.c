// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Whether a guest can go on in another QEMU at all, by which of the two methods, and several guests at once. How it is
 * done: restartrelaunch.c and restartexec.c.
 */

#include "restart.h"

#include "checkguest.h"
#include "clock.h"
#include "log.h"
#include "probe.h"
#include "report.h"
#include "restartexec.h"
#include "restartrelaunch.h"

static unsigned int under_way;

bool restart_busy(void)
{
	return under_way;
}

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

/* --- one of them --- */

static int restart(struct guest *g, bool rehearsal, enum restart_method method, const char *binary,
		   json **ret, struct err *e)
{
	_cleanup_free_ char *path = xstrdup(binary ? binary : g->argv.v[0]);
	struct restart r = { .g = guest_hold(g), .rehearsal = rehearsal, .method = method };
	const char *what = rehearsal ? "rehearsed" : "restarted";
	int res;

	g->restarting = true;
	under_way++;
	task_blocking(clock_measure, NULL);
	res = make_heir(&r, path, e);
	if (!res)
		res = r.method == RESTART_EXEC ? restartexec_run(&r, ret, e)
					       : restartrelaunch_run(&r, ret, e);
	g->restarting = false;
	/* Unless another has taken its place. */
	if (g->gone && guest_find(g->name) == g) {
		if (!res)
			res = err_set(e, -ECONNRESET, "QEMU ended");
		err_prefix(e, "its QEMU ended while it was %s", what);
		guest_remove(g);
	}
	if (res < 0) {
		json_object_put(*ret);
		*ret = NULL;
		log_error("%s: not %s: %s", g->name, what, e->text);
	}
	if (r.heir)
		guest_release(r.heir);
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
