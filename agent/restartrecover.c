// SPDX-License-Identifier: GPL-2.0-or-later
#include "restartrecover.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "aside.h"
#include "clock.h"
#include "guestfiles.h"
#include "memfd.h"
#include "qmp.h"
#include "spawn.h"

#define SETTLE_TIMEOUT_MS 10000
#define SETTLE_LOOK_MS 50

static void end_process(pid_t pid, uint64_t start)
{
	_cleanup_close_ int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

	/* Looked at only now: the number may have become another's. */
	if (pidfd < 0 || process_start_time(pid) != start)
		return;
	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	task_poll(pidfd, 1 /* POLLIN */, -1);
}

static void ignore_event(void *user, const char *event, json *data)
{
	(void)user, (void)event, (void)data;
}

/* Whether its QEMU is neither about to become another one nor still loading. */
static bool is_settled(const char *name)
{
	_cleanup_free_ char *path = guestfiles_qmp(name);
	_cleanup_json_ json *status = NULL;
	struct qmp *q = NULL;
	const char *word;
	bool ret;

	if (qmp_open(path, SETTLE_TIMEOUT_MS, ignore_event, NULL, &q, NULL) < 0)
		return false;
	qmp_call(q, "query-status", NULL, -1, SETTLE_TIMEOUT_MS, &status, NULL);
	word = json_str(status, "status");
	ret = word && strcmp(word, "inmigrate") != 0 && strcmp(word, "finish-migrate") != 0 &&
	      strcmp(word, "postmigrate") != 0;
	qmp_close(q);
	return ret;
}

/* The process was to become another QEMU: which one it is now, it is for good. */
static void recover_exec(const char *name, json *state, json *heir)
{
	_cleanup_free_ char *exe = xasprintf("/proc/%d/exe", (int)json_int(state, "pid", 0));
	json *argv = json_get(heir, "argv", json_type_array);
	const char *binary = argv ? json_object_get_string(json_object_array_get_idx(argv, 0))
				  : NULL;
	int64_t deadline = now_ms() + SETTLE_TIMEOUT_MS;
	struct stat is, new;

	while (!is_settled(name) && now_ms() < deadline)
		task_sleep(SETTLE_LOOK_MS);
	if (!binary || stat(exe, &is) < 0 || stat(binary, &new) < 0 || is.st_dev != new.st_dev ||
	    is.st_ino != new.st_ino)
		return;
	json_object_object_foreach (heir, key, value)
		json_object_object_add(state, key, json_object_get(value));
	json_object_object_del(state, "restart");
	guestfiles_save(name, state);
}

static void recover_one(const char *name, json *state)
{
	json *note = json_get(state, "restart", json_type_object),
	     *inodes = json_get(state, "ram_inodes", json_type_array);
	pid_t guest = (pid_t)json_int(state, "pid", 0), other;
	_cleanup_strv_ struct strv aside = { 0 };
	ino_t ram = inodes ? (ino_t)json_object_get_int64(json_object_array_get_idx(inodes, 0)) : 0;

	if (!note)
		return;
	if (json_get(note, "heir", json_type_object)) {
		recover_exec(name, state, json_get(note, "heir", json_type_object));
		return;
	}
	json_get_strv(note, "aside", &aside);
	if (json_int(note, "old_pid", 0) > 0) {
		end_process((pid_t)json_int(note, "old_pid", 0),
			    (uint64_t)json_int(note, "old_start", 0));
		aside_drop(&aside);
		return;
	}
	while (ram && (other = memfd_other_holder(ram, guest)))
		end_process(other, process_start_time(other));
	aside_back(&aside);
}

void restart_recover(void)
{
	_cleanup_strv_ struct strv names = { 0 };

	guestfiles_list(&names);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_json_ json *state = guestfiles_load(names.v[i]);
		const char *boot = json_str(state, "boot_id");

		/* Numbers of processes are of one boot. */
		if (boot && strcmp(boot, boot_id()) == 0)
			recover_one(names.v[i], state);
	}
}
