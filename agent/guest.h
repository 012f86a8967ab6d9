/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest: its memory, its QEMU, its monitor. Started here, brought back here,
 * found again here when the agent was restarted. What an update does with all
 * guests together is in upgrade.c and restore.c.
 */
#ifndef VMKEEP_GUEST_H
#define VMKEEP_GUEST_H

#include "guestargs.h"
#include "guestname.h"
#include "guestram.h"
#include "handover.h"
#include "loop.h"
#include "net.h"
#include "qmp.h"

struct exec_files;
struct tap_share;

#define GUEST_QMP_TIMEOUT_MS 30000
#define GUEST_STATUS_MAX 32

enum guest_state {
	GUEST_STARTING, /* its QEMU has been started, and is not known to be good yet */
	GUEST_RUNNING,
	GUEST_PAUSED, /* by its user; stays so over an update */
	GUEST_SAVED,  /* stopped for the jump */
	GUEST_KEPT, /* came over the jump and could not be brought back: memory and state are held */
};

enum guest_migration { MIGRATION_NONE, MIGRATION_ACTIVE, MIGRATION_COMPLETED, MIGRATION_FAILED };

/**
 * struct guest_crossing - What a guest has in the kernel's hands during an update.
 * @session:	Its session. Outgoing: closing it un-preserves. Incoming: closing it finishes.
 * @record:	Its handover record.
 * @state:	Its device state.
 * @state_in_qemu: QEMU has an fd of @state in GUEST_STATE_FDSET (or named so).
 * @committing: It ran, and may be stopped by us now: a restarted agent lets it run again.
 * @was_running: Whether it is to run again afterwards.
 * @replacing:	Its QEMU is replacing itself: that its monitor is lost is no surprise.
 * @may_have_run: A vCPU may have run since @state was saved: it must never be loaded again.
 * @nice:	What its QEMU had before the jump: priority.h.
 * @recorded:	What @changes of the guest was when the record was written.
 * @late:	What goes into, or came out of, the record's late block.
 * @tsc_launched: Time-stamp counter, new kernel: QEMU answers,
 * @tsc_loaded:	device state loaded,
 * @tsc_resumed: vCPUs run.
 * @tsc_retrieved: memory is back.
 * @clock:	What became of its wall clock (guestagent.h), or NULL.
 */
struct guest_crossing {
	int session;
	int record;
	int state;
	bool prepared;
	bool committing;
	bool armed;
	bool stopped;
	bool saving;
	bool state_in_qemu;
	bool was_running;
	bool replacing;
	bool may_have_run;
	struct handover_late late;
	int nice;
	unsigned int recorded;
	uint64_t tsc_retrieved;
	uint64_t tsc_launched;
	uint64_t tsc_loaded;
	uint64_t tsc_resumed;
	json *clock;
};

struct guest {
	char name[GUEST_NAME_MAX + 1];
	char uuid[37];
	char *user; /* whom QEMU runs as, or NULL */
	char *cwd;
	struct strv user_argv; /* as the user gave it */
	struct strv argv;      /* as it is executed */
	char *machine;
	char *qemu_version;
	enum ram_path ram_path;
	int priority; /* who comes back first (turns.h) */
	json *net;    /* what its network hung on when it was last prepared (net.h), or NULL */
	json *places; /* where its QEMU makes things in memory (guestplaces.h), when last prepared, or NULL */
	json *parts; /* what this QEMU consisted of when it had just started (guestparts.h), or NULL */
	json *restart; /* what undoes a restart, for an agent that finds it half done (restart.c), or NULL */
	struct guest_ram ram;
	unsigned int
		unplugged;    /* devices that it has let go of and that are still to be taken out */
	unsigned int changes; /* to what it consists of since its QEMU was started, counted */

	int64_t started_ms; /* CLOCK_REALTIME */
	off_t log_start;    /* of what this QEMU has written to its log */
	enum guest_state state;
	enum guest_migration migration;
	pid_t pid;
	int pidfd;
	struct qmp *qmp;
	struct wakeup event; /* migration or gone has changed */
	bool cpr_reboot;
	bool cpr_exec;	 /* its QEMU could replace itself when it was started */
	bool plugging;	 /* something is just being plugged in or out (plug.h) */
	bool restarting; /* another QEMU is to take its place: it is the task's that does so */
	bool gone;	 /* its QEMU has ended or is being ended by us */
	bool gone_expected;
	bool from_update; /* came over the last jump */
	char kept_reason[sizeof(((struct err *)0)->text)];
	struct guest_crossing x;
	unsigned int users; /* tasks that hold a pointer; freed by the last one */
	struct guest *next;
};

/** guest_setup() - Where guests' run-time files live, as RUN_DIR/guests/NAME; logs as LOG_DIR/NAME.log. */
void guest_setup(const char *run_dir, const char *log_dir);

/** guest_bound_logs() - Task: keeps what QEMUs print from filling the disk. One of a process, for ever. */
void guest_bound_logs(void *unused);

/** guest_first() - The list of guests, in the order of their start; follow ->next. */
struct guest *guest_first(void);
/** guest_find() - The guest of that name, or NULL. */
struct guest *guest_find(const char *name);
/** guest_state_name() - For people and JSON. */
const char *guest_state_name(const struct guest *g);

/** guest_hold() - Keep @g from being freed while a task waits. */
struct guest *guest_hold(struct guest *g);
/** guest_release() - The opposite of guest_hold(). */
void guest_release(struct guest *g);

/**
 * struct guest_set - Guests, each held: for going over them while tasks wait and guests come and go.
 */
struct guest_set {
	struct guest **v;
	size_t n;
};

/** guest_set_all() - All guests there are now. */
struct guest_set guest_set_all(void);
/** guest_set_release() - Release them; the set is empty afterwards. */
void guest_set_release(struct guest_set *set);
#define _cleanup_guest_set_ __attribute__((cleanup(guest_set_release)))

/**
 * struct guest_spec - What `vmkeep run` asks for.
 * @ram_path:	"fdset" or "procfd"; NULL or "auto": fdset if the binary can.
 * @priority:	PRIORITY_MIN to PRIORITY_MAX; higher ones come back first.
 * @argv:	QEMU and the user's arguments; argv[0] absolute.
 */
struct guest_spec {
	const char *name;
	const char *user;
	const char *cwd;
	const char *ram_path;
	struct ram_sizes memory;
	int priority;
	struct strv argv;
};

/**
 * guest_validate() - Whether guest_run() would come as far as starting QEMU.
 * @notes:	As of guest_run().
 *
 * Waits, but leaves nothing. Whether there is a guest of that name already is not asked.
 *
 * Return: 0, or -errno with the reason in @e.
 */
int guest_validate(const struct guest_spec *spec, struct strv *notes, struct err *e);

/**
 * guest_run() - Start a guest.
 * @notes:	What was changed in its command line, appended to.
 *
 * Return: 0 and the guest in @ret, running; or -errno with the reason in @e, and
 * nothing is left: no process, no file, no fd.
 */
int guest_run(const struct guest_spec *spec, struct guest **ret, struct strv *notes, struct err *e);

/**
 * guest_from_json() - Make a guest that does not run, from a record or a state file.
 *
 * Return: 0 and the guest, in the list, in @ret; -EBADMSG with what is wrong in
 * @e; -EEXIST when the name is taken.
 */
int guest_from_json(json *j, struct guest **ret, struct err *e);

/**
 * guest_priority() - The priority in a record, a state file or the index.
 *
 * Return: 0 also when it makes no sense: no guest is to be lost for it.
 */
int guest_priority(json *j);

/** guest_new() - A guest, in the list, of which only name and uuid are known. */
struct guest *guest_new(const char *name, const char *uuid);

/**
 * guest_make_heir() - Make a guest for another QEMU of @g, on the same memory; not in the list.
 *
 * Return: 0 and the guest in @ret, the caller's to release; -errno with the reason in @e.
 */
int guest_make_heir(const struct guest *g, struct guest **ret, struct err *e);

/** guest_replace() - @heir takes @g's place in the list, which holds it from then on, and @g no longer. */
void guest_replace(struct guest *g, struct guest *heir);

/** guest_to_json() - What guest_from_json() needs. Caller puts it. */
json *guest_to_json(const struct guest *g);

/**
 * guest_launch() - Start @g's QEMU on g->ram and wait until its monitor answers.
 *
 * Return: 0, or -errno with the reason, QEMU's own words included, in @e; no process is left then.
 */
int guest_launch(struct guest *g, struct err *e);

/**
 * guest_launch_incoming() - The same of one that has x.state and waits for guest_load().
 * @taps:	Those it is to share with another QEMU of the guest (tapshare.h), or NULL.
 * @first:	The guest stands: it goes before all else on the processor, until priority_ordinary_all().
 */
int guest_launch_incoming(struct guest *g, const struct tap_share *taps, bool first, struct err *e);

/**
 * guest_launch_after() - Start @g's QEMU in place of one that replaced itself and failed: with the files that
 * that one took along, and x.state, which it loads at once; see guest_await_load().
 * @program:	The QEMU, if it is not at its place any more; or NULL.
 */
int guest_launch_after(struct guest *g, const char *program, const struct exec_files *files,
		       const struct tap_share *taps, struct err *e);

/** guest_argv_after() - Append the command line of a QEMU that replaces @g's, or is started after that failed. */
void guest_argv_after(const struct guest *g, const struct tap_share *taps, struct strv *ret);

/** guest_is_qemu() - Whether a process was started as @g's QEMU itself: no debugger of it, nor what a script has started. */
bool guest_is_qemu(pid_t pid, const struct guest *g);

/**
 * guest_find_qemu() - Find the QEMU that an earlier agent has started on @g->ram, by who holds that memory.
 *
 * Return: Whether there is one; it is watched from now on, its monitor not connected.
 */
bool guest_find_qemu(struct guest *g);

/** guest_watch() - See to what is to be done when @g's process, which is its pidfd, ends. Once for a process. */
void guest_watch(struct guest *g);

/** guest_connect() - Connect to the monitor of @g's QEMU. Return: 0 or -errno with the reason in @e. */
int guest_connect(struct guest *g, struct err *e);

/**
 * guest_describe_net() - What @g's network hangs on now: see net_describe().
 * @findings:	Or NULL.
 */
int guest_describe_net(const struct guest *g, json **ret, json *findings, struct err *e);

/** guest_kill() - End @g's QEMU now and wait for its end. @g stays in the list. */
void guest_kill(struct guest *g);

/** guest_remove() - Take @g off the list and free all it has, memory included. Its QEMU must be gone. */
void guest_remove(struct guest *g);

/** guest_let_go() - Take @g off the list, and leave alone what it has: its QEMU, its files, its memory. */
void guest_let_go(struct guest *g);

/**
 * guest_stop() - End a guest.
 * @now:	At once, instead of by its power button.
 * @timeout_ms:	How long the guest may take over the button.
 *
 * Return: 0, or -errno with the reason in @e.
 */
int guest_stop(struct guest *g, bool now, int timeout_ms, struct err *e);

/**
 * guest_query_status() - Ask QEMU for its RunState (qapi/run-state.json).
 *
 * Return: 1 when vCPUs run, 0 when they do not, and the state's name in @status; or
 * -errno with the reason in @e.
 */
int guest_query_status(struct guest *g, char status[GUEST_STATUS_MAX], struct err *e);

/** guest_query_running() - Ask QEMU whether vCPUs run. Return: 1, 0, or -errno with the reason in @e. */
int guest_query_running(struct guest *g, struct err *e);

/**
 * guest_note_parts() - Ask what @g's QEMU, which has just been started, consists of; for check_guest().
 *
 * Not needed for the guest to run: when QEMU does not tell, it is only logged.
 */
void guest_note_parts(struct guest *g);

/** guest_on_unplug() - Have @fn called when a guest's device, named by @id, is out. It must not wait. */
void guest_on_unplug(void (*fn)(struct guest *g, const char *id));

/** guest_remember() - Write down what a restarted agent needs to find @g again. Return: 0, or -errno, logged. */
int guest_remember(struct guest *g);

/** guest_recover() - Find the guests that an earlier agent has left running. Call once, from a task. */
void guest_recover(void);

/* Device state, used by upgrade.c, restore.c: one QMP conversation each. */

/** guest_give_state() - Hand the QEMU that runs @g an fd of x.state to save to, before it is needed. */
int guest_give_state(struct guest *g, struct err *e);
/**
 * guest_incoming_state() - What a QEMU is to be started with to load x.state.
 * @argv:	Its command line, appended to.
 *
 * Return: What is to become its GUEST_FD_INCOMING, the caller's to close, or -errno.
 */
int guest_incoming_state(struct guest *g, struct strv *argv, struct err *e);
/** guest_take_state() - Take it back. */
void guest_take_state(struct guest *g);
/** guest_arm() - Set QEMU up for a checkpoint without RAM. */
int guest_arm(struct guest *g, struct err *e);
/** guest_arm_beside() - The same for a QEMU that loads beside another: it opens no image for writing until it is told to run. */
int guest_arm_beside(struct guest *g, struct err *e);
/** guest_check_blocked() - Whether QEMU has a reason not to checkpoint an armed guest. Return: 0, or -EBUSY with it in @e. */
int guest_check_blocked(struct guest *g, struct err *e);
/** guest_disarm() - Back to an ordinary migration's settings. */
void guest_disarm(struct guest *g);
/** guest_save() - Write the device state of a stopped guest into x.state. */
int guest_save(struct guest *g, int timeout_ms, struct err *e);
/** guest_arm_exec() - Set QEMU up for a checkpoint after which it becomes @command. */
int guest_arm_exec(struct guest *g, const struct strv *command, struct err *e);
/**
 * guest_save_exec() - Write the device state of a stopped guest into its GUEST_FD_STATE; QEMU replaces itself then.
 *
 * Return: 0 when it is about to do so; -errno with the reason in @e when it did not.
 */
int guest_save_exec(struct guest *g, int timeout_ms, struct err *e);
/** guest_await_load() - Wait until a QEMU has loaded that was started to do so at once. */
int guest_await_load(struct guest *g, int timeout_ms, struct err *e);
/** guest_load() - Load x.state into a QEMU of guest_launch_incoming(). */
int guest_load(struct guest *g, int timeout_ms, struct err *e);
/**
 * guest_cont() - Let vCPUs run.
 * @timeout_ms:	Negative: as long as QEMU lives, for it may wait for slow disks.
 */
int guest_cont(struct guest *g, int timeout_ms, struct err *e);

#endif
