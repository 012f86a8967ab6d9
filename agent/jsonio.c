// SPDX-License-Identifier: GPL-2.0-or-later

#include "jsonio.h"

#include <poll.h>
#include <sys/socket.h>

#include "loop.h"

/* Deeper than anything QEMU sends, and far from the end of a task's stack. */
#define JSON_DEPTH 32

/* What is read from one stream, in bytes, before other tasks have had their turn. */
#define BURST_MAX (16UL * 1024)

static int parse_line(const char *line, size_t len, json **ret)
{
	struct json_tokener *tok = json_tokener_new_ex(JSON_DEPTH);
	json *obj = NULL;

	if (!tok)
		return -ENOMEM;
	obj = json_tokener_parse_ex(tok, line, (int)len);
	if (json_tokener_get_error(tok) != json_tokener_success ||
	    !json_object_is_type(obj, json_type_object)) {
		json_object_put(obj);
		obj = NULL;
	}
	json_tokener_free(tok);
	*ret = obj;
	return obj ? 1 : -EBADMSG;
}

/* Room for more behind what has not been taken yet. */
static int make_room(struct jsonio *io)
{
	size_t cap;
	char *buf;

	if (io->at) {
		memmove(io->buf, io->buf + io->at, io->len - io->at);
		io->len -= io->at;
		io->scanned -= io->at;
		io->at = 0;
	}
	if (io->len > io->max)
		return -EMSGSIZE;
	if (io->len < io->cap)
		return 0;
	cap = io->cap ? io->cap * 2 : 4096;
	buf = realloc(io->buf, cap);
	if (!buf)
		return -ENOMEM;
	io->buf = buf;
	io->cap = cap;
	return 0;
}

static int take_line(struct jsonio *io, const char *newline, json **ret)
{
	/* With the newline, so that the tokener knows that nothing follows. */
	size_t line = (size_t)(newline - (io->buf + io->at)) + 1;
	int r = parse_line(io->buf + io->at, line, ret);

	io->at += line;
	io->scanned = io->at;
	return r;
}

int jsonio_read(struct jsonio *io, int timeout_ms, json **ret)
{
	int64_t deadline = now_ms() + timeout_ms;

	for (;;) {
		char *nl = io->len > io->scanned
				   ? memchr(io->buf + io->scanned, '\n', io->len - io->scanned)
				   : NULL;
		ssize_t n = -1;
		int left = -1, r;

		if (nl)
			return take_line(io, nl, ret);
		io->scanned = io->len;
		r = make_room(io);
		if (r < 0)
			return r;
		/* A peer that always has more to say must not keep the others' turn. */
		errno = EAGAIN;
		if (io->burst < BURST_MAX)
			n = recv(io->fd, io->buf + io->len, io->cap - io->len, MSG_DONTWAIT);
		if (n > 0) {
			io->len += (size_t)n;
			io->burst += (size_t)n;
			continue;
		}
		if (n == 0)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (timeout_ms >= 0)
			left = deadline > now_ms() ? (int)(deadline - now_ms()) : 0;
		io->burst = 0;
		r = task_poll(io->fd, POLLIN, left);
		if (r < 0 && r != -EINTR)
			return r;
	}
}

void jsonio_free(struct jsonio *io)
{
	free(io->buf);
	io->buf = NULL;
	io->len = io->cap = io->at = io->scanned = io->burst = 0;
}

static ssize_t send_some(int fd, const char *p, size_t len, int pass_fd)
{
	struct iovec iov = { .iov_base = (void *)p, .iov_len = len };
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (pass_fd >= 0) {
		struct cmsghdr *c;

		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int jsonio_write(int fd, json *obj, int pass_fd, int timeout_ms)
{
	_cleanup_free_ char *line = xasprintf(
		"%s\n", json_object_to_json_string_ext(obj, JSON_C_TO_STRING_PLAIN));
	int64_t deadline = now_ms() + timeout_ms;
	size_t len = strlen(line), at = 0;

	while (at < len) {
		ssize_t n = send_some(fd, line + at, len - at, pass_fd);
		int r;

		if (n > 0) {
			at += (size_t)n;
			pass_fd = -1;
			continue;
		}
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (timeout_ms < 0)
			r = task_poll(fd, POLLOUT, -1);
		else
			r = task_poll(fd, POLLOUT,
				      deadline > now_ms() ? (int)(deadline - now_ms()) : 0);
		if (r < 0 && r != -EINTR)
			return r;
	}
	return 0;
}

json *json_get(json *obj, const char *key, enum json_type type)
{
	json *v = NULL;

	if (!json_object_is_type(obj, json_type_object) || !json_object_object_get_ex(obj, key, &v))
		return NULL;
	return json_object_is_type(v, type) ? v : NULL;
}

const char *json_str(json *obj, const char *key)
{
	json *v = json_get(obj, key, json_type_string);

	return v ? json_object_get_string(v) : NULL;
}

int64_t json_int(json *obj, const char *key, int64_t dflt)
{
	json *v = json_get(obj, key, json_type_int);

	return v ? json_object_get_int64(v) : dflt;
}

bool json_flag(json *obj, const char *key)
{
	json *v = json_get(obj, key, json_type_boolean);

	return v && json_object_get_boolean(v);
}

void json_set_str(json *obj, const char *key, const char *s)
{
	json_object_object_add(obj, key, s ? json_object_new_string(s) : NULL);
}

void json_set_int(json *obj, const char *key, int64_t n)
{
	json_object_object_add(obj, key, json_object_new_int64(n));
}

void json_set_bool(json *obj, const char *key, bool b)
{
	json_object_object_add(obj, key, json_object_new_boolean(b));
}

void json_set_strv(json *obj, const char *key, const struct strv *sv)
{
	json *a = json_object_new_array();

	for (size_t i = 0; i < sv->n; i++)
		json_object_array_add(a, json_object_new_string(sv->v[i]));
	json_object_object_add(obj, key, a);
}

int json_get_strv(json *obj, const char *key, struct strv *sv)
{
	json *a = json_get(obj, key, json_type_array);

	if (!a)
		return -EBADMSG;
	for (size_t i = 0; i < json_object_array_length(a); i++) {
		json *s = json_object_array_get_idx(a, i);

		if (!json_object_is_type(s, json_type_string))
			return -EBADMSG;
		strv_add(sv, json_object_get_string(s));
	}
	return 0;
}

double json_double(json *obj, const char *key)
{
	json *v = NULL;

	return json_object_object_get_ex(obj, key, &v) ? json_object_get_double(v) : 0;
}
