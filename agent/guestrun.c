// SPDX-License-Identifier: GPL-2.0-or-later
/* A guest begins: from what its user asks for to one that runs. */

#include "clock.h"
#include "guest.h"
#include "guestimages.h"
#include "log.h"
#include "spawn.h"

static int choose_ram_path(const struct guest_spec *spec, const struct qemu_caps *caps,
			   enum ram_path *ret, struct err *e)
{
	const char *want = spec->ram_path ? spec->ram_path : "auto";

	*ret = caps->fdset_ram ? RAM_PATH_FDSET : RAM_PATH_PROCFD;
	if (strcmp(want, "auto") == 0)
		return 0;
	if (strcmp(want, "procfd") == 0) {
		*ret = RAM_PATH_PROCFD;
		return 0;
	}
	if (strcmp(want, "fdset") != 0)
		return err_set(e, -EINVAL, "--ram-path %s: use fdset, procfd or auto", want);
	if (!caps->fdset_ram)
		return err_set(
			e, -EOPNOTSUPP,
			"--ram-path fdset: %s (QEMU %s) takes no memory from /dev/fdset: use procfd, or a QEMU with the patches in qemu-patches",
			spec->argv.v[0], caps->version);
	return 0;
}

/* What a guest is made of, found out before anything is. */
struct plan {
	const struct qemu_caps *caps;
	enum ram_path ram_path;
	struct strv argv;
	char *machine;
};

static void plan_free(struct plan *p)
{
	strv_free(&p->argv);
	free(p->machine);
}

static int make_plan(const struct guest_spec *spec, struct plan *p, struct strv *notes,
		     struct err *e)
{
	int r;

	if (!guest_name_valid(spec->name))
		return err_set(e, -EINVAL,
			       "name %s: use up to %d letters, digits, \".\", \"_\" and \"-\"",
			       spec->name, GUEST_NAME_MAX);
	for (size_t i = 0; i < spec->memory.n; i++)
		if (!spec->memory.v[i] || spec->memory.v[i] % RAM_BLOCK_UNIT)
			return err_set(e, -EINVAL, "--memory: must be a multiple of 2M");
	r = spawn_check_user(spec->user, e);
	if (!r)
		r = probe_qemu(spec->argv.v[0], &p->caps, e);
	if (!r)
		r = choose_ram_path(spec, p->caps, &p->ram_path, e);
	if (!r)
		r = guestargs_build(&spec->argv, &spec->memory, p->ram_path, p->caps, &p->argv,
				    &p->machine, notes, e);
	return r;
}

int guest_validate(const struct guest_spec *spec, struct strv *notes, struct err *e)
{
	struct plan p = { 0 };
	int r = make_plan(spec, &p, notes, e);

	plan_free(&p);
	return r;
}

static int guest_start(struct guest *g, struct err *e)
{
	bool running;
	int r = guestram_create(&g->ram, g->name, e);

	if (!r)
		r = guest_launch(g, e);
	if (r < 0)
		return r;
	r = guest_query_running(g, e);
	if (r < 0) {
		guest_kill(g);
		return r;
	}
	guest_note_parts(g);
	if (g->gone)
		return err_set(e, -ECONNRESET, "QEMU ended");
	running = r;
	g->started_ms = clock_realtime_ns() / NSEC_PER_MSEC;
	r = guest_remember(g);
	if (r < 0) {
		guest_kill(g);
		return err_set(e, r, "its state file cannot be written: %s", strerror(-r));
	}
	g->state = running ? GUEST_RUNNING : GUEST_PAUSED;
	return 0;
}

static int taken(const char *name, struct err *e)
{
	return err_set(e, -EEXIST,
		       "a guest %s is there already: take another name, or stop it first", name);
}

int guest_run(const struct guest_spec *spec, struct guest **ret, struct strv *notes, struct err *e)
{
	struct plan p = { 0 };
	char uuid[37];
	struct guest *g;
	int r;

	if (guest_find(spec->name))
		return taken(spec->name, e);
	r = make_plan(spec, &p, notes, e);
	if (!r && guest_find(spec->name)) /* the probe waited */
		r = taken(spec->name, e);
	if (r < 0 || !p.caps) {
		plan_free(&p);
		return r;
	}
	random_uuid(uuid);
	g = guest_hold(guest_new(spec->name, uuid));
	g->user = xstrdup(spec->user);
	g->cwd = xstrdup(spec->cwd);
	g->ram.size = spec->memory;
	g->priority = spec->priority;
	g->qemu_version = xstrdup(p.caps->version);
	g->cpr_reboot = p.caps->cpr_reboot;
	g->cpr_exec = p.caps->cpr_exec;
	g->ram_path = p.ram_path;
	for (size_t i = 0; i < spec->argv.n; i++)
		strv_add(&g->user_argv, spec->argv.v[i]);
	g->argv = p.argv;
	g->machine = p.machine;
	r = guestimages_free(g, e);
	if (!r)
		r = guest_start(g, e);
	if (r < 0) {
		guest_remove(g);
	} else {
		log_info("%s: started, %s, QEMU %s, pid %d, RAM by %s", g->name, g->machine,
			 g->qemu_version, g->pid, ram_path_name(g->ram_path));
		*ret = g;
	}
	guest_release(g);
	return r;
}
