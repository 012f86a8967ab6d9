// SPDX-License-Identifier: GPL-2.0-or-later
/*
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
#include "guestargs.h"
#include "guestfiles.h"

#define PASS_TIMEOUT_MS 3000
#define LOAD_TIMEOUT_MS 60000

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

int restartexec_arm(struct guest *g, const struct guest *heir, struct restart_exec *x,
		    struct err *e)
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
static void drop_own(const struct guest *g, struct restart_exec *x)
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

int restartexec_become(struct guest *g, struct restart_exec *x, struct err *e)
{
	struct err why;
	int r;

	g->x.saving = true;
	g->log_start = guestfiles_log_end(g);
	r = guest_save_exec(g, CHECKPOINT_SAVE_MS, e);
	if (r < 0) {
		g->x.replacing = false;
		return r;
	}
	x->tsc_saved = clock_tsc();
	r = execgate_admit(&x->gate, g->pid, cannot_come, g, PASS_TIMEOUT_MS, &x->files, &why);
	execgate_close(&x->gate);
	drop_own(g, x);
	if (r < 0 && g->qmp) {
		g->x.replacing = false;
		return err_set(e, r, "%s", why.text);
	}
	/* Its monitor's socket stays open in the process: who connects now is answered by the new QEMU. */
	while (g->qmp && !g->gone)
		wakeup_wait(&g->event, PASS_TIMEOUT_MS);
	g->x.saving = false;
	r = g->gone ? err_set(e, -ECONNRESET, "it ended") : guest_connect(g, e);
	x->tsc_up = clock_tsc();
	if (!r)
		r = guest_await_load(g, LOAD_TIMEOUT_MS, e);
	if (!r) {
		g->x.replacing = false;
		return 0;
	}
	guest_kill(g);
	guestfiles_last_words(g, g->log_start, e);
	return r;
}

int restartexec_relaunch(struct guest *again, const struct restart_exec *x, struct err *e)
{
	_cleanup_free_ char *program = x->program < 0 ? NULL
						      : xasprintf("/proc/self/fd/%d", x->program);
	int r = guest_launch_after(again, program, &x->files, &x->taps, e);

	return r ? r : guest_await_load(again, LOAD_TIMEOUT_MS, e);
}

void restartexec_release(struct restart_exec *x)
{
	execgate_close(&x->gate);
	fd_close(&x->program);
	exec_files_release(&x->files);
	tapshare_release(&x->taps);
}
