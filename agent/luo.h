/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's Live Update Orchestrator: /dev/liveupdate and its sessions.
 * Wrappers that only wrap: -errno, no policy, no words. Source of every claim
 * here: Documentation/userspace-api/liveupdate.rst and kernel/liveupdate/.
 */
#ifndef VMKEEP_LUO_H
#define VMKEEP_LUO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define LUO_DEVICE "/dev/liveupdate"

/**
 * luo_open() - Open the orchestrator's device.
 *
 * The device is single-open and PID 1 wants it too: close it as soon as the
 * sessions are made or retrieved. Sessions live on without it.
 *
 * Return: An fd, -ENOENT or -ENXIO where the kernel has none, -EBUSY while
 * somebody else has it open.
 */
int luo_open(void);

/**
 * luo_session_create() - Make an outgoing session.
 * @dev:	From luo_open().
 * @name:	At most 63 bytes; a longer one is refused, not cut.
 *
 * Closing the returned fd takes back everything that was preserved in it, so it
 * must stay open until reboot(2) jumps.
 *
 * Return: The session's fd or -errno: -EEXIST for a name in use.
 */
int luo_session_create(int dev, const char *name);

/**
 * luo_session_retrieve() - Take over a session of the previous kernel.
 *
 * Closing the returned fd finishes the session: what was not retrieved from it
 * is freed. Retrieve everything before anything can fail.
 *
 * Return: The session's fd or -errno: -ENOENT when no such session came over.
 */
int luo_session_retrieve(int dev, const char *name);

/**
 * luo_take() - Open the device, take over one session, close the device.
 *
 * Return: As luo_session_retrieve(), or as luo_open() failed.
 */
int luo_take(const char *name);

/** luo_preserve() - Keep @fd under @token over the jump. Blocks. Return: 0 or -errno. */
int luo_preserve(int session, int fd, uint64_t token);

/**
 * luo_retrieve() - Get back what was preserved under @token. Blocks.
 *
 * The session keeps the file until it is finished, and gives it out again when asked again.
 *
 * Return: An fd with close-on-exec set or -errno, which is final for this token.
 */
int luo_retrieve(int session, uint64_t token);

/** luo_finish() - The kernel may forget a retrieved session. Return: 0 or -errno. */
int luo_finish(int session);

#define LUO_NAME_LEN 64

/**
 * struct luo_held - A session that a process has open, in either direction.
 */
struct luo_held {
	pid_t pid;
	char name[LUO_NAME_LEN];
};

/**
 * luo_list_held() - Find all sessions that are open, by their names in /proc/PID/fd. Blocks.
 *
 * Return: How many there are, at most @max of them in @ret.
 */
size_t luo_list_held(struct luo_held *ret, size_t max);

#endif
