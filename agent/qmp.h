/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A client of the QEMU Machine Protocol: docs/interop/qmp-spec.rst of QEMU.
 * Knows commands, replies and events, not what they mean.
 */
#ifndef VMKEEP_QMP_H
#define VMKEEP_QMP_H

#include "jsonio.h"

struct qmp;

/** qmp_event_fn - Called with each event; @event is QMP's name, @data its data or NULL. Must not wait. */
typedef void qmp_event_fn(void *user, const char *event, json *data);

/**
 * qmp_open() - Connect to QEMU's monitor and negotiate.
 * @path:	Unix socket.
 * @timeout_ms:	For greeting and negotiation; a QEMU that has just been started is waited for.
 * @on_event:	Gets events from now on; also called with NULL as event when the connection ends.
 *
 * Return: 0 and a connection in @ret, to be closed with qmp_close(), or -errno.
 */
int qmp_open(const char *path, int timeout_ms, qmp_event_fn *on_event, void *user, struct qmp **ret,
	     struct err *e);

/** qmp_close() - Disconnect; calls that wait fail with -ECONNRESET. NULL is nothing. */
void qmp_close(struct qmp *q);

/**
 * qmp_call() - Run a command and wait for its reply.
 * @args:	Arguments or NULL; the reference is taken over.
 * @pass_fd:	An fd to go with it (getfd, add-fd), or -1.
 * @ret:	The reply's "return" value, caller puts it; may be NULL.
 *
 * Return: 0; -EREMOTEIO when QEMU answered with an error, whose words are in @e;
 * -ECONNRESET, -ETIMEDOUT.
 */
int qmp_call(struct qmp *q, const char *command, json *args, int pass_fd, int timeout_ms,
	     json **ret, struct err *e);

/** qmp_args() - An object of string values from key, value pairs, ended by NULL. */
json *qmp_args(const char *key, ...) __attribute__((sentinel));

#endif
