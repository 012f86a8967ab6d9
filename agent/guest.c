// SPDX-License-Identifier: GPL-2.0-or-later

#include "guest.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "charargs.h"
#include "clock.h"
#include "guestfiles.h"
#include "guestimages.h"
#include "guestparts.h"
#include "log.h"
#include "memfd.h"
#include "spawn.h"
#include "tapshare.h"
#include "turns.h"
#include "unixsock.h"

#define RECONNECT_MS 200
#define LOG_LOOK_MS 5000

static struct guest *guests;
static void (*on_unplug)(struct guest *g, const char *id);

/* A guest may have its QEMU complain as often as it likes, of a device that it drives wrongly. */
void guest_bound_logs(void *unused)
{
	(void)unused;
	for (;;) {
		for (struct guest *g = guests; g; g = g->next)
			guestfiles_bound_log(g);
		task_sleep(LOG_LOOK_MS);
	}
}

struct guest *guest_first(void)
{
	return guests;
}

struct guest *guest_find(const char *name)
{
	for (struct guest *g = guests; g; g = g->next)
		if (strcmp(g->name, name) == 0)
			return g;
	return NULL;
}

const char *guest_state_name(const struct guest *g)
{
	static const char *const names[] = {
		[GUEST_STARTING] = "starting", [GUEST_RUNNING] = "running",
		[GUEST_PAUSED] = "paused",     [GUEST_SAVED] = "saved",
		[GUEST_KEPT] = "kept",
	};

	return names[g->state];
}

struct guest *guest_hold(struct guest *g)
{
	g->users++;
	return g;
}

void guest_release(struct guest *g)
{
	if (--g->users)
		return;
	free(g->user);
	free(g->cwd);
	free(g->machine);
	free(g->qemu_version);
	strv_free(&g->user_argv);
	strv_free(&g->argv);
	json_object_put(g->net);
	json_object_put(g->places);
	json_object_put(g->parts);
	json_object_put(g->restart);
	json_object_put(g->x.clock);
	guestram_close(&g->ram);
	fd_close(&g->pidfd);
	fd_close(&g->x.session);
	fd_close(&g->x.record);
	fd_close(&g->x.state);
	free(g);
}

struct guest_set guest_set_all(void)
{
	struct guest_set set = { 0 };

	for (struct guest *g = guests; g; g = g->next)
		set.n++;
	set.v = xmalloc0((set.n + 1) * sizeof(struct guest *));
	set.n = 0;
	for (struct guest *g = guests; g; g = g->next)
		set.v[set.n++] = guest_hold(g);
	return set;
}

void guest_set_release(struct guest_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		guest_release(set->v[i]);
	free(set->v);
	*set = (struct guest_set){ 0 };
}

static struct guest *guest_alloc(const char *name, const char *uuid)
{
	struct guest *g = xmalloc0(sizeof(*g));

	snprintf(g->name, sizeof(g->name), "%s", name);
	snprintf(g->uuid, sizeof(g->uuid), "%s", uuid);
	guestram_init(&g->ram);
	g->pidfd = g->x.session = g->x.record = g->x.state = -EBADF;
	g->users = 1;
	return g;
}

static void enlist(struct guest *g)
{
	struct guest **at = &guests;

	while (*at)
		at = &(*at)->next;
	*at = g;
}

static struct guest *guest_new(const char *name, const char *uuid)
{
	struct guest *g = guest_alloc(name, uuid);

	enlist(g);
	return g;
}

struct guest *guest_placeholder(const char *name, const char *uuid)
{
	return guest_new(name, uuid);
}

static void delist(struct guest *g)
{
	for (struct guest **at = &guests; *at; at = &(*at)->next) {
		if (*at == g) {
			*at = g->next;
			break;
		}
	}
}

void guest_remove(struct guest *g)
{
	delist(g);
	guestfiles_remove(g);
	/* Now, not with the last user's release: an update that holds it must not hold its memory too. */
	fd_close(&g->x.session);
	fd_close(&g->x.record);
	fd_close(&g->x.state);
	guestram_close(&g->ram);
	guest_release(g);
}

json *guest_to_json(const struct guest *g)
{
	json *j = json_object_new_object();

	json_set_str(j, "name", g->name);
	json_set_str(j, "uuid", g->uuid);
	json_set_str(j, "user", g->user);
	json_set_str(j, "cwd", g->cwd);
	json_set_strv(j, "user_argv", &g->user_argv);
	json_set_strv(j, "argv", &g->argv);
	json_set_str(j, "machine", g->machine);
	json_set_str(j, "qemu_version", g->qemu_version);
	json_set_str(j, "ram_path", ram_path_name(g->ram_path));
	json_set_bool(j, "cpr_reboot", g->cpr_reboot);
	json_set_int(j, "memory", (int64_t)ram_total(&g->ram.size));
	json_object_object_add(j, "ram", guestram_to_json(&g->ram));
	json_set_int(j, "started_ms", g->started_ms);
	json_set_int(j, "priority", g->priority);
	if (g->net)
		json_object_object_add(j, "net", json_object_get(g->net));
	if (g->places)
		json_object_object_add(j, "places", json_object_get(g->places));
	return j;
}

int guest_priority(json *j)
{
	int64_t priority = json_int(j, "priority", 0);

	return priority < PRIORITY_MIN || priority > PRIORITY_MAX ? 0 : (int)priority;
}

/* As guest_from_json(), but not in the list. */
static int read_guest(json *j, struct guest **ret, struct err *e)
{
	const char *name = json_str(j, "name"), *uuid = json_str(j, "uuid"),
		   *path = json_str(j, "ram_path");
	_cleanup_strv_ struct strv argv = { 0 }, user_argv = { 0 };
	struct guest_ram ram;
	struct guest *g;
	json *net = NULL;

	if (!name || !guest_name_valid(name) || !uuid_valid(uuid))
		return err_set(e, -EBADMSG, "has no valid name and uuid");
	if (json_get_strv(j, "argv", &argv) < 0 || json_get_strv(j, "user_argv", &user_argv) < 0 ||
	    !argv.n || argv.v[0][0] != '/') /* or what lies in its directory would be executed */
		return err_set(e, -EBADMSG, "has no command line with a program's full path");
	guestram_init(&ram);
	if (guestram_from_json(&ram, json_get(j, "ram", json_type_array)) < 0)
		return err_set(e, -EBADMSG, "has no sizes of its memory");
	if (!path || (strcmp(path, "fdset") != 0 && strcmp(path, "procfd") != 0))
		return err_set(e, -EBADMSG, "does not say how QEMU got its memory");
	g = guest_alloc(name, uuid);
	g->user = xstrdup(json_str(j, "user"));
	g->cwd = xstrdup(json_str(j, "cwd"));
	g->machine = xstrdup(json_str(j, "machine"));
	g->qemu_version = xstrdup(json_str(j, "qemu_version"));
	g->cpr_reboot = json_flag(j, "cpr_reboot");
	g->ram = ram;
	g->started_ms = json_int(j, "started_ms", 0);
	g->priority = guest_priority(j);
	/* Not there in a record of an older vmkeep; whether it makes sense, net_rebuild() finds out. */
	json_object_object_get_ex(j, "net", &net);
	g->net = json_object_get(net);
	g->places = json_object_get(json_get(j, "places", json_type_array));
	g->ram_path = strcmp(path, "fdset") == 0 ? RAM_PATH_FDSET : RAM_PATH_PROCFD;
	g->argv = argv;
	argv = (struct strv){ 0 };
	g->user_argv = user_argv;
	user_argv = (struct strv){ 0 };
	*ret = g;
	return 0;
}

int guest_from_json(json *j, struct guest **ret, struct err *e)
{
	struct guest *g = NULL;
	int r = read_guest(j, &g, e);

	if (r < 0 || !g)
		return r;
	if (guest_find(g->name)) {
		r = err_set(e, -EEXIST, "the name %s is taken", g->name);
		guest_release(g);
		return r;
	}
	enlist(g);
	*ret = g;
	return 0;
}

int guest_make_heir(const struct guest *g, struct guest **ret, struct err *e)
{
	_cleanup_json_ json *j = guest_to_json(g);
	struct guest *heir = NULL;
	int r = read_guest(j, &heir, e);

	if (r < 0 || !heir)
		return r;
	for (size_t i = 0; i < g->ram.size.n; i++) {
		heir->ram.fd[i] = fcntl(g->ram.fd[i], F_DUPFD_CLOEXEC, 0);
		if (heir->ram.fd[i] < 0) {
			r = err_set(e, -errno, "its memory: %s", strerror(errno));
			guest_release(heir);
			return r;
		}
	}
	*ret = heir;
	return 0;
}

void guest_replace(struct guest *g, struct guest *heir)
{
	struct guest **at = &guests;

	while (*at && *at != g)
		at = &(*at)->next;
	heir->next = *at ? g->next : NULL;
	*at = heir;
	g->next = NULL;
}

int guest_describe_net(const struct guest *g, json **ret, json *findings, struct err *e)
{
	return net_describe(&g->argv, g->pid, g->name, ret, findings, e);
}

void guest_note_parts(struct guest *g)
{
	struct err e;

	json_object_put(g->parts);
	g->parts = NULL;
	if (guestparts_ask(g->qmp, &g->parts, &e) < 0)
		log_warn("%s: a check will not know what is plugged in later: %s", g->name, e.text);
}

int guest_remember(struct guest *g)
{
	json *j = guest_to_json(g);
	int r;

	json_set_str(j, "boot_id", boot_id());
	json_set_int(j, "pid", g->pid);
	json_set_int(j, "pid_start", (int64_t)process_start_time(g->pid));
	json_object_object_add(j, "ram_inodes", guestram_inodes(&g->ram));
	/* A restarted agent lets run what only we had stopped, and leaves alone what its user had. */
	json_set_bool(j, "committing", g->x.committing);
	if (g->restart)
		json_object_object_add(j, "restart", json_object_get(g->restart));
	/* Not in the record: it is true of this process only. */
	if (g->parts)
		json_object_object_add(j, "parts", json_object_get(g->parts));
	r = guestfiles_save(g, j);
	json_object_put(j);
	return r;
}

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

static void start_watching(struct guest *g)
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

/* Somebody's debugger may hold the memory too. */
static bool is_qemu_of(pid_t pid, const struct guest *g)
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
	if (g->pidfd < 0 || !is_qemu_of(pid, g)) {
		fd_close(&g->pidfd);
		return false;
	}
	g->pid = pid;
	g->state = GUEST_STARTING;
	start_watching(g);
	return true;
}

int guest_connect(struct guest *g, struct err *e)
{
	_cleanup_free_ char *path = guestfiles_qmp(g);

	return qmp_open(path, GUEST_QMP_TIMEOUT_MS, on_event, g, &g->qmp, e);
}

int guest_launch(struct guest *g, bool incoming, const struct tap_share *taps, struct err *e)
{
	_cleanup_close_ int sock = -EBADF, log = -EBADF;
	_cleanup_free_ char *qmp_path = NULL;
	_cleanup_strv_ struct strv argv = { 0 };
	struct spawn s = { .user = g->user, .cwd = g->cwd };
	struct err why;
	int r;

	r = guestfiles_make(g, &log, &g->log_start, e);
	if (r < 0)
		return r;
	qmp_path = guestfiles_qmp(g);
	sock = unixsock_listen(qmp_path, 0600);
	if (sock < 0)
		return err_set(e, sock, "socket %s: %s", qmp_path, strerror(-sock));
	if (!incoming) {
		for (size_t i = 0; i < g->argv.n; i++)
			strv_add(&argv, g->argv.v[i]);
	} else {
		charargs_again(&g->argv, &argv);
		if (taps)
			tapshare_args(taps, GUEST_FD_TAP, &argv);
		strv_add(&argv, "-incoming");
		strv_add(&argv, "defer");
	}
	s.argv = (const char *const *)argv.v;
	s.log_fd = log;
	spawn_add_fd(&s, sock, GUEST_FD_QMP);
	for (size_t i = 0; i < g->ram.size.n; i++)
		spawn_add_fd(&s, g->ram.fd[i], GUEST_FD_RAM + (int)i);
	for (size_t i = 0; taps && i < taps->n; i++)
		spawn_add_fd(&s, taps->v[i].fd, GUEST_FD_TAP + (int)i);
	g->state = GUEST_STARTING;
	g->migration = MIGRATION_NONE;
	r = spawn(&s, &g->pid, &g->pidfd, e);
	if (r < 0)
		return r;
	start_watching(g);
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

static int guest_start(struct guest *g, struct err *e)
{
	bool running;
	int r = guestram_create(&g->ram, g->name, e);

	if (!r)
		r = guest_launch(g, false, NULL, e);
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

/* --- found again --- */

static int recover_one(json *j, struct guest **ret, struct err *e)
{
	pid_t pid = (pid_t)json_int(j, "pid", 0);
	struct guest *g = NULL;
	int r;

	if (!json_str(j, "boot_id") || strcmp(json_str(j, "boot_id"), boot_id()) != 0)
		return err_set(e, -ESRCH, "it is from an earlier boot");
	if (pid <= 0 || process_start_time(pid) != (uint64_t)json_int(j, "pid_start", -1))
		return err_set(e, -ESRCH, "its QEMU ended while no agent ran");
	r = guest_from_json(j, &g, e);
	if (r < 0 || !g)
		return r;
	*ret = g;
	g->parts = json_object_get(json_get(j, "parts", json_type_object));
	g->pid = pid;
	g->state = GUEST_STARTING;
	g->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (g->pidfd < 0)
		return err_set(e, -ESRCH, "its QEMU ended while no agent ran");
	start_watching(g);
	if (guestram_find(&g->ram, pid, json_get(j, "ram_inodes", json_type_array)) < 0 ||
	    guestram_check(&g->ram, e) < 0)
		return err_set(e, -ESTALE,
			       "its QEMU (pid %d) does not hold the memory it was started with",
			       pid);
	r = guest_connect(g, e);
	if (r < 0)
		return r;
	r = guest_query_running(g, e);
	if (r < 0)
		return r;
	g->state = r ? GUEST_RUNNING : GUEST_PAUSED;
	if (json_flag(j, "committing"))
		guest_disarm(g);
	if (!g->parts) {
		/* The agent that brought it back died before it had settled that. */
		g->x.state_in_qemu = true;
		guest_take_state(g);
		guest_disarm(g);
		guest_note_parts(g);
	}
	if (!r && json_flag(j, "committing")) {
		/* The agent that stopped it for an update died before the jump. */
		if (guest_cont(g, GUEST_QMP_TIMEOUT_MS, e) < 0) {
			log_error(
				"%s: was stopped for an update whose agent died, and does not run: %s",
				g->name, e->text);
		} else {
			g->state = GUEST_RUNNING;
			log_warn("%s: was stopped for an update whose agent died: runs again",
				 g->name);
		}
	}
	return 0;
}

void guest_recover(void)
{
	_cleanup_strv_ struct strv names = { 0 };

	guestfiles_list(&names);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_json_ json *j = NULL;
		struct guest *g = NULL;
		struct err e = { "its state file cannot be read" };
		int r;

		if (guest_find(names.v[i])) /* just came over a jump */
			continue;
		j = guestfiles_load(names.v[i]);
		r = j ? recover_one(j, &g, &e) : -EBADMSG;
		if (r == 0 && g) {
			log_info("%s: found again, pid %d", g->name, g->pid);
			guest_remember(g);
			continue;
		}
		log_error("%s: not taken over: %s", names.v[i], e.text);
		if (r == -ESRCH)
			guestfiles_forget(names.v[i]);
		/* Otherwise its QEMU runs: left alone, with its files, for its user to look after. */
		if (g && g->gone) {
			guest_remove(g);
		} else if (g) {
			g->gone_expected = true;
			for (struct guest **at = &guests; *at; at = &(*at)->next) {
				if (*at == g) {
					*at = g->next;
					break;
				}
			}
		}
	}
}
