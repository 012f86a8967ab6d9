// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guest is the same afterwards, with another program. When that fails, it is started again in the old one, in a
 * process of its own: with the memory and the state, which are in our hands as well, and with what the
 * process took along.
 *
 * Source: docs/devel/migration/CPR.rst of QEMU 10.2, "cpr-exec mode". What vmkeep does otherwise than it says there:
 * the device state goes into a memory file that QEMU has had since it was started, so that it needs no name
 * in a file system and survives the agent; and between the two programs there is vmkeep-exec (execgate.h).
 */

#include "restartexec.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "checkpoint.h"
#include "clock.h"
#include "execgate.h"
#include "guestargs.h"
#include "guestfiles.h"
#include "log.h"
#include "tapshare.h"

/* Long: as long as a QEMU may still become another one, nothing can be undone. */
#define PASS_TIMEOUT_MS 30000
#define LOAD_TIMEOUT_MS 60000

/*
 * What is needed besides the guest.
 * @gate:	Where its process passes.
 * @files:	What it takes along, as from execgate_admit().
 * @program:	The old QEMU itself, also when another one lies at its place; or -EBADF.
 * @taps:	Those that stay open in it.
 */
struct becoming {
	struct exec_gate gate;
	struct exec_files files;
	int program;
	struct tap_share taps;
};

/* What keeps a process from becoming another program, or that from becoming what this one is. */
static int check_argv(const struct strv *argv, struct err *e)
{
	const char *name, *value;
	size_t at = 1;

	while (guestargs_next(argv, &at, &name, &value)) {
		_cleanup_free_ char *user = NULL, *root = NULL, *spawning = NULL;

		if (strcmp(name, "runas") == 0 || strcmp(name, "chroot") == 0)
			return err_set(e, -EOPNOTSUPP, "-%s cannot be done twice in a process",
				       name);
		if (!value)
			continue;
		if (strcmp(name, "sandbox") == 0)
			spawning = guestargs_suboption(value, "spawn");
		if (spawning && strcmp(spawning, "deny") == 0)
			return err_set(e, -EOPNOTSUPP,
				       "-sandbox spawn=deny keeps it from executing anything");
		if (strcmp(name, "run-with") == 0) {
			user = guestargs_suboption(value, "user");
			root = guestargs_suboption(value, "chroot");
		}
		if (user || root)
			return err_set(e, -EOPNOTSUPP,
				       "-run-with %s= cannot be done twice in a process",
				       user ? "user" : "chroot");
	}
	return 0;
}

/*
 * The file for the state that @g's QEMU was started with. By number, which QEMU could have used for something
 * else: it must be what we made, ours, and in memory.
 */
static int take_state_file(const struct guest *g, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/fd/%d", g->pid, GUEST_FD_STATE),
			    *wanted = xasprintf("/memfd:" GUEST_STATE_NAME "%s (deleted)", g->name);
	char name[GUEST_NAME_MAX + 64] = "";
	struct stat st;
	int fd;

	if (readlink(path, name, sizeof(name) - 1) < 0 || strcmp(name, wanted) != 0)
		return err_set(e, -EOPNOTSUPP,
			       "its QEMU was not started with a file for its device state");
	fd = (int)syscall(SYS_pidfd_getfd, g->pidfd, GUEST_FD_STATE, 0);
	if (fd < 0)
		return err_set(e, -errno, "the file for its device state: %s", strerror(errno));
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_nlink || st.st_uid != geteuid() ||
	    fcntl(fd, F_GET_SEALS) < 0 || fcntl(fd, F_GET_SEALS) & (F_SEAL_GROW | F_SEAL_WRITE)) {
		fd_close(&fd);
		return err_set(e, -EOPNOTSUPP,
			       "the file for its device state is not the one it was started with");
	}
	return fd;
}

int restartexec_check(const struct guest *g, const struct qemu_caps *caps, struct err *e)
{
	struct tap_share taps = { 0 };
	int r, fd;

	if (!g->cpr_exec)
		return err_set(e, -EOPNOTSUPP, "its QEMU %s has no mode cpr-exec", g->qemu_version);
	if (!caps->cpr_exec)
		return err_set(e, -EOPNOTSUPP, "QEMU %s has no mode cpr-exec", caps->version);
	if (g->ram_path != RAM_PATH_PROCFD)
		return err_set(e, -EOPNOTSUPP,
			       "its memory came through /dev/fdset, which does not stay open");
	if (!guestargs_aux_share(&g->argv))
		return err_set(e, -EOPNOTSUPP, "it was started without -machine aux-ram-share=on");
	r = check_argv(&g->argv, e);
	if (r < 0)
		return r;
	fd = take_state_file(g, e);
	if (fd < 0)
		return fd;
	fd_close(&fd);
	r = tapshare_take(g->pid, g->pidfd, &taps, e);
	if (!r)
		r = tapshare_keep_open(&taps, g->pid, e);
	tapshare_release(&taps);
	return r;
}

/*
 * A package's upgrade leaves the running QEMU without a name. Not for a script: its process is only what the script has
 * started, with other arguments.
 */
static int old_program(const struct guest *g)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/exe", g->pid);
	_cleanup_close_ int fd = guest_is_qemu(g->pid, g) ? open(path, O_PATH | O_CLOEXEC) : -EBADF;

	/* Above all that the process took along, which is put at its numbers first. */
	return fd < 0 ? -EBADF : fcntl(fd, F_DUPFD_CLOEXEC, EXEC_NUMBER_MAX);
}

static int arm(struct guest *g, const struct guest *heir, struct becoming *x, struct err *e)
{
	_cleanup_strv_ struct strv command = { 0 };
	int r;

	if (access(VMKEEP_EXEC, X_OK) < 0)
		return err_set(e, -errno, VMKEEP_EXEC ": %s", strerror(errno));
	r = tapshare_take(g->pid, g->pidfd, &x->taps, e);
	if (!r)
		r = tapshare_keep_open(&x->taps, g->pid, e);
	if (r < 0)
		return r;
	x->program = old_program(g);
	g->x.state = take_state_file(g, e);
	if (g->x.state < 0)
		return g->x.state;
	r = execgate_open(&x->gate, e);
	if (r < 0)
		return r;
	strv_add(&command, VMKEEP_EXEC);
	strv_add(&command, x->gate.address);
	guest_argv_after(heir, &x->taps, &command);
	return guest_arm_exec(g, &command, e);
}

/* It ended, or said that it could not become anything else. */
static bool cannot_come(const void *user)
{
	const struct guest *g = user;

	return g->gone || g->migration == MIGRATION_FAILED;
}

/* What we are to hand on ourselves does not come from what it took along. */
static void drop_own(const struct guest *g, struct becoming *x)
{
	size_t n = 0;

	for (size_t i = 0; i < x->files.n; i++) {
		int as = x->files.v[i].as;
		bool ours = as == GUEST_FD_QMP || as == GUEST_FD_STATE ||
			    (as >= GUEST_FD_RAM && as < GUEST_FD_RAM + (int)g->ram.size.n);

		for (size_t k = 0; k < x->taps.n; k++)
			ours |= as == x->taps.v[k].as;
		if (ours || as >= EXEC_NUMBER_MAX)
			fd_close(&x->files.v[i].fd);
		else
			x->files.v[n++] = x->files.v[i];
	}
	x->files.n = n;
}

/*
 * The stopped guest's QEMU writes its device state and becomes the other one, which loads it and waits to be told to
 * run. After an error x.replacing says whether it is the old QEMU still.
 */
static int become(struct restart *r, struct becoming *x, struct err *e)
{
	struct guest *g = r->g;
	struct err why;
	int ret;

	g->x.saving = true;
	g->log_start = guestfiles_log_end(g);
	ret = guest_save_exec(g, CHECKPOINT_SAVE_MS, e);
	if (ret < 0) {
		g->x.replacing = false;
		return ret;
	}
	g->x.late.tsc_saved = clock_tsc();
	ret = execgate_admit(&x->gate, g->pid, cannot_come, g, PASS_TIMEOUT_MS, &x->files, &why);
	execgate_close(&x->gate);
	drop_own(g, x);
	if (ret < 0 && g->qmp) {
		g->x.replacing = false;
		return err_set(e, ret, "%s", why.text);
	}
	/* Its monitor's socket stays open in the process: who connects now is answered by the new QEMU. */
	while (g->qmp && !g->gone)
		wakeup_wait(&g->event, PASS_TIMEOUT_MS);
	g->x.saving = false;
	ret = g->gone ? err_set(e, -ECONNRESET, "it ended") : guest_connect(g, e);
	r->tsc_ready = clock_tsc();
	if (!ret)
		ret = guest_await_load(g, LOAD_TIMEOUT_MS, e);
	if (!ret) {
		g->x.replacing = false;
		return 0;
	}
	guest_kill(g);
	guestfiles_last_words(g, g->log_start, e);
	return ret;
}

/* After it failed as the other one: start @again with what it had, and have that load. */
static int relaunch(struct guest *again, const struct becoming *x, struct err *e)
{
	_cleanup_free_ char *program = x->program < 0 ? NULL
						      : xasprintf("/proc/self/fd/%d", x->program);
	int r = guest_launch_after(again, program, &x->files, &x->taps, e);

	return r ? r : guest_await_load(again, LOAD_TIMEOUT_MS, e);
}

/* --- all of it --- */

/* What an agent needs who finds it half done: which program there is, it sees itself. */
static json *note(const struct restart *r)
{
	json *j = json_object_new_object();

	json_object_object_add(j, "heir", guest_to_json(r->heir));
	return j;
}

/* The guest is the same one; what was true of its QEMU is true of another. */
static void take_over(struct guest *g, struct guest *heir)
{
	struct strv argv = g->argv, user_argv = g->user_argv;
	char *version = g->qemu_version;

	g->argv = heir->argv;
	g->user_argv = heir->user_argv;
	g->qemu_version = heir->qemu_version;
	g->cpr_reboot = heir->cpr_reboot;
	g->cpr_exec = heir->cpr_exec;
	heir->argv = argv;
	heir->user_argv = user_argv;
	heir->qemu_version = version;
}

static void settle(struct guest *g)
{
	if (g->state == GUEST_STARTING)
		g->state = g->x.was_running ? GUEST_RUNNING : GUEST_PAUSED;
	g->x.stopped = g->x.committing = false;
	guest_disarm(g);
	fd_close(&g->x.state);
	guest_note_parts(g);
	guest_remember(g);
	restart_set_clock(g);
}

/* Its monitor may be lost just then, or it may say no: asked until it runs. */
static void let_run_surely(struct guest *g)
{
	if (g->x.was_running && guest_cont(g, -1, NULL) < 0) {
		g->x.stopped = true;
		checkpoint_undo_stop(g);
	}
}

/* Its QEMU has become another one, and that failed. The guest did not run in it. @ret is ready to be let run. */
static int start_again(struct guest *g, const struct becoming *x, struct guest **ret, struct err *e)
{
	struct guest *again = NULL;
	int res = guest_make_heir(g, &again, e);

	if (res < 0 || !again)
		return res;
	again->from_update = g->from_update;
	again->x.was_running = again->x.committing = g->x.was_running;
	again->x.state = fcntl(g->x.state, F_DUPFD_CLOEXEC, 0);
	res = again->x.state < 0 ? err_set(e, -errno, "its device state: %s", strerror(errno))
				 : relaunch(again, x, e);
	if (res < 0) {
		guest_kill(again);
		guest_release(again);
		return res;
	}
	*ret = again;
	return 0;
}

/* Return: the error of the restart in any case. */
static int fall_back(struct guest *g, const struct becoming *x, int res, struct err *e)
{
	struct guest *again = NULL;
	struct err why;

	for (int tries = 2; tries && !again; tries--)
		if (start_again(g, x, &again, &why) < 0)
			log_error("%s: its old QEMU does not start again: %s", g->name, why.text);
	if (!again) {
		_cleanup_free_ char *first = xstrdup(e->text);

		return err_set(e, res, "its new QEMU: %s; and its old one: %s", first, why.text);
	}
	err_prefix(e, "its new QEMU");
	/* First: an agent that comes now lets it run. */
	guest_remember(again);
	guest_replace(g, again);
	guestram_close(&g->ram);
	/* From now on it may have run, and cannot be started from that state again. */
	let_run_surely(again);
	if (!again->gone)
		settle(again);
	if (again->gone) {
		err_prefix(e, "it is lost: its old QEMU, too, ended; first");
		if (guest_find(again->name) == again)
			guest_remove(again);
	} else {
		log_warn("%s: goes on in QEMU %s, pid %d", again->name, again->qemu_version,
			 again->pid);
	}
	guest_release(again);
	return res;
}

static int replace(struct restart *r, struct becoming *x, struct err *e)
{
	struct guest *g = r->g;
	int ret = become(r, x, e);

	r->tsc_loaded = clock_tsc();
	if (ret < 0)
		return g->x.replacing ? fall_back(g, x, ret, e) : ret;
	let_run_surely(g);
	r->tsc_resumed = clock_tsc();
	/* It may have run: nothing can be begun anew. */
	return g->gone ? err_set(e, -ECONNRESET, "its new QEMU ended when it was to run it") : 0;
}

static int run(struct restart *r, struct becoming *x, struct err *e)
{
	struct guest *g = r->g;
	struct stat st;
	int ret;

	g->restart = note(r);
	ret = checkpoint_begin(g, e);
	if (!ret)
		ret = arm(g, r->heir, x, e);
	if (!ret)
		ret = guest_check_blocked(g, e);
	if (!ret)
		ret = checkpoint_stop(g, CHECKPOINT_STOP_MS, e);
	if (!ret)
		ret = replace(r, x, e);
	if (!ret && fstat(g->x.state, &st) == 0)
		g->x.late.state_bytes = (uint64_t)st.st_size;
	return ret;
}

int restartexec_run(struct restart *r, json **ret, struct err *e)
{
	struct becoming x = { .gate.listener = -EBADF, .program = -EBADF };
	struct guest *g = r->g;
	int res = run(r, &x, e);

	if (!res) {
		restart_forget_note(g);
		*ret = restart_tell(r);
		take_over(g, r->heir);
		settle(g);
		log_info("%s: restarted in its process, QEMU %s, pid %d", g->name, g->qemu_version,
			 g->pid);
		if (g->x.was_running && g->state == GUEST_PAUSED)
			res = err_set(
				e, -ETIMEDOUT,
				"it is in QEMU %s now, which has not let it run: `vmkeep qmp %s cont` does",
				g->qemu_version, g->name);
	} else if (!g->gone) {
		g->x.replacing = false;
		restart_run_again(r);
		restart_put_away(g);
	}
	execgate_close(&x.gate);
	fd_close(&x.program);
	exec_files_release(&x.files);
	tapshare_release(&x.taps);
	return res;
}
