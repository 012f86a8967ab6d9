// SPDX-License-Identifier: GPL-2.0-or-later

#include "server.h"

#include "check.h"
#include "clock.h"
#include "cmdline.h"
#include "definitionfiles.h"
#include "log.h"
#include "loop.h"
#include "plug.h"
#include "report.h"
#include "restart.h"
#include "restore.h"
#include "start.h"
#include "upgrade.h"

static void send_progress(void *user, const char *text)
{
	control_progress(user, text);
}

/* --- one function a command: returns an exit status, the value or the error's words --- */

static json *started(const struct guest *g, const struct strv *notes)
{
	json *j = json_object_new_object();

	json_set_str(j, "name", g->name);
	json_set_str(j, "uuid", g->uuid);
	json_set_int(j, "pid", g->pid);
	json_set_strv(j, "notes", notes);
	return j;
}

static int cmd_run(struct control_client *c, json *args, json **ret, struct err *e)
{
	_cleanup_definition_ struct definition d = { 0 };
	_cleanup_strv_ struct strv notes = { 0 };
	struct guest *g;

	(void)c;
	if (definition_read(args, &d, e) < 0) {
		err_prefix(e, "run");
		return EXIT_BAD_USAGE;
	}
	if (start_guest(&d.spec, &g, &notes, e) < 0)
		return EXIT_FAILED;
	*ret = started(g, &notes);
	return EXIT_OK;
}

/* What writes to a disk is not for the time when guests stand. */
static bool committing(struct err *e)
{
	if (upgrade_phase() != UPGRADE_COMMITTING)
		return false;
	err_set(e, 0, "an update is just being committed: wait for it");
	return true;
}

static int cmd_define(struct control_client *c, json *args, json **ret, struct err *e)
{
	_cleanup_definition_ struct definition d = { 0 };
	_cleanup_strv_ struct strv notes = { 0 };

	(void)c;
	if (definition_read(json_get(args, "guest", json_type_object), &d, e) < 0) {
		err_prefix(e, "define");
		return EXIT_BAD_USAGE;
	}
	if (guest_validate(&d.spec, &notes, e) < 0 || committing(e) ||
	    definitionfiles_save(d.from, json_flag(args, "replace"), e) < 0)
		return EXIT_FAILED;
	log_info("%s: defined%s", d.spec.name, d.autostart ? ", to be started at boot" : "");
	*ret = json_object_new_object();
	json_set_strv(*ret, "notes", &notes);
	return EXIT_OK;
}

/* The name that a command is about; "" is no guest's. */
static const char *name_of(json *args)
{
	const char *name = json_str(args, "name");

	return name ? name : "";
}

static int cmd_start(struct control_client *c, json *args, json **ret, struct err *e)
{
	_cleanup_strv_ struct strv notes = { 0 };
	struct guest *g;

	(void)c;
	if (start_defined(name_of(args), &g, &notes, e) < 0)
		return EXIT_FAILED;
	*ret = started(g, &notes);
	return EXIT_OK;
}

static int cmd_autostart(struct control_client *c, json *args, json **ret, struct err *e)
{
	_cleanup_definition_ struct definition d = { 0 };

	(void)c;
	if (committing(e) || definitionfiles_load(name_of(args), &d, e) < 0)
		return EXIT_FAILED;
	json_set_bool(d.from, "autostart", !json_flag(args, "disable"));
	if (definitionfiles_save(d.from, true, e) < 0)
		return EXIT_FAILED;
	*ret = json_object_new_object();
	return EXIT_OK;
}

static int cmd_undefine(struct control_client *c, json *args, json **ret, struct err *e)
{
	(void)c;
	if (committing(e) || definitionfiles_remove(name_of(args), e) < 0)
		return EXIT_FAILED;
	log_info("%s: no longer defined", name_of(args));
	*ret = json_object_new_object();
	return EXIT_OK;
}

static json *guest_status(const struct guest *g)
{
	json *j = guest_to_json(g);

	json_set_str(j, "state", guest_state_name(g));
	json_set_bool(j, "prepared", upgrade_guest_prepared(g));
	json_set_int(j, "pid", g->state == GUEST_KEPT ? 0 : g->pid);
	json_set_bool(j, "from_update", g->from_update);
	json_set_bool(j, "defined", false);
	json_set_bool(j, "autostart", false);
	json_set_str(j, "reason", g->state == GUEST_KEPT ? g->kept_reason : NULL);
	return j;
}

/* Of a guest that is not there: what it would be started with. */
static json *defined_status(const char *name, const struct definition *d, const char *broken)
{
	json *j = json_object_new_object();

	json_set_str(j, "name", name);
	json_set_str(j, "state", broken ? "broken" : "defined");
	json_set_str(j, "reason", broken ? broken : start_failure(name));
	json_set_int(j, "pid", 0);
	if (broken)
		return j;
	json_set_str(j, "user", d->spec.user);
	json_set_str(j, "cwd", d->spec.cwd);
	json_set_strv(j, "user_argv", &d->spec.argv);
	json_set_int(j, "memory", (int64_t)ram_total(&d->spec.memory));
	json_set_int(j, "priority", d->spec.priority);
	return j;
}

static json *find_entry(json *guests, const char *name)
{
	for (size_t i = 0; i < json_object_array_length(guests); i++) {
		json *g = json_object_array_get_idx(guests, i);

		if (strcmp(json_str(g, "name"), name) == 0)
			return g;
	}
	return NULL;
}

/* Say of each guest in @guests whether it is defined, and add those that are not there. */
static void add_definitions(json *guests, const char *only)
{
	_cleanup_strv_ struct strv names = { 0 };

	definitionfiles_list(&names);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_definition_ struct definition d = { 0 };
		json *g = find_entry(guests, names.v[i]);
		struct err e;
		int r;

		if (only && strcmp(only, names.v[i]) != 0)
			continue;
		r = definitionfiles_load(names.v[i], &d, &e);
		if (!g) {
			g = defined_status(names.v[i], &d, r < 0 ? e.text : NULL);
			json_object_array_add(guests, g);
		}
		json_set_bool(g, "defined", true);
		json_set_bool(g, "autostart", d.autostart);
	}
}

static int cmd_status(struct control_client *c, json *args, json **ret, struct err *e)
{
	const char *name = json_str(args, "name");
	json *guests = json_object_new_array();

	(void)c;
	for (struct guest *g = guest_first(); g; g = g->next)
		if (!name || strcmp(name, g->name) == 0)
			json_object_array_add(guests, guest_status(g));
	add_definitions(guests, name);
	if (name && !json_object_array_length(guests)) {
		json_object_put(guests);
		err_set(e, 0, "no guest %s", name);
		return EXIT_FAILED;
	}
	*ret = json_object_new_object();
	json_set_str(*ret, "update", restore_busy() ? "finishing" : upgrade_phase_name());
	json_set_str(*ret, "next_kernel", upgrade_target_version());
	json_object_object_add(*ret, "last_failure", json_object_get(upgrade_last_failure()));
	json_object_object_add(*ret, "guests", guests);
	return EXIT_OK;
}

static int target_from_args(json *args, struct target *t, struct err *e)
{
	*t = (struct target){ .kernel = xstrdup(json_str(args, "kernel")),
			      .initrd = xstrdup(json_str(args, "initrd")) };
	if (!t->kernel || t->kernel[0] != '/') {
		target_free(t);
		return err_set(e, -EINVAL, "--kernel is needed: the image to jump to");
	}
	task_blocking(clock_measure, NULL);
	t->early = json_flag(args, "early");
	if (cmdline_build(json_flag(args, "reuse_cmdline"), json_str(args, "append"),
			  (unsigned int)(clock_tsc_hz() / 1000), t->early, &t->cmdline, e) < 0) {
		target_free(t);
		return -EINVAL;
	}
	return 0;
}

static int cmd_check(struct control_client *c, json *args, json **ret, struct err *e)
{
	struct target t;
	struct err first;

	(void)c;
	if (target_from_args(args, &t, e) < 0)
		return EXIT_FAILED;
	if (upgrade_phase() == UPGRADE_PREPARING || upgrade_phase() == UPGRADE_COMMITTING) {
		target_free(&t);
		err_set(e, 0, "an update is just %s: wait for it", upgrade_phase_name());
		return EXIT_FAILED;
	}
	if (restart_busy()) {
		target_free(&t);
		err_set(e, 0, "guests are just being restarted: wait for it");
		return EXIT_FAILED;
	}
	*ret = json_object_new_object();
	json_object_object_add(*ret, "findings", check_run(&t));
	json_set_str(*ret, "kernel_version", t.version);
	json_set_int(*ret, "status",
		     check_verdict(json_get(*ret, "findings", json_type_array), &first));
	target_free(&t);
	return EXIT_OK;
}

static int cmd_prepare(struct control_client *c, json *args, json **ret, struct err *e)
{
	struct target t;
	unsigned int n = 0;

	if (restore_busy()) {
		err_set(e, 0, "guests of the last update are just being brought back: wait for it");
		return EXIT_FAILED;
	}
	if (target_from_args(args, &t, e) < 0)
		return EXIT_FAILED;
	if (plug_busy() ||
	    restart_busy()) { /* asked last: nothing may begin before the update has */
		target_free(&t);
		err_set(e, 0,
			plug_busy()
				? "something is just being plugged into a guest, or out: try again"
				: "guests are just being restarted: wait for it");
		return EXIT_FAILED;
	}
	if (upgrade_prepare(&t, json_flag(args, "rehearse"), send_progress, c, e) < 0)
		return EXIT_FAILED;
	for (struct guest *g = guest_first(); g; g = g->next)
		n += upgrade_guest_prepared(g);
	*ret = json_object_new_object();
	json_set_int(*ret, "guests", n);
	json_set_str(*ret, "next_kernel", upgrade_target_version());
	return EXIT_OK;
}

static int cmd_commit(struct control_client *c, json *args, json **ret, struct err *e)
{
	int64_t max_blackout_ms = json_int(args, "max_blackout_ms", 0);

	(void)ret;
	if (max_blackout_ms < 0 || max_blackout_ms > 86400LL * MSEC_PER_SEC) {
		err_set(e, 0, "commit: the longest blackout must be 1 ms to a day");
		return EXIT_BAD_USAGE;
	}
	upgrade_commit(max_blackout_ms, send_progress, c, e);
	return EXIT_FAILED; /* it returned */
}

static int cmd_abort(struct control_client *c, json *args, json **ret, struct err *e)
{
	(void)c, (void)args;
	if (upgrade_abort(e) < 0)
		return EXIT_FAILED;
	*ret = json_object_new_object();
	return EXIT_OK;
}

static bool wanted(const struct strv *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++)
		if (strcmp(names->v[i], name) == 0)
			return true;
	return names->n == 0;
}

static json *kept_guest(const struct guest *g, const char *reason)
{
	return qmp_args("name", g->name, "reason", reason, NULL);
}

/* What the agent does by itself when it starts, and again for guests that are kept. */
static int cmd_finish(struct control_client *c, json *args, json **ret, struct err *e)
{
	_cleanup_strv_ struct strv names = { 0 };
	_cleanup_guest_set_ struct guest_set guests = { 0 };
	bool retry = json_flag(args, "retry");
	json *kept;
	int back = 0;

	(void)c;
	if (json_object_object_get_ex(args, "names", NULL) &&
	    json_get_strv(args, "names", &names) < 0) {
		err_set(e, 0, "finish: names must be strings");
		return EXIT_BAD_USAGE;
	}
	for (size_t i = 0; i < names.n; i++) {
		if (!guest_find(names.v[i])) {
			err_set(e, 0, "no guest %s", names.v[i]);
			return EXIT_FAILED;
		}
	}
	if (restore_run(false, e) < 0)
		return EXIT_FAILED;
	start_at_boot(); /* if that had to wait for it */
	kept = json_object_new_array();
	guests = guest_set_all();
	for (size_t i = 0; i < guests.n; i++) {
		struct guest *g = guests.v[i];
		const char *reason = g->kept_reason;

		if (!wanted(&names, g->name) || g->gone)
			continue;
		if (retry && g->state == GUEST_KEPT && restore_retry(g, e) < 0)
			reason = e->text;
		if (g->state == GUEST_KEPT)
			json_object_array_add(kept, kept_guest(g, reason));
		back += g->from_update;
	}
	*ret = json_object_new_object();
	json_object_object_add(*ret, "kept", kept);
	json_set_int(*ret, "back", back);
	return EXIT_OK;
}

static int cmd_discard(struct control_client *c, json *args, json **ret, struct err *e)
{
	const char *name = json_str(args, "name");
	struct guest *g = name ? guest_find(name) : NULL;

	(void)c;
	if (!g) {
		err_set(e, 0, "no guest %s", name ? name : "");
		return EXIT_FAILED;
	}
	if (restore_discard(g, e) < 0)
		return EXIT_FAILED;
	*ret = json_object_new_object();
	return EXIT_OK;
}

static int cmd_report(struct control_client *c, json *args, json **ret, struct err *e)
{
	(void)c, (void)args;
	*ret = report_all();
	if (*ret)
		return EXIT_OK;
	err_set(e, 0, "no update has come to this host yet");
	return EXIT_FAILED;
}

static int cmd_stop(struct control_client *c, json *args, json **ret, struct err *e)
{
	const char *name = json_str(args, "name");
	struct guest *g = name ? guest_find(name) : NULL;
	int64_t timeout_s = json_int(args, "timeout_s", 60);

	(void)c;
	if (!g) {
		err_set(e, 0, "no guest %s", name ? name : "");
		return EXIT_FAILED;
	}
	if (committing(e))
		return EXIT_FAILED;
	if (timeout_s < 1 || timeout_s > 86400) {
		err_set(e, 0, "stop: the time-out must be 1 to 86400 s");
		return EXIT_BAD_USAGE;
	}
	if (guest_stop(g, json_flag(args, "now"), (int)timeout_s * MSEC_PER_SEC, e) < 0)
		return EXIT_FAILED;
	*ret = json_object_new_object();
	return EXIT_OK;
}

/* A running guest by its name, that no update is just about. */
static struct guest *guest_at_hand(json *args, struct err *e)
{
	const char *name = json_str(args, "name");
	struct guest *g = name ? guest_find(name) : NULL;

	if (!g)
		err_set(e, 0, "no guest %s", name ? name : "");
	else if (g->state != GUEST_RUNNING && g->state != GUEST_PAUSED)
		err_set(e, 0, "%s does not run: it is %s", g->name, guest_state_name(g));
	else if (upgrade_phase() == UPGRADE_COMMITTING || restore_busy())
		err_set(e, 0, "an update is under way: wait for it");
	else
		return g;
	return NULL;
}

/* What is prepared is what will come back: the record of it is written. */
static bool may_plug(const struct guest *g, struct err *e)
{
	if (restart_busy()) {
		err_set(e, 0, "guests are just being restarted: wait for it");
		return false;
	}
	if (upgrade_phase() == UPGRADE_IDLE)
		return true;
	err_set(e, 0,
		"an update is prepared, with %s as it is now: `vmkeep abort` before something is plugged in or out",
		g->name);
	return false;
}

static int cmd_qmp(struct control_client *c, json *args, json **ret, struct err *e)
{
	json *arguments = json_get(args, "arguments", json_type_object);
	const char *command = json_str(args, "execute");
	struct guest *g = guest_at_hand(args, e);
	const struct plugrule *rule;

	(void)c;
	if (!g)
		return EXIT_FAILED;
	if (!command) {
		err_set(e, 0, "qmp: which command?");
		return EXIT_BAD_USAGE;
	}
	if (plugrules_check(command, arguments, &rule, e) < 0 || (rule && !may_plug(g, e)) ||
	    plug_command(g, rule, command, arguments, ret, e) < 0)
		return EXIT_FAILED;
	return EXIT_OK;
}

static int cmd_plug_memory(struct control_client *c, json *args, json **ret, struct err *e)
{
	struct guest *g = guest_at_hand(args, e);
	int64_t size = json_int(args, "size", 0), node = json_int(args, "node", -1);

	(void)c;
	if (!g)
		return EXIT_FAILED;
	if (size <= 0 || node < -1 || node > 127) {
		err_set(e, 0, "plug-memory: a size and a node from 0 to 127 are wanted");
		return EXIT_BAD_USAGE;
	}
	if (!may_plug(g, e) || plug_memory(g, (uint64_t)size, (int)node, ret, e) < 0)
		return EXIT_FAILED;
	return EXIT_OK;
}

/* All those named, or all there are; held. */
static int guests_of(json *args, struct guest_set *ret, struct err *e)
{
	_cleanup_strv_ struct strv names = { 0 };

	if (json_flag(args, "all")) {
		*ret = guest_set_all();
		return 0;
	}
	if (json_get_strv(args, "names", &names) < 0 || !names.n)
		return err_set(e, -EINVAL, "which guest?");
	ret->v = xmalloc0(names.n * sizeof(struct guest *));
	for (size_t i = 0; i < names.n; i++) {
		struct guest *g = guest_find(names.v[i]);

		if (!g)
			return err_set(e, -ENOENT, "no guest %s", names.v[i]);
		ret->v[ret->n++] = guest_hold(g);
	}
	return 0;
}

/* Return: an enum restart_method, or -EINVAL. */
static int method_of(const char *name)
{
	static const char *const names[] = {
		[RESTART_AUTO] = "auto", [RESTART_EXEC] = "exec", [RESTART_RELAUNCH] = "relaunch"
	};

	for (size_t i = 0; name && i < ARRAY_SIZE(names); i++)
		if (strcmp(name, names[i]) == 0)
			return (int)i;
	return name ? -EINVAL : RESTART_AUTO;
}

static int cmd_restart(struct control_client *c, json *args, json **ret, struct err *e)
{
	_cleanup_guest_set_ struct guest_set guests = { 0 };
	int64_t at_once = json_int(args, "at_once", 1);
	const char *qemu = json_str(args, "qemu");
	int method = method_of(json_str(args, "method"));

	if (method < 0) {
		err_set(e, 0, "--method %s: use exec, relaunch or auto", json_str(args, "method"));
		return EXIT_BAD_USAGE;
	}
	if (at_once < 1 || at_once > 1000 || (qemu && *qemu != '/')) {
		err_set(e, 0, "restart: a full path and 1 to 1000 at once are wanted");
		return EXIT_BAD_USAGE;
	}
	if (guests_of(args, &guests, e) < 0)
		return EXIT_FAILED;
	if (restore_busy() || plug_busy() || check_busy() || restart_busy() ||
	    upgrade_phase() != UPGRADE_IDLE) {
		err_set(e, 0, "%s",
			upgrade_phase() == UPGRADE_PREPARED
				? "an update is prepared, with the QEMUs there are: `vmkeep abort` first"
				: "something else is just being done with guests: wait for it");
		return EXIT_FAILED;
	}
	*ret = json_object_new_object();
	json_object_object_add(*ret, "restarts",
			       restart_guests(&guests, json_flag(args, "rehearse"), qemu,
					      (enum restart_method)method, (unsigned int)at_once,
					      send_progress, c));
	return EXIT_OK;
}

/*
 * What those may ask who may not change anything. Not check: it opens, with our rights, the
 * files that its caller names.
 */
enum need { READS, CHANGES };

static const struct {
	const char *name;
	enum need need;
	int (*run)(struct control_client *c, json *args, json **ret, struct err *e);
} commands[] = {
	{ "run", CHANGES, cmd_run },	     { "status", READS, cmd_status },
	{ "check", CHANGES, cmd_check },     { "prepare", CHANGES, cmd_prepare },
	{ "commit", CHANGES, cmd_commit },   { "abort", CHANGES, cmd_abort },
	{ "finish", CHANGES, cmd_finish },   { "report", READS, cmd_report },
	{ "stop", CHANGES, cmd_stop },	     { "discard", CHANGES, cmd_discard },
	{ "define", CHANGES, cmd_define },   { "undefine", CHANGES, cmd_undefine },
	{ "start", CHANGES, cmd_start },     { "autostart", CHANGES, cmd_autostart },
	{ "qmp", CHANGES, cmd_qmp },	     { "plug-memory", CHANGES, cmd_plug_memory },
	{ "restart", CHANGES, cmd_restart },
};

static int run_command(struct control_client *c, json *request, json **ret, struct err *e)
{
	const char *name = json_str(request, "command");
	json *args = json_get(request, "arguments", json_type_object);

	for (size_t i = 0; name && i < ARRAY_SIZE(commands); i++) {
		if (strcmp(commands[i].name, name) != 0)
			continue;
		if (commands[i].need == READS || control_may_change(c))
			return commands[i].run(c, args, ret, e);
		err_set(e, 0,
			"%s: only root and the members of group " CONTROL_GROUP " may do this",
			name);
		return EXIT_NO_AGENT;
	}
	err_set(e, 0, "no such command");
	return EXIT_BAD_USAGE;
}

static json *answer(struct control_client *c, json *request)
{
	const char *name = json_str(request, "command");
	json *value = NULL, *reply;
	struct err e = { "" };
	int status = run_command(c, request, &value, &e);

	if (status == EXIT_OK) {
		reply = json_object_new_object();
		json_object_object_add(reply, "return", value);
		return reply;
	}
	json_object_put(value);
	/* Those who may only read could fill the log. */
	if (control_may_change(c))
		log_info("%s: refused or failed: %s", name ? name : "?", e.text);
	return control_error(e.text, (enum exit_status)status);
}

int server_start(const char *run_dir, bool allow_read, struct err *e)
{
	const struct control c = { .dir = run_dir,
				   .group = CONTROL_GROUP,
				   .allow_read = allow_read,
				   .patience_ms = CONTROL_PATIENCE_MS,
				   .answer = answer };

	return control_start(&c, e);
}
