/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting a QEMU: exactly the fds it is meant to have, as the user it is meant to be. */
#ifndef VMKEEP_SPAWN_H
#define VMKEEP_SPAWN_H

#include "util.h"

#define SPAWN_FDS_MAX 192

/**
 * struct spawn - A program to start.
 * @argv:	Its arguments; argv[0] is an absolute path.
 * @program:	What to execute, if not argv[0].
 * @user:	User to run as, with that user's groups; NULL for ours.
 * @cwd:	Directory to start in; NULL for "/".
 * @variable:	"NAME=VALUE" in its environment besides ours, or NULL.
 * @first:	Before all else on the processor, if we may, until priority_ordinary_all(); what it starts is not.
 * @log_fd:	Its standard output and error.
 * @fds:	What it gets besides: our @fd becomes its @as. All other fds stay behind.
 */
struct spawn {
	const char *const *argv;
	const char *program;
	const char *user;
	const char *cwd;
	const char *variable;
	bool first;
	int log_fd;
	struct spawn_fd {
		int fd;
		int as;
	} fds[SPAWN_FDS_MAX];
	unsigned int n_fds;
};

/** spawn_add_fd() - Have our @fd become @as in the program. */
void spawn_add_fd(struct spawn *s, int fd, int as);

/** spawn_check_user() - Whether there is a @user; NULL is ours. Return: 0, or -EINVAL with the reason in @e. */
int spawn_check_user(const char *user, struct err *e);

/**
 * spawn() - Start it, in a session of its own.
 * @ret_pid:	Its process id; the caller reaps it through @ret_pidfd.
 * @ret_pidfd:	pidfd_open(2) of it.
 *
 * Return: 0; -errno with the step that failed in @e when it could not be started.
 */
int spawn(const struct spawn *s, pid_t *ret_pid, int *ret_pidfd, struct err *e);

/** process_start_time() - Field 22 of /proc/PID/stat, proc_pid_stat(5): with the PID, who a process is. 0: none. */
uint64_t process_start_time(pid_t pid);

#endif
