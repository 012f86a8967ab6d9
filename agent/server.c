// SPDX-License-Identifier: GPL-2.0-or-later

#include "server.h"

#include "check.h"
#include "clock.h"
#include "cmdline.h"
#include "log.h"
#include "loop.h"
#include "report.h"
#include "restore.h"
#include "upgrade.h"

static void send_progress(void *user, const char *text)
{
	control_progress(user, text);
}

/* --- one function a command: returns an exit status, the value or the error's words --- */

static int cmd_run(struct control_client *c, json *args, json **ret, struct err *e)
{
	_cleanup_strv_ struct strv argv = { 0 }, notes = { 0 };
	struct guest_spec spec = { .name = json_str(args, "name"),
				   .user = json_str(args, "user"),
				   .cwd = json_str(args, "cwd"),
				   .ram_path = json_str(args, "ram_path") };
	const struct qemu_caps *caps;
	struct guest_ram ram;
	struct guest *g;

	(void)c;
	if (!spec.name || json_get_strv(args, "argv", &argv) < 0 || !argv.n ||
	    argv.v[0][0] != '/') {
		err_set(e, 0, "run: name and command line are needed");
		return EXIT_BAD_USAGE;
	}
	guestram_init(&ram);
	if (guestram_from_json(&ram, json_get(args, "memory", json_type_array)) < 0) {
		err_set(e, 0, "--memory: 1 to %d sizes, each a multiple of 2M", RAM_BLOCKS_MAX);
		return EXIT_BAD_USAGE;
	}
	spec.memory = ram.size;
	/* Trying a new QEMU takes a while: it must not hide this guest from a commit that begins meanwhile. */
	if (probe_qemu(argv.v[0], &caps, e) < 0)
		return EXIT_FAILED;
	if (upgrade_phase() == UPGRADE_COMMITTING || restore_busy()) {
		err_set(e, 0, "an update is under way: start %s when it is over", spec.name);
		return EXIT_FAILED;
	}
	spec.argv = argv;
	if (guest_run(&spec, &g, &notes, e) < 0)
		return EXIT_FAILED;
	*ret = json_object_new_object();
	json_set_str(*ret, "name", g->name);
	json_set_str(*ret, "uuid", g->uuid);
	json_set_int(*ret, "pid", g->pid);
	json_set_strv(*ret, "notes", &notes);
	return EXIT_OK;
}

static json *guest_status(const struct guest *g)
{
	json *j = guest_to_json(g);

	json_set_str(j, "state", guest_state_name(g));
	json_set_bool(j, "prepared", upgrade_guest_prepared(g));
	json_set_int(j, "pid", g->state == GUEST_KEPT ? 0 : g->pid);
	json_set_bool(j, "from_update", g->from_update);
	json_set_str(j, "reason", g->state == GUEST_KEPT ? g->kept_reason : NULL);
	return j;
}

static int cmd_status(struct control_client *c, json *args, json **ret, struct err *e)
{
	const char *name = json_str(args, "name");
	json *guests = json_object_new_array();

	(void)c;
	for (struct guest *g = guest_first(); g; g = g->next)
		if (!name || strcmp(name, g->name) == 0)
			json_object_array_add(guests, guest_status(g));
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
	if (cmdline_build(json_flag(args, "reuse_cmdline"), json_str(args, "append"),
			  (unsigned int)(clock_tsc_hz() / 1000), &t->cmdline, e) < 0) {
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
	if (target_from_args(args, &t, e) < 0 || upgrade_prepare(&t, send_progress, c, e) < 0)
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
	if (restore_run(e) < 0)
		return EXIT_FAILED;
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
	if (!report_last()) {
		err_set(e, 0, "no update has come to this host yet");
		return EXIT_FAILED;
	}
	*ret = json_object_get(report_last());
	return EXIT_OK;
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
	if (upgrade_phase() == UPGRADE_COMMITTING) {
		err_set(e, 0, "an update is just being committed: wait for it");
		return EXIT_FAILED;
	}
	if (timeout_s < 1 || timeout_s > 86400) {
		err_set(e, 0, "stop: the time-out must be 1 to 86400 s");
		return EXIT_BAD_USAGE;
	}
	if (guest_stop(g, json_flag(args, "now"), (int)timeout_s * MSEC_PER_SEC, e) < 0)
		return EXIT_FAILED;
	*ret = json_object_new_object();
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
	{ "run", CHANGES, cmd_run },	   { "status", READS, cmd_status },
	{ "check", CHANGES, cmd_check },   { "prepare", CHANGES, cmd_prepare },
	{ "commit", CHANGES, cmd_commit }, { "abort", CHANGES, cmd_abort },
	{ "finish", CHANGES, cmd_finish }, { "report", READS, cmd_report },
	{ "stop", CHANGES, cmd_stop },	   { "discard", CHANGES, cmd_discard },
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
