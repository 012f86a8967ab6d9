// SPDX-License-Identifier: GPL-2.0-or-later
/* A guest's QEMU: started, watched, talked to, ended. */

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "charargs.h"
#include "execgate.h"
#include "guestfiles.h"
#include "log.h"
#include "memfd.h"
#include "spawn.h"
#include "tapshare.h"
#include "unixsock.h"

#define RECONNECT_MS 200

static void (*on_unplug)(struct guest *g, const char *id);

/* A QEMU that an agent talks to when nobody is just starting it. */
static bool is_up(const struct guest *g)
{
	return !g->gone && g->pidfd >= 0 && (g->state == GUEST_RUNNING || g->state == GUEST_PAUSED);
}

/* What a migration came to while nobody listened. */
static void catch_up(struct guest *g)
{
	_cleanup_json_ json *info = NULL;
	const char *s;

	if (g->migration != MIGRATION_ACTIVE ||
	    qmp_call(g->qmp, "query-migrate", NULL, -1, GUEST_QMP_TIMEOUT_MS, &info, NULL) < 0)
		return;
	s = json_str(info, "status");
	if (s && strcmp(s, "completed") == 0)
		g->migration = MIGRATION_COMPLETED;
	else if (!s || strcmp(s, "failed") == 0 || strcmp(s, "cancelled") == 0)
		g->migration = MIGRATION_FAILED; /* or it never began */
	wakeup_fire(&g->event);
}

/* Whoever needs the monitor meanwhile fails; but a guest that stands for an update must be let run. */
static void reconnect(void *arg)
{
	struct guest *g = arg;
	struct err e = { "" };
	unsigned int failed = 0;

	/* Mostly QEMU is just ending, which its pidfd says in a moment. */
	task_sleep(RECONNECT_MS);
	while (is_up(g) && !g->qmp) {
		/* At that path there may be the one that takes its place, and whose only client this would be. */
		if (g->gone_expected) {
			task_sleep(RECONNECT_MS);
			continue;
		}
		if (guest_connect(g, &e) == 0) {
			log_warn("%s: its QEMU's monitor was lost: connected again", g->name);
			catch_up(g);
			break;
		}
		if (++failed == 2 && !g->gone && !g->gone_expected)
			log_error("%s: its QEMU's monitor was lost: %s", g->name, e.text);
		task_sleep(MSEC_PER_SEC);
	}
	if (g->gone && g->qmp) { /* it ended while its answer was on the way */
		qmp_close(g->qmp);
		g->qmp = NULL;
	}
	guest_release(g);
}

void guest_on_unplug(void (*fn)(struct guest *g, const char *id))
{
	on_unplug = fn;
}

static void on_event(void *user, const char *event, json *data)
{
	struct guest *g = user;

	if (!event) {
		wakeup_fire(&g->event);
		if (is_up(g) && g->qmp) {
			qmp_close(g->qmp);
			g->qmp = NULL;
			if (g->x.replacing)
				return;
			task_start(reconnect, guest_hold(g));
		}
		return;
	}
	log_debug("%s: %s", g->name, event);
	if (strcmp(event, "MIGRATION") == 0) {
		const char *s = json_str(data, "status");

		if (s && strcmp(s, "completed") == 0)
			g->migration = MIGRATION_COMPLETED;
		else if (s && (strcmp(s, "failed") == 0 || strcmp(s, "cancelled") == 0))
			g->migration = MIGRATION_FAILED;
		wakeup_fire(&g->event);
	} else if (strcmp(event, "STOP") == 0) {
		if (g->state == GUEST_RUNNING && !g->x.stopped)
			g->state = GUEST_PAUSED;
	} else if (strcmp(event, "RESUME") == 0) {
		if (g->state == GUEST_PAUSED)
			g->state = GUEST_RUNNING;
	} else if (strcmp(event, "DEVICE_DELETED") == 0) {
		g->changes++; /* at once: a commit may be about to begin */
		/* Without a name: part of another, or one that no command line can name. */
		if (on_unplug && json_str(data, "device"))
			on_unplug(g, json_str(data, "device"));
	}
}

/* Waits for the end of a guest's QEMU; one such task a process. */
static void watch(void *arg)
{
	struct guest *g = arg;
	siginfo_t si = { 0 };

	while (task_poll(g->pidfd, POLLIN, -1) < 0)
		;
	/* ECHILD for one that an earlier agent has started: its status goes to init. */
	if (waitid(P_PIDFD, (id_t)g->pidfd, &si, WEXITED) == 0 && !g->gone_expected)
		log_warn("%s: its QEMU ended (%s %d)", g->name,
			 si.si_code == CLD_EXITED ? "status" : "signal", si.si_status);
	else if (!g->gone_expected)
		log_warn("%s: its QEMU ended", g->name);
	g->gone = true;
	qmp_close(g->qmp);
	g->qmp = NULL;
	fd_close(&g->pidfd);
	wakeup_fire(&g->event);
	/* A guest that is being started or brought back belongs to the task that does so. */
	if (g->state != GUEST_STARTING && g->state != GUEST_KEPT && !g->restarting) {
		log_info("%s: gone", g->name);
		guest_remove(g);
	}
	guest_release(g);
}

void guest_watch(struct guest *g)
{
	g->gone = false;
	g->gone_expected = false;
	task_start(watch, guest_hold(g));
}

void guest_kill(struct guest *g)
{
	guest_hold(g);
	g->gone_expected = true;
	if (!g->gone && g->pidfd >= 0)
		syscall(SYS_pidfd_send_signal, g->pidfd, SIGKILL, NULL, 0);
	while (!g->gone && g->pidfd >= 0)
		wakeup_wait(&g->event, -1);
	guest_release(g);
}

bool guest_is_qemu(pid_t pid, const struct guest *g)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/cmdline", pid);
	_cleanup_free_ char *text = NULL;

	return read_file(path, 1024UL * 1024, &text, NULL) == 0 && strcmp(text, g->argv.v[0]) == 0;
}

bool guest_find_qemu(struct guest *g)
{
	pid_t pid = memfd_holder(memfd_inode(g->ram.fd[0]));

	if (!pid)
		return false;
	g->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	/* Looked at only now: it may be killed, and the number must not have become another's. */
	if (g->pidfd < 0 || !guest_is_qemu(pid, g)) {
		fd_close(&g->pidfd);
		return false;
	}
	g->pid = pid;
	g->state = GUEST_STARTING;
	guest_watch(g);
	return true;
}

int guest_connect(struct guest *g, struct err *e)
{
	_cleanup_free_ char *path = guestfiles_qmp(g->name);

	return qmp_open(path, GUEST_QMP_TIMEOUT_MS, on_event, g, &g->qmp, e);
}

static int make_state_file(const struct guest *g, struct err *e)
{
	_cleanup_free_ char *name = xasprintf(GUEST_STATE_NAME "%s", g->name);
	int fd = memfd_create_plain(name, 0);

	return fd < 0 ? err_set(e, fd, "memory for its device state: %s", strerror(-fd)) : fd;
}

/* What it took along goes to the same numbers; ours, which are newer, come last. */
static void add_files(struct spawn *s, const struct exec_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		spawn_add_fd(s, files->v[i].fd, files->v[i].as);
	if (*files->variable)
		s->variable = files->variable;
}

/*
 * What a QEMU is started with besides its arguments and memory.
 *
 * @state:	The file for its device state when it is to replace itself.
 * @incoming:	Device state to be loaded, or negative.
 * @files:	What it had before it replaced itself, or NULL.
 * @program:	What to execute, if not argv[0].
 * @first:	It goes before all else on the processor (priority.h).
 */
struct outfit {
	const struct tap_share *taps;
	int state;
	int incoming;
	const struct exec_files *files;
	const char *program;
	bool first;
};

static int launch(struct guest *g, const struct strv *argv, const struct outfit *o, struct err *e)
{
	_cleanup_close_ int sock = -EBADF, log = -EBADF;
	_cleanup_free_ char *qmp_path = NULL;
	struct spawn s = {
		.program = o->program, .user = g->user, .cwd = g->cwd, .first = o->first
	};
	struct err why;
	int r;

	r = guestfiles_make(g, &log, &g->log_start, e);
	if (r < 0)
		return r;
	qmp_path = guestfiles_qmp(g->name);
	sock = unixsock_listen(qmp_path, 0600);
	if (sock < 0)
		return err_set(e, sock, "socket %s: %s", qmp_path, strerror(-sock));
	s.argv = (const char *const *)argv->v;
	s.log_fd = log;
	if (o->files)
		add_files(&s, o->files);
	spawn_add_fd(&s, sock, GUEST_FD_QMP);
	spawn_add_fd(&s, o->state, GUEST_FD_STATE);
	if (o->incoming >= 0)
		spawn_add_fd(&s, o->incoming, GUEST_FD_INCOMING);
	for (size_t i = 0; i < g->ram.size.n; i++)
		spawn_add_fd(&s, g->ram.fd[i], GUEST_FD_RAM + (int)i);
	for (size_t i = 0; o->taps && i < o->taps->n; i++)
		spawn_add_fd(&s, o->taps->v[i].fd, o->taps->v[i].as);
	g->state = GUEST_STARTING;
	g->migration = MIGRATION_NONE;
	r = spawn(&s, &g->pid, &g->pidfd, e);
	if (r < 0)
		return r;
	guest_watch(g);
	/* From here only QEMU holds the listening end: when it dies, connecting fails instead of hanging. */
	fd_close(&sock);
	r = guest_connect(g, &why);
	if (r < 0) {
		guest_kill(g);
		guestfiles_last_words(g, g->log_start, &why);
		return err_set(e, r, "%s", why.text);
	}
	if (g->gone) { /* it ended while its answer was on the way */
		qmp_close(g->qmp);
		g->qmp = NULL;
		return err_set(e, -ECONNRESET, "QEMU ended");
	}
	return 0;
}

int guest_launch(struct guest *g, struct err *e)
{
	_cleanup_close_ int state = make_state_file(g, e);
	struct outfit o = { .state = state, .incoming = -EBADF };

	return state < 0 ? state : launch(g, &g->argv, &o, e);
}

int guest_launch_incoming(struct guest *g, const struct tap_share *taps, bool first, struct err *e)
{
	_cleanup_strv_ struct strv argv = { 0 };
	_cleanup_close_ int state = make_state_file(g, e), incoming = -EBADF;
	struct outfit o = { .taps = taps, .state = state, .first = first };

	if (state < 0)
		return state;
	charargs_again(&g->argv, &argv);
	if (taps)
		tapshare_args(taps, &argv);
	incoming = o.incoming = guest_incoming_state(g, &argv, e);
	if (incoming < 0)
		return incoming;
	strv_add(&argv, "-incoming");
	strv_add(&argv, "defer");
	return launch(g, &argv, &o, e);
}

void guest_argv_after(const struct guest *g, const struct tap_share *taps, struct strv *ret)
{
	charargs_again(&g->argv, ret);
	if (taps)
		tapshare_args(taps, ret);
	strv_add(ret, "-incoming");
	strv_addf(ret, "file:/proc/self/fd/%d", GUEST_FD_STATE);
}

int guest_launch_after(struct guest *g, const char *program, const struct exec_files *files,
		       const struct tap_share *taps, struct err *e)
{
	_cleanup_strv_ struct strv argv = { 0 };
	struct outfit o = { .taps = taps,
			    .state = g->x.state,
			    .incoming = -EBADF,
			    .files = files,
			    .program = program };

	guest_argv_after(g, taps, &argv);
	return launch(g, &argv, &o, e);
}

int guest_query_status(struct guest *g, char status[GUEST_STATUS_MAX], struct err *e)
{
	_cleanup_json_ json *st = NULL;
	int r = qmp_call(g->qmp, "query-status", NULL, -1, GUEST_QMP_TIMEOUT_MS, &st, e);
	const char *word;

	if (r < 0)
		return r;
	word = json_str(st, "status");
	snprintf(status, GUEST_STATUS_MAX, "%s", word ? word : "unknown");
	return json_flag(st, "running");
}

int guest_query_running(struct guest *g, struct err *e)
{
	char status[GUEST_STATUS_MAX];

	return guest_query_status(g, status, e);
}

int guest_stop(struct guest *g, bool now, int timeout_ms, struct err *e)
{
	int64_t deadline = now_ms() + timeout_ms;
	int r;

	if (g->state == GUEST_KEPT)
		return err_set(e, -EBUSY,
			       "%s does not run: its memory is kept (see `vmkeep finish --retry`)",
			       g->name);
	if (g->restarting)
		return err_set(e, -EBUSY, "%s is just being restarted: wait for it", g->name);
	guest_hold(g);
	g->gone_expected = true;
	r = qmp_call(g->qmp, now ? "quit" : "system_powerdown", NULL, -1, GUEST_QMP_TIMEOUT_MS,
		     NULL, e);
	if (r == -ECONNRESET)
		r = 0; /* it went before it answered */
	while (!r && !g->gone) {
		int64_t left = deadline - now_ms();

		if (left <= 0) {
			g->gone_expected = false;
			r = err_set(e, -ETIMEDOUT,
				    "%s has not shut down after %d s: it runs on (--now ends it)",
				    g->name, timeout_ms / MSEC_PER_SEC);
			break;
		}
		wakeup_wait(&g->event, (int)left);
	}
	guest_release(g);
	return r;
}
