// SPDX-License-Identifier: GPL-2.0-or-later

#include "useraccess.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define GROUPS_MAX 65536
#define PASSWD_TEXT ((size_t)64 * 1024)

struct identity {
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	int n_groups;
};

/* "uid:gid", as QEMU takes it too: that user has no other groups. */
static bool by_number(const char *user, struct identity *id)
{
	char *end, *end2;
	unsigned long uid = strtoul(user, &end, 10), gid;

	if (end == user || *end != ':')
		return false;
	gid = strtoul(end + 1, &end2, 10);
	if (end2 == end + 1 || *end2 || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return false;
	id->uid = (uid_t)uid;
	id->gid = (gid_t)gid;
	id->groups = xmalloc0(sizeof(gid_t));
	id->groups[0] = id->gid;
	id->n_groups = 1;
	return true;
}

static int look_up(const char *user, struct identity *id)
{
	_cleanup_free_ char *text = xmalloc0(PASSWD_TEXT);
	struct passwd pw, *found = NULL;
	int r;

	if (by_number(user, id))
		return 0;
	r = getpwnam_r(user, &pw, text, PASSWD_TEXT, &found);
	if (!found)
		return r ? -r : -ENOENT;
	id->uid = pw.pw_uid;
	id->gid = pw.pw_gid;
	id->n_groups = GROUPS_MAX;
	id->groups = xmalloc0(GROUPS_MAX * sizeof(gid_t));
	return getgrouplist(user, pw.pw_gid, id->groups, &id->n_groups) < 0 ? -E2BIG : 0;
}

/*
 * Only system calls: other threads' locks are as they were at the fork. The C library's own
 * setuid() would ask all threads to follow. That user cannot look into this copy of the agent:
 * a process that has changed its user is not dumpable (prctl(2), PR_SET_DUMPABLE).
 */
static void child(const struct identity *id, const struct access_want *want, size_t n, int answers)
{
	int error = 0;

	if (syscall(SYS_setgroups, (size_t)id->n_groups, id->groups) < 0 ||
	    syscall(SYS_setresgid, id->gid, id->gid, id->gid) < 0 ||
	    syscall(SYS_setresuid, id->uid, id->uid, id->uid) < 0)
		_exit(errno);
	for (size_t i = 0; i < n; i++) {
		error = access(want[i].path, want[i].mode) < 0 ? errno : 0;
		if (write_all(answers, &error, sizeof(error)) < 0)
			_exit(EPIPE);
	}
	_exit(0);
}

static int read_answers(int fd, struct access_want *want, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (TEMP_FAILURE_RETRY(read(fd, &want[i].error, sizeof(want[i].error))) !=
		    (ssize_t)sizeof(want[i].error))
			return -EIO;
	return 0;
}

int user_access(const char *user, struct access_want *want, size_t n)
{
	struct identity id = { 0 };
	int answers[2] = { -EBADF, -EBADF }, r = look_up(user, &id), status;
	pid_t pid;

	if (!r && pipe2(answers, O_CLOEXEC) < 0)
		r = -errno;
	if (r < 0) {
		free(id.groups);
		return r;
	}
	pid = fork();
	if (pid == 0)
		child(&id, want, n, answers[1]);
	r = pid < 0 ? -errno : 0;
	fd_close(&answers[1]);
	free(id.groups);
	if (!r) {
		r = read_answers(answers[0], want, n);
		if (TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) == pid && WIFEXITED(status) &&
		    WEXITSTATUS(status))
			r = -WEXITSTATUS(status);
	}
	fd_close(&answers[0]);
	return r;
}
