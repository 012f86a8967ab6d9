// SPDX-License-Identifier: GPL-2.0-or-later

#include "qmp.h"

#include <stdarg.h>
#include <sys/socket.h>

#include "keepopen.h"
#include "log.h"
#include "loop.h"
#include "unixsock.h"

/* query-qmp-schema is the longest reply, 300 KB in QEMU 11. */
#define QMP_LINE_MAX (4UL * 1024 * 1024)

#define SILENT_TIMEOUT_MS 1000

/* A command that waits for its reply; lives on the caller's stack. */
struct call {
	int64_t id;
	json *reply;
	struct wakeup done;
	bool closed;
	struct call *next;
};

struct qmp {
	unsigned int refs; /* the owner, the reader, and every call that waits */
	int fd;
	struct jsonio io;
	qmp_event_fn *on_event;
	void *user;
	struct call *calls;
	int64_t last_id;
	bool closed;		 /* nothing more will come or go */
	struct keepopen passing; /* an fd that it has not answered yet */
	bool silent; /* has let a command wait for too long, and not said anything since */
};

static void put(struct qmp *q)
{
	if (--q->refs)
		return;
	jsonio_free(&q->io);
	fd_close(&q->fd);
	keepopen_end(&q->passing);
	free(q);
}

static void fail_calls(struct qmp *q)
{
	q->closed = true;
	for (struct call *c = q->calls; c; c = c->next) {
		c->closed = true;
		wakeup_fire(&c->done);
	}
}

static void dispatch(struct qmp *q, json *msg)
{
	const char *event = json_str(msg, "event");
	int64_t id;

	if (event) {
		q->on_event(q->user, event, json_get(msg, "data", json_type_object));
		return;
	}
	id = json_int(msg, "id", -1);
	for (struct call *c = q->calls; c; c = c->next) {
		if (c->id == id && !c->reply) {
			c->reply = json_object_get(msg);
			wakeup_fire(&c->done);
			return;
		}
	}
	if (id >= q->passing.id) /* too late for who waited */
		keepopen_end(&q->passing);
	log_debug("qmp: a reply to nothing (id %lld)", (long long)id);
}

static void reader(void *arg)
{
	struct qmp *q = arg;

	while (!q->closed) {
		_cleanup_json_ json *msg = NULL;
		int r = jsonio_read(&q->io, -1, &msg);

		if (q->closed)
			break;
		if (r <= 0) {
			if (r < 0 && r != -ECONNRESET)
				log_warn("qmp: closing a connection: %s", strerror(-r));
			fail_calls(q);
			q->on_event(q->user, NULL, NULL);
			break;
		}
		q->silent = false;
		dispatch(q, msg);
	}
	put(q);
}

void qmp_close(struct qmp *q)
{
	if (!q)
		return;
	fail_calls(q);
	shutdown(q->fd, SHUT_RDWR); /* wakes the reader */
	put(q);
}

int qmp_open(const char *path, int timeout_ms, qmp_event_fn *on_event, void *user, struct qmp **ret,
	     struct err *e)
{
	_cleanup_close_ int fd = unixsock_connect(path);
	_cleanup_json_ json *greeting = NULL;
	struct jsonio io = { .max = QMP_LINE_MAX };
	struct qmp *q;
	int r;

	if (fd < 0)
		return err_set(e, fd, "cannot reach QEMU's monitor %s: %s", path, strerror(-fd));
	io.fd = fd;
	r = jsonio_read(&io, timeout_ms, &greeting);
	if (r <= 0 || !json_get(greeting, "QMP", json_type_object)) {
		jsonio_free(&io);
		if (r == -ETIMEDOUT)
			return err_set(e, r, "QEMU's monitor does not answer");
		return err_set(e, r < 0 ? r : -ECONNRESET,
			       "QEMU's monitor closed before its greeting");
	}
	q = xmalloc0(sizeof(*q));
	q->refs = 2;
	q->io = io; /* with what has been read ahead */
	q->fd = take_fd(&fd);
	q->on_event = on_event;
	q->user = user;
	task_start(reader, q);
	r = qmp_call(q, "qmp_capabilities", NULL, -1, timeout_ms, NULL, e);
	if (r < 0) {
		qmp_close(q);
		return r;
	}
	*ret = q;
	return 0;
}

static int send_call(struct qmp *q, struct call *call, json *msg, int pass_fd, int timeout_ms)
{
	struct keepopen passing = { 0 };
	int r = 0;

	if (pass_fd >= 0)
		r = keepopen_start(q->fd, call->id, &passing);
	if (!r)
		r = jsonio_write(q->fd, msg, pass_fd, timeout_ms);
	if (!r)
		r = wakeup_wait(&call->done, timeout_ms);
	if (!passing.pid)
		return r;
	/* QEMU answers one after the other: who waits for this one has waited for one that came too late. */
	keepopen_end(&q->passing);
	if (call->reply || call->closed)
		keepopen_end(&passing);
	else
		q->passing = passing;
	return r;
}

int qmp_call(struct qmp *q, const char *command, json *args, int pass_fd, int timeout_ms,
	     json **ret, struct err *e)
{
	_cleanup_json_ json *msg = json_object_new_object();
	struct call call = { 0 };
	int r;

	json_set_str(msg, "execute", command);
	if (args)
		json_object_object_add(msg, "arguments", args);
	if (!q || q->closed)
		return err_set(e, -ECONNRESET, "%s: QEMU's monitor is closed", command);
	q->refs++;
	call.id = ++q->last_id;
	json_set_int(msg, "id", call.id);
	call.next = q->calls;
	q->calls = &call;
	/* One that hangs costs its full time once, not with every step that is undone after it. */
	if (q->silent && timeout_ms > SILENT_TIMEOUT_MS)
		timeout_ms = SILENT_TIMEOUT_MS;
	r = send_call(q, &call, msg, pass_fd, timeout_ms);
	if (r == -ETIMEDOUT)
		q->silent = true;
	for (struct call **at = &q->calls; *at; at = &(*at)->next) {
		if (*at == &call) {
			*at = call.next;
			break;
		}
	}
	put(q);

	if (call.closed && !call.reply)
		return err_set(e, -ECONNRESET, "%s: QEMU went away", command);
	if (r < 0) {
		json_object_put(call.reply);
		return err_set(e, r, "%s: %s", command,
			       r == -ETIMEDOUT ? "QEMU does not answer" : strerror(-r));
	}
	if (json_get(call.reply, "error", json_type_object)) {
		const char *desc = json_str(json_get(call.reply, "error", json_type_object),
					    "desc");

		err_set(e, 0, "%s: %s", command, desc ? desc : "QEMU answered with an error");
		json_object_put(call.reply);
		return -EREMOTEIO;
	}
	if (ret) {
		json *v = NULL;

		json_object_object_get_ex(call.reply, "return", &v);
		*ret = json_object_get(v);
	}
	json_object_put(call.reply);
	return 0;
}

json *qmp_args(const char *key, ...)
{
	json *obj = json_object_new_object();
	va_list ap;

	va_start(ap, key);
	while (key) {
		json_set_str(obj, key, va_arg(ap, const char *));
		key = va_arg(ap, const char *);
	}
	va_end(ap);
	return obj;
}
