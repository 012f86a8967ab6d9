// SPDX-License-Identifier: GPL-2.0-or-later

#include "start.h"

#include "bootmark.h"
#include "definitionfiles.h"
#include "log.h"
#include "probe.h"
#include "restore.h"
#include "turns.h"
#include "upgrade.h"

/* How long guests of lower priority wait for those before them, all in all. */
#define HEAD_START_MS 5000
#define COMMIT_POLL_MS 100

static bool busy;
static bool cancelled;
static json *failures; /* of this agent's, by name */

bool start_busy(void)
{
	return busy;
}

void start_cancel(void)
{
	cancelled = true;
}

const char *start_failure(const char *name)
{
	return json_str(failures, name);
}

int start_guest(const struct guest_spec *spec, struct guest **ret, struct strv *notes,
		struct err *e)
{
	const struct qemu_caps *caps;
	/* Trying a new QEMU takes a while: it must not hide this guest from a commit that begins meanwhile. */
	int r = probe_qemu(spec->argv.v[0], &caps, e);

	if (r < 0)
		return r;
	if (upgrade_phase() == UPGRADE_COMMITTING || restore_busy())
		return err_set(e, -EBUSY, "an update is under way: start %s when it is over",
			       spec->name);
	r = guest_run(spec, ret, notes, e);
	if (!r && failures)
		json_object_object_del(failures, spec->name);
	return r;
}

static int refuse(const struct guest *g, struct err *e)
{
	if (g->state == GUEST_KEPT)
		return err_set(
			e, -EEXIST,
			"%s came over the jump and is kept, memory and state: see `vmkeep finish --retry`, or give it up with `vmkeep discard`",
			g->name);
	return err_set(e, -EEXIST, "%s is there already: it is %s", g->name, guest_state_name(g));
}

int start_defined(const char *name, struct guest **ret, struct strv *notes, struct err *e)
{
	_cleanup_definition_ struct definition d = { 0 };
	const struct guest *there = guest_find(name);
	int r;

	if (there)
		return refuse(there, e);
	if (restore_busy())
		return err_set(e, -EBUSY, "guests are just being brought back: wait for it");
	if (!restore_complete())
		return err_set(
			e, -EBUSY,
			"%s may be among what came over the jump, which could not be read: `vmkeep finish` tries again",
			name);
	r = definitionfiles_load(name, &d, e);
	return r < 0 ? r : start_guest(&d.spec, ret, notes, e);
}

static void failed(const char *name, const char *why)
{
	log_error("%s: not started at boot: %s", name, why);
	if (!failures)
		failures = json_object_new_object();
	json_set_str(failures, name, why);
}

static void start_one(void *arg)
{
	const struct definition *d = arg;
	_cleanup_strv_ struct strv self = { 0 }, notes = { 0 };
	struct guest *g;
	struct err e;

	/* One that fails lets guests run on, and then this one is wanted as well. */
	while (upgrade_phase() == UPGRADE_COMMITTING && !cancelled)
		task_sleep(COMMIT_POLL_MS);
	if (cancelled || guest_find(d->spec.name))
		return;
	strv_add(&self, d->spec.name);
	if (bootmark_add(&self) < 0) {
		failed(d->spec.name, "it could not be written down, so it might be started twice");
		return;
	}
	if (start_guest(&d->spec, &g, &notes, &e) < 0)
		failed(d->spec.name, e.text);
	else
		log_info("%s: started at boot", d->spec.name);
}

static size_t read_all(struct definition *all, const struct strv *names)
{
	size_t n = 0;

	for (size_t i = 0; i < names->n; i++) {
		struct err e;

		if (definitionfiles_load(names->v[i], &all[n], &e) < 0) {
			log_error("%s: not started at boot, if it was to be: %s", names->v[i],
				  e.text);
			continue;
		}
		if (!all[n].autostart || bootmark_has(names->v[i]))
			definition_free(&all[n]);
		else
			n++;
	}
	return n;
}

static void start_all(void *arg)
{
	_cleanup_strv_ struct strv names = { 0 };
	struct definition *all;
	struct turn *turns;
	size_t n;

	(void)arg;
	definitionfiles_list(&names);
	all = xmalloc0((names.n + 1) * sizeof(*all));
	turns = xmalloc0((names.n + 1) * sizeof(*turns));
	n = read_all(all, &names);
	for (size_t i = 0; i < n; i++)
		turns[i] = (struct turn){ all[i].spec.priority, start_one, &all[i] };
	turns_run(turns, n, HEAD_START_MS);
	for (size_t i = 0; i < n; i++)
		definition_free(&all[i]);
	free(all);
	free(turns);
	if (!cancelled)
		bootmark_finish();
	busy = false;
}

void start_at_boot(void)
{
	_cleanup_strv_ struct strv names = { 0 };

	if (busy || cancelled || bootmark_done())
		return;
	if (!restore_complete()) {
		definitionfiles_list(&names);
		if (names.n)
			log_error(
				"no guest is started at boot: what came over the jump could not be read, and it may be among it: see `vmkeep finish`");
		return;
	}
	busy = true;
	task_start(start_all, NULL);
}
