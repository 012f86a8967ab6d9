// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest's device state, out of one QEMU and into the next, without its RAM.
 * Source: docs/devel/migration/CPR.rst and qapi/migration.json of QEMU.
 *
 * QEMU 8.2 and newer: mode cpr-reboot, state to "file:/dev/fdset/N". Older ones
 * have neither: an ordinary migration to a named fd ("fd:").
 */

#include <fcntl.h>

#include "guestfiles.h"
#include "memfd.h"

#define STATE_FDSET 900
#define STATE_FILE "file:/dev/fdset/900"
#define STATE_FD_NAME "vmkeep-state"
#define LAST_WORDS_MS 1000
#define LOAD_LOOK_MS 2

static json *int_args(const char *key, int64_t value)
{
	json *j = json_object_new_object();

	json_set_int(j, key, value);
	return j;
}

int guest_give_state(struct guest *g, struct err *e)
{
	/* An fdset hands out an fd only to an open of exactly its access mode: QEMU saves write-only, loads read-only. */
	_cleanup_close_ int fd = memfd_reopen(g->x.state, O_WRONLY);
	int r;

	if (fd < 0)
		return err_set(e, fd, "device state file: %s", strerror(-fd));
	if (g->cpr_reboot)
		r = qmp_call(g->qmp, "add-fd", int_args("fdset-id", STATE_FDSET), fd,
			     GUEST_QMP_TIMEOUT_MS, NULL, e);
	else
		r = qmp_call(g->qmp, "getfd", qmp_args("fdname", STATE_FD_NAME, NULL), fd,
			     GUEST_QMP_TIMEOUT_MS, NULL, e);
	g->x.state_in_qemu = r == 0;
	return r;
}

int guest_incoming_state(struct guest *g, struct strv *argv, struct err *e)
{
	int fd = memfd_reopen(g->x.state, O_RDONLY);

	if (fd < 0)
		return err_set(e, fd, "device state file: %s", strerror(-fd));
	if (g->cpr_reboot) {
		strv_add(argv, "-add-fd");
		strv_addf(argv, "fd=%d,set=%d", GUEST_FD_INCOMING, STATE_FDSET);
	}
	/* One that it gets by its number, it closes itself. */
	g->x.state_in_qemu = g->cpr_reboot;
	return fd;
}

void guest_take_state(struct guest *g)
{
	if (!g->x.state_in_qemu)
		return;
	g->x.state_in_qemu = false;
	if (g->cpr_reboot)
		qmp_call(g->qmp, "remove-fd", int_args("fdset-id", STATE_FDSET), -1,
			 GUEST_QMP_TIMEOUT_MS, NULL, NULL);
	else
		qmp_call(g->qmp, "closefd", qmp_args("fdname", STATE_FD_NAME, NULL), -1,
			 GUEST_QMP_TIMEOUT_MS, NULL, NULL);
}

static void add_capability(json *list, const char *name, bool on)
{
	json *cap = qmp_args("capability", name, NULL);

	json_set_bool(cap, "state", on);
	json_object_array_add(list, cap);
}

/* @other: one more, or NULL. Both in one call: guests stand while it is made. */
static int set_capabilities(struct guest *g, const char *name, const char *other, bool on,
			    struct err *e)
{
	json *list = json_object_new_array(), *args = json_object_new_object();

	add_capability(list, name, on);
	if (other)
		add_capability(list, other, on);
	json_object_object_add(args, "capabilities", list);
	return qmp_call(g->qmp, "migrate-set-capabilities", args, -1, GUEST_QMP_TIMEOUT_MS, NULL,
			e);
}

static int set_mode(struct guest *g, const char *mode, struct err *e)
{
	if (!g->cpr_reboot)
		return 0;
	return qmp_call(g->qmp, "migrate-set-parameters", qmp_args("mode", mode, NULL), -1,
			GUEST_QMP_TIMEOUT_MS, NULL, e);
}

int guest_arm(struct guest *g, struct err *e)
{
	int r = set_capabilities(g, "events", "x-ignore-shared", true, e);

	if (!r)
		r = set_mode(g, "cpr-reboot", e);
	g->x.armed =
		true; /* also when only half of it worked: guest_disarm() then undoes that half */
	return r;
}

int guest_arm_beside(struct guest *g, struct err *e)
{
	int r = guest_arm(g, e);

	/* Else at the end of its load, when the other may still have to go on. */
	return r ? r : set_capabilities(g, "late-block-activate", NULL, true, e);
}

int guest_check_blocked(struct guest *g, struct err *e)
{
	_cleanup_json_ json *info = NULL;
	json *reasons;
	int r = qmp_call(g->qmp, "query-migrate", NULL, -1, GUEST_QMP_TIMEOUT_MS, &info, e);

	if (r < 0)
		return r;
	reasons = json_get(info, "blocked-reasons", json_type_array);
	if (!reasons || !json_object_array_length(reasons))
		return 0;
	return err_set(e, -EBUSY, "its QEMU cannot save it: %s",
		       json_object_get_string(json_object_array_get_idx(reasons, 0)));
}

int guest_arm_exec(struct guest *g, const struct strv *command, struct err *e)
{
	json *args = qmp_args("mode", "cpr-exec", NULL);
	int r = set_capabilities(g, "events", NULL, true, e);

	json_set_strv(args, "cpr-exec-command", command);
	if (!r)
		r = qmp_call(g->qmp, "migrate-set-parameters", args, -1, GUEST_QMP_TIMEOUT_MS, NULL,
			     e);
	else
		json_object_put(args);
	g->x.armed = true;
	return r;
}

void guest_disarm(struct guest *g)
{
	g->x.armed = false;
	set_mode(g, "normal", NULL);
	set_capabilities(g, "x-ignore-shared", "events", false, NULL);
}

/* What QEMU says of a migration that failed, after "failed" came as an event. */
static void why_failed(struct guest *g, struct err *e)
{
	_cleanup_json_ json *info = NULL;
	const char *desc;

	if (qmp_call(g->qmp, "query-migrate", NULL, -1, GUEST_QMP_TIMEOUT_MS, &info, NULL) < 0)
		return;
	desc = json_str(info, "error-desc");
	if (desc)
		err_set(e, 0, "QEMU: %s", desc);
}

static int migrate(struct guest *g, const char *command, const char *uri, int timeout_ms,
		   struct err *e)
{
	int64_t deadline = now_ms() + timeout_ms;
	int r;

	g->migration = MIGRATION_ACTIVE;
	g->event.fired = false;
	r = qmp_call(g->qmp, command, qmp_args("uri", uri, NULL), -1, timeout_ms, NULL, e);
	while (!r && g->migration == MIGRATION_ACTIVE) {
		int64_t left = deadline - now_ms();

		if (g->gone || !g->qmp)
			return err_set(e, -ECONNRESET,
				       g->gone ? "QEMU ended" : "QEMU's monitor was lost");
		if (left <= 0)
			return err_set(e, -ETIMEDOUT, "not done after %d s",
				       timeout_ms / MSEC_PER_SEC);
		wakeup_wait(&g->event, (int)left);
	}
	if (!r && g->migration != MIGRATION_COMPLETED) {
		r = err_set(e, -EIO, "QEMU says that it failed");
		why_failed(g, e);
	}
	return r;
}

int guest_save(struct guest *g, int timeout_ms, struct err *e)
{
	return migrate(g, "migrate", g->cpr_reboot ? STATE_FILE : "fd:" STATE_FD_NAME, timeout_ms,
		       e);
}

int guest_save_exec(struct guest *g, int timeout_ms, struct err *e)
{
	_cleanup_free_ char *uri = xasprintf("file:/proc/self/fd/%d", GUEST_FD_STATE);
	int r;

	g->x.replacing = true;
	r = migrate(g, "migrate", uri, timeout_ms, e);
	/* It may have become the other program before it had said that it is done. */
	return r == -ECONNRESET && !g->gone ? 0 : r;
}

int guest_await_load(struct guest *g, int timeout_ms, struct err *e)
{
	int64_t deadline = now_ms() + timeout_ms;
	char status[GUEST_STATUS_MAX];
	int r;

	/* No event says so before a client can have asked for events. */
	while ((r = guest_query_status(g, status, e)) >= 0 && strcmp(status, "inmigrate") == 0) {
		if (now_ms() > deadline)
			return err_set(e, -ETIMEDOUT, "its device state is not loaded after %d s",
				       timeout_ms / MSEC_PER_SEC);
		task_sleep(LOAD_LOOK_MS);
	}
	if (r < 0 && g->gone)
		guestfiles_last_words(g, g->log_start, e);
	return r < 0 ? r : 0;
}

int guest_load(struct guest *g, int timeout_ms, struct err *e)
{
	_cleanup_free_ char *number = xasprintf("fd:%d", GUEST_FD_INCOMING);
	int64_t deadline;
	int r = migrate(g, "migrate-incoming", g->cpr_reboot ? STATE_FILE : number, timeout_ms, e);

	if (!r)
		return 0;
	/* It says so as an event, then prints why, and ends. */
	deadline = now_ms() + LAST_WORDS_MS;
	while (g->pidfd >= 0 && !g->gone && now_ms() < deadline)
		wakeup_wait(&g->event, LAST_WORDS_MS);
	if (g->gone)
		guestfiles_last_words(g, g->log_start, e);
	return r;
}

int guest_cont(struct guest *g, int timeout_ms, struct err *e)
{
	return qmp_call(g->qmp, "cont", NULL, -1, timeout_ms, NULL, e);
}
