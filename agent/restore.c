// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 * -------------------
 * The index session names the guests. All their sessions are taken first, as the
 * device is only for one at a time, then each guest goes its own way as a task:
 * everything it has in its session is retrieved before anything is checked or
 * started, because what is not retrieved is freed with the session, and because
 * a guest that cannot be started must still have its memory held here.
 *
 * A session is finished only when its guest runs (or stands, if it stood before). Until
 * then the holder has it as well (holder.c): should this agent be killed, the next one
 * takes the same sessions, and finds out how far each guest had come. Its memory tells
 * whether there is a QEMU on it; its record, whether a vCPU may have run. One that
 * may have run is never started again from its saved state.
 *
 * Guests of one priority come back side by side, as many as there are processors; those of a lower one begin when they are
 * back or kept, but do not wait longer than HEAD_START_MS in all. Whoever the index names is written
 * down first (bootmark.h): it is never started anew at boot, whatever becomes of it here.
 *
 * Before the host's own init, an early agent does all this for guests that need nothing but the root file system (early.h),
 * and ends. The next agent finds the others as if this one had been killed: with the holder, or still
 * in the kernel's hands.
 */

#include "restore.h"

#include <stdio.h>
#include <sys/resource.h>

#include "bootmark.h"
#include "clock.h"
#include "early.h"
#include "guestagent.h"
#include "guestplaces.h"
#include "holder.h"
#include "log.h"
#include "luo.h"
#include "memfd.h"
#include "priority.h"
#include "readahead.h"
#include "report.h"
#include "slots.h"
#include "turns.h"

#define DEVICE_WAIT_MS 10000
#define LOAD_TIMEOUT_MS 120000
/* Long enough for a host's network set-up that begins when we do; guests who need none of it do not wait. */
#define NETWORK_WAIT_MS 15000
/* For guest agents that are slow to answer: alone, and when guests wait for the next agent. */
#define CLOCKS_WAIT_MS 15000
#define OTHERS_WAIT_MS 1000
/* How long guests of lower priority are held back, all in all: their blackout goes on meanwhile. */
#define HEAD_START_MS 5000
/* Long enough for a service beside ours that a QEMU connects to. */
#define PLACES_WAIT_MS 15000

/*
 * So many QEMUs start and load at a time: one alone leaves a processor idle for moments, and with many all come up as
 * late as the last.
 */
#define STARTS_PER_PROCESSOR 2
/* When no QEMU has come up for so long, the others wait no more: those that start may hang. */
#define START_PATIENCE_MS 3000

/* One guest on its way back, before and while it is a struct guest. */
struct arrival {
	char name[GUEST_NAME_MAX + 1];
	char uuid[37];
	int priority;
	int session;
	bool again; /* an earlier agent had it */
	bool left;  /* to the next agent */
	int record;
	int state;
	struct guest_ram
		ram; /* all that is there: the record, which may be damaged, is not asked how much */
};

static bool busy;
static bool complete;
static bool is_early;
/* Before the agent went first: priority.h. */
static int own_nice;
/* The host's wall clock, which is then not for guests until the host's init has set it. */
static bool clock_is_wrong;
/* Guests whose wall clocks are being set. */
static struct task_group clocks;
/* The index stays with us as long as a guest of it is not back: a next agent needs it. */
static int index_session = -EBADF;
static bool index_is_needed;
static struct slots starts;

bool restore_busy(void)
{
	return busy;
}

bool restore_complete(void)
{
	return complete;
}

static int record_thread(void *arg)
{
	struct arrival *a = arg;

	a->record = luo_retrieve(a->session, HANDOVER_TOKEN_RECORD);
	return 0;
}

static int rest_thread(void *arg)
{
	struct arrival *a = arg;

	a->state = luo_retrieve(a->session, HANDOVER_TOKEN_STATE);
	guestram_retrieve(&a->ram, a->session);
	return 0;
}

static void retrieve_rest(void *arg)
{
	task_blocking(rest_thread, arg);
}

static int check_state(const struct guest *g, struct err *e)
{
	off_t size = lseek(g->x.state, 0, SEEK_END);
	uint64_t crc;
	int r;

	if (g->x.late.complete != 1)
		return err_set(e, -EBADMSG, "its record was not finished before the jump");
	if (size < 0 || (uint64_t)size != g->x.late.state_bytes)
		return err_set(e, -EBADMSG, "its device state has %lld bytes instead of %llu",
			       (long long)size, (unsigned long long)g->x.late.state_bytes);
	r = handover_checksum(g->x.state, g->x.late.state_bytes, &crc);
	if (r < 0)
		return err_set(e, r, "its device state cannot be read: %s", strerror(-r));
	if (crc != g->x.late.state_crc)
		return err_set(e, -EBADMSG, "its device state is damaged: wrong checksum");
	return 0;
}

/* From here on it is its user's too, who may let run what we leave paused. */
static int let_run(struct guest *g, struct err *e)
{
	/* Written down first: once a vCPU has run, memory is ahead of the state that we hold. */
	int r = handover_mark_run(g->x.record, true);

	if (r < 0)
		return err_set(e, r, "its record cannot be written: %s", strerror(-r));
	g->x.may_have_run = true;
	if (!g->x.late.running)
		return 0;
	r = guest_cont(g, -1, e);
	if (r == -EREMOTEIO) { /* QEMU said no: nothing ran */
		g->x.may_have_run = false;
		handover_mark_run(g->x.record, false);
	}
	return r;
}

/* Beside all else: nobody waits for a guest agent. */
static void set_clock(void *arg)
{
	struct guest *g = arg;

	guestagent_keep_time(g);
	if (g->x.clock)
		report_clock(g);
	guest_release(g);
}

static void no_longer_first(const struct guest *g)
{
	int r = priority_ordinary_all(g->pid, g->x.nice);

	/* One that has ended meanwhile is told of by others. */
	if (r < 0 && r != -ESRCH && r != -ENOENT)
		log_warn("%s: its QEMU goes on before others on the processor: %s", g->name,
			 strerror(-r));
}

static void is_back(struct guest *g)
{
	g->x.tsc_resumed = clock_tsc();
	/* Not sooner: until its first instruction, those that start would be before it. */
	no_longer_first(g);
	g->state = g->x.late.running ? GUEST_RUNNING : GUEST_PAUSED;
	g->from_update = true;
	if (g->x.late.running && !(is_early && clock_is_wrong))
		task_group_start(&clocks, set_clock, guest_hold(g));
	/* At once: an agent that dies now must find it again, not start it a second time. */
	guest_remember(g);
}

/*
 * An error is for what QEMU cannot start without. Anything else can be mended while the guest
 * runs, and so can what a record that makes no sense leaves undone: QEMU will say if it misses it.
 */
static int rebuild_network(struct guest *g, enum net_when when, struct err *e)
{
	_cleanup_strv_ struct strv remarks = { 0 };
	int r = g->net ? net_rebuild(g->net, when, NETWORK_WAIT_MS, &remarks, e) : 0;

	for (size_t i = 0; i < remarks.n; i++)
		log_warn("%s: network: %s", g->name, remarks.v[i]);
	if (r == -EBADMSG || (r < 0 && when == NET_AFTER_QEMU)) {
		log_error("%s: network: not made: %s", g->name, e->text);
		return 0;
	}
	return r;
}

/* What is missing, QEMU may do without; it says so itself if not. */
static void make_places(struct guest *g)
{
	_cleanup_strv_ struct strv remarks = { 0 };
	struct err e;

	guestplaces_make(g->places, &remarks);
	for (size_t i = 0; i < remarks.n; i++)
		log_warn("%s: %s", g->name, remarks.v[i]);
	if (guestplaces_wait(&g->argv, g->cwd, PLACES_WAIT_MS, &e) < 0)
		log_warn("%s: %s", g->name, e.text);
}

static int start_and_load(struct guest *g, struct err *e)
{
	int r;

	slots_take(&starts, START_PATIENCE_MS);
	r = guest_launch_incoming(g, NULL, true, e);
	if (!r) {
		g->x.tsc_launched = clock_tsc();
		/* Its vCPUs' and others, which loading waits for; no guest runs in them yet. */
		(void)priority_first_all(g->pid);
		r = guest_arm(g, e);
		if (!r)
			r = guest_load(g, LOAD_TIMEOUT_MS, e);
		if (r < 0)
			guest_kill(g);
	}
	slots_leave(&starts);
	return r;
}

/* From a guest with memory and state in hand to one that runs. */
static int bring_back(struct guest *g, struct err *e)
{
	int r = guestram_check(&g->ram, e);

	if (!r)
		r = guestram_check_whole(&g->ram, e);
	if (!r)
		r = check_state(g, e);
	if (!r)
		r = rebuild_network(g, NET_BEFORE_QEMU, e);
	if (!r) {
		make_places(g);
		r = start_and_load(g, e);
	}
	if (r < 0)
		return r;
	/* At once: QEMU announces the guest to the bridge from now on, for a second or so. */
	r = rebuild_network(g, NET_AFTER_QEMU, e);
	if (!r) {
		g->x.tsc_loaded = clock_tsc();
		r = let_run(g, e);
	}
	if (!r && g->gone)
		r = err_set(e, -ECONNRESET, "QEMU ended");
	if (r < 0) {
		guest_kill(g);
		return r;
	}
	is_back(g);
	return 0;
}

/*
 * Go on where an agent stopped that was killed at it. A QEMU of its that no vCPU has
 * run in holds nothing of worth: it is ended, and another started. One that
 * may run a guest is the guest.
 */
static int take_over(struct guest *g, struct err *e)
{
	bool there = guest_find_qemu(g);
	int r;

	g->x.may_have_run = handover_has_run(g->x.record);
	if (!g->x.may_have_run) {
		if (there)
			guest_kill(g);
		return bring_back(g, e);
	}
	if (!there)
		return err_set(e, -ESRCH, "it ran after the jump, and its QEMU has ended since");
	no_longer_first(g);
	g->x.tsc_launched = g->x.tsc_loaded = clock_tsc();
	g->x.state_in_qemu = true;
	r = guest_connect(g, e);
	if (!r)
		r = guest_query_running(g, e);
	if (!r && g->x.late.running)
		r = guest_cont(g, -1, e);
	if (r < 0) {
		err_prefix(e, "its QEMU (pid %d) is there", g->pid);
		return r;
	}
	is_back(g);
	return 0;
}

static void session_name(char name[64], const char *uuid)
{
	snprintf(name, 64, HANDOVER_GUEST_SESSION, uuid);
}

/* Nothing of @uuid's session is needed any more. */
static void let_go(const char *uuid)
{
	char name[64];

	session_name(name, uuid);
	holder_release(name);
}

/* The index is done with when no guest of it is waited for. */
static void let_go_of_index(void)
{
	if (index_session < 0 || index_is_needed)
		return;
	for (struct guest *g = guest_first(); g; g = g->next)
		if (g->state == GUEST_KEPT)
			return;
	luo_finish(index_session);
	fd_close(&index_session);
	holder_release(HANDOVER_INDEX_SESSION);
}

/* After the blackout: back to ordinary settings, nothing held that is not needed. */
static void settle(struct guest *g)
{
	int r;

	guest_take_state(g);
	guest_disarm(g);
	if (g->x.session >= 0) {
		r = luo_finish(g->x.session);
		if (r < 0)
			log_warn("%s: session not finished: %s", g->name, strerror(-r));
	}
	fd_close(&g->x.session);
	fd_close(&g->x.record);
	fd_close(&g->x.state);
	guest_note_parts(g);
	guest_remember(g);
}

static void keep(struct guest *g, const struct err *e)
{
	g->state = GUEST_KEPT;
	g->gone = false; /* its QEMU is, it is not */
	snprintf(g->kept_reason, sizeof(g->kept_reason), "%s", e->text);
	log_error("%s: kept, not running: %s", g->name, e->text);
}

/* Nothing has run in it here: the next agent takes it from the holder. */
static void leave(struct arrival *a, struct guest *g, const struct err *e)
{
	log_info("%s: comes back when the host is up: %s", g->name, e->text);
	a->left = true;
	guest_remove(g);
}

/* No guest is lost for it. */
static int read_nice(json *payload)
{
	int64_t nice = json_int(payload, "nice", 0);

	return nice < PRIO_MIN || nice >= PRIO_MAX ? 0 : (int)nice;
}

static int make_guest(struct arrival *a, struct guest **ret, struct err *e)
{
	_cleanup_json_ json *payload = NULL;
	struct handover_late late;
	struct guest *g;
	int r;

	if (a->session < 0)
		return err_set(e, a->session, "its session did not come over: %s",
			       strerror(-a->session));
	if (a->record < 0)
		return err_set(e, a->record, "its record did not come over: %s",
			       strerror(-a->record));
	r = handover_read(a->record, &payload, &late, e);
	if (r < 0)
		return r;
	if (!json_str(payload, "uuid") || strcmp(json_str(payload, "uuid"), a->uuid) != 0)
		return err_set(e, -EBADMSG, "its record is another guest's");
	r = guest_from_json(payload, &g, e);
	if (r < 0) {
		err_prefix(e, "its record");
		return r;
	}
	g->x.late = late;
	g->x.nice = read_nice(payload);
	*ret = g;
	return 0;
}

/* The agent that finished its session was killed before it told the holder: it was back by then. */
static bool was_finished(const struct arrival *a)
{
	return a->again && a->record == -ENOENT && a->state == -ENOENT && a->ram.fd[0] == -ENOENT;
}

static void arrive(void *arg)
{
	struct arrival *a = arg;
	struct task_group rest = { 0 };
	struct guest *g = NULL;
	struct err e;
	int r;

	/* Memory takes its time, by the page; what the record asks for is looked at meanwhile. */
	if (a->session >= 0) {
		task_blocking(record_thread, a);
		task_group_start(&rest, retrieve_rest, a);
	}
	r = make_guest(a, &g, &e);
	if (g)
		guest_hold(g);
	if (!r && is_early)
		r = early_ready(g, &e);
	task_group_wait(&rest);
	if (was_finished(a)) {
		fd_close(&a->session);
		return; /* found again like any guest that runs */
	}
	if (!g)
		g = guest_hold(guest_new(a->name, a->uuid));
	g->x.tsc_retrieved = clock_tsc();
	g->x.session = take_fd(&a->session);
	g->x.record = take_fd(&a->record);
	g->x.state = take_fd(&a->state);
	guestram_take(&g->ram, &a->ram);
	if (!r)
		r = a->again ? take_over(g, &e) : bring_back(g, &e);
	if (r < 0 && is_early && !g->x.may_have_run)
		leave(a, g, &e);
	else if (r < 0)
		keep(g, &e);
	else
		log_info("%s: back, pid %d", g->name, g->pid);
	guest_release(g);
}

static int take_session(const char *name, bool *again)
{
	int64_t deadline = now_ms() + DEVICE_WAIT_MS;
	int session;

	/* PID 1 may be taking its own session out of the device just now. */
	while ((session = holder_take(name, again)) == -EBUSY && now_ms() < deadline)
		task_sleep(10);
	return session;
}

static int read_index(int session, json **ret, struct handover_late *late, struct err *e)
{
	_cleanup_close_ int fd = luo_retrieve(session, HANDOVER_TOKEN_RECORD);
	int r;

	if (fd < 0)
		return err_set(e, fd, "the index of guests did not come over: %s", strerror(-fd));
	r = handover_read(fd, ret, late, e);
	if (r < 0)
		err_prefix(e, "the index of guests");
	return r;
}

static void take_sessions(json *index, struct arrival **ret, size_t *ret_n)
{
	json *list = json_get(index, "guests", json_type_array);
	size_t listed = list ? json_object_array_length(list) : 0, n = 0;
	struct arrival *all = xmalloc0((listed + 1) * sizeof(*all));

	complete = list;
	for (size_t i = 0; i < listed; i++) {
		json *j = json_object_array_get_idx(list, i);
		const char *name = json_str(j, "name"), *uuid = json_str(j, "uuid");
		struct arrival *a = &all[n];
		char session[64];

		/* One that makes no sense must not cost the others. */
		if (!name || !guest_name_valid(name) || !uuid_valid(uuid)) {
			log_error("the index of guests: entry %zu makes no sense", i);
			complete = false;
			continue;
		}
		if (is_early && !json_flag(j, "early")) {
			index_is_needed = true;
			continue;
		}
		session_name(session, uuid);
		a->session = take_session(session, &a->again);
		if (a->session == -EALREADY) /* came back under an earlier agent */
			continue;
		n++;
		a->priority = guest_priority(j);
		a->record = a->state = -EBADF;
		guestram_init(&a->ram);
		snprintf(a->name, sizeof(a->name), "%s", name);
		snprintf(a->uuid, sizeof(a->uuid), "%s", uuid);
	}
	*ret = all;
	*ret_n = n;
}

/* None of these is for start.c. It does with what is in memory, too; that is logged. */
static void note_names(json *index)
{
	json *list = json_get(index, "guests", json_type_array);
	_cleanup_strv_ struct strv names = { 0 };

	for (size_t i = 0; list && i < json_object_array_length(list); i++) {
		const char *name = json_str(json_object_array_get_idx(list, i), "name");

		if (name && guest_name_valid(name))
			strv_add(&names, name);
	}
	bootmark_add(&names);
}

/* Before guests run, who may look at it. */
static void carry_clock(const struct handover_late *late)
{
	int64_t by;
	int r = clock_carry_realtime(late->realtime_ns, late->tsc_jump, late->tsc_hz, &by);

	clock_is_wrong = r < 0;
	if (r < 0)
		log_warn(
			"the wall clock is left as the clock chip has it, %.3f s behind what it was before the jump: %s",
			(double)by / NSEC_PER_SEC,
			r == -ERANGE ? "more than the chip's grain" : strerror(-r));
	else
		log_info("the wall clock was set forward by %.3f s", (double)by / NSEC_PER_SEC);
}

/* Guests that are back have the processor when no other stands. */
static void go_first(void)
{
	int r;

	own_nice = priority_nice(0);
	r = priority_first();
	if (r < 0)
		log_info(
			"guests that are back are not kept from the processor while others start: %s",
			strerror(-r));
}

static int restore(struct err *e)
{
	_cleanup_free_ struct arrival *all = NULL;
	_cleanup_json_ json *index = NULL;
	_cleanup_free_ struct turn *turns = NULL;
	_cleanup_close_ int session = -EBADF;
	struct handover_late late = { 0 };
	_cleanup_guest_set_ struct guest_set here = { 0 };
	size_t n = 0;
	bool again;
	int r;

	if (index_session >= 0)
		return 0; /* its guests are here, back or kept */
	complete = true;
	starts.n = STARTS_PER_PROCESSOR * (unsigned long)sysconf(_SC_NPROCESSORS_ONLN);
	session = take_session(HANDOVER_INDEX_SESSION, &again);
	if (session == -ENOENT || session == -ENXIO || session == -EALREADY)
		return 0;
	complete = false;
	if (session < 0)
		return err_set(
			e, session, "session " HANDOVER_INDEX_SESSION ": %s%s", strerror(-session),
			session == -EBUSY ? " (another process has " LUO_DEVICE " open)" : "");
	r = read_index(session, &index, &late, e);
	if (r < 0)
		return r;
	if (!is_early) /* else vmkeep-init does it */
		readahead_start();
	note_names(index);
	if (!again)
		carry_clock(&late);
	take_sessions(index, &all, &n);

	go_first();
	turns = xmalloc0((n + 1) * sizeof(*turns));
	for (size_t i = 0; i < n; i++)
		turns[i] = (struct turn){ all[i].priority, arrive, &all[i] };
	turns_run(turns, n, HEAD_START_MS);
	priority_ordinary(own_nice);

	/* Nobody waits any more: the rest may take its time. */
	report_begin(index, &late);
	for (struct guest *g = guest_first(); g; g = g->next)
		if (g->x.session >= 0 || g->state == GUEST_KEPT)
			report_guest(g);
	report_save();
	here = guest_set_all();
	for (size_t i = 0; i < here.n; i++)
		if (here.v[i]->from_update && !here.v[i]->gone)
			settle(here.v[i]);
	index_session = take_fd(&session);
	for (size_t i = 0; i < n; i++) {
		struct guest *g = guest_find(all[i].name);

		if (all[i].left) {
			index_is_needed = true;
			continue;
		}
		if (!g || g->state != GUEST_KEPT)
			let_go(all[i].uuid);
	}
	let_go_of_index();
	return (int)n;
}

int restore_run(bool early, struct err *e)
{
	int r;

	if (busy)
		return err_set(e, -EBUSY, "guests are just being brought back: wait for it");
	busy = true;
	is_early = early;
	r = restore(e);
	busy = false;
	return r;
}

void restore_end_early(void)
{
	int64_t deadline = now_ms() + (index_is_needed ? OTHERS_WAIT_MS : CLOCKS_WAIT_MS);

	while (clocks.running && now_ms() < deadline)
		task_sleep(20);
}

int restore_retry(struct guest *g, struct err *e)
{
	int r;

	if (g->state != GUEST_KEPT)
		return err_set(e, -EINVAL, "%s is not kept: it is %s", g->name,
			       guest_state_name(g));
	if (g->ram.fd[0] < 0 || g->x.state < 0 || !g->argv.n)
		return err_set(e, -ENODATA, "%s cannot be brought back: %s", g->name,
			       g->kept_reason);
	if (g->x.may_have_run)
		return err_set(
			e, -EPERM,
			"%s ran after the jump, so its saved state is stale: it cannot be brought back",
			g->name);
	if (busy)
		return err_set(e, -EBUSY, "guests are just being brought back: wait for it");
	busy = true;
	guest_hold(g);
	r = bring_back(g, e);
	if (r < 0) {
		keep(g, e);
	} else {
		log_info("%s: back at last, pid %d", g->name, g->pid);
		settle(g);
		let_go(g->uuid);
		let_go_of_index();
		if (report_last()) {
			report_guest(g);
			report_save();
		}
	}
	guest_release(g);
	busy = false;
	return r;
}

int restore_discard(struct guest *g, struct err *e)
{
	if (g->state != GUEST_KEPT)
		return err_set(e, -EINVAL, "%s is not kept: it is %s (`vmkeep stop` ends a guest)",
			       g->name, guest_state_name(g));
	if (busy)
		return err_set(e, -EBUSY, "guests are just being brought back: wait for it");
	log_warn("%s: discarded, its memory is freed (%s)", g->name, g->kept_reason);
	guest_hold(g);
	guest_kill(g);
	guest_remove(g);
	let_go(g->uuid);
	guest_release(g);
	let_go_of_index();
	return 0;
}
