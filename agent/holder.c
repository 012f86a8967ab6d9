// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One request a connection, a struct each way, the fd beside the answer. Both ends are
 * the same program, or another version of it: hence the version in the request.
 */

#include "holder.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "unixsock.h"

#define PROTOCOL 1
#define NAME_LEN 64
#define PATIENCE_S 10

enum op { OP_TAKE = 1, OP_RELEASE = 2 };

struct request {
	uint32_t protocol;
	uint32_t op;
	char name[NAME_LEN];
};

struct answer {
	int32_t result; /* 0: an fd comes along */
	uint32_t again;
};

struct held {
	char name[NAME_LEN];
	int fd; /* negative: was released */
	struct held *next;
};

/* --- the holder's side --- */

static struct held *all_held;

static struct held *find(const char *name)
{
	for (struct held *h = all_held; h; h = h->next)
		if (strcmp(h->name, name) == 0)
			return h;
	return NULL;
}

static int give(const char *name, holder_take_fn *take, struct answer *a)
{
	struct held *h = find(name);
	int fd;

	if (h) {
		a->again = 1;
		a->result = h->fd < 0 ? -EALREADY : 0;
		return h->fd;
	}
	fd = take(name);
	a->result = fd < 0 ? fd : 0;
	if (fd < 0)
		return fd;
	h = xmalloc0(sizeof(*h));
	snprintf(h->name, sizeof(h->name), "%s", name);
	h->fd = fd;
	h->next = all_held;
	all_held = h;
	return fd;
}

static void send_answer(int sock, const struct answer *a, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)a, .iov_len = sizeof(*a) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (a->result == 0 && fd >= 0) {
		msg.msg_control = control;
		msg.msg_controllen = sizeof(control);
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	}
	(void)!sendmsg(sock, &msg, MSG_NOSIGNAL); /* whoever asked may be gone */
}

static void set_patience(int sock)
{
	struct timeval tv = { .tv_sec = PATIENCE_S };

	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
}

static bool holds_anything(void)
{
	for (struct held *h = all_held; h; h = h->next)
		if (h->fd >= 0)
			return true;
	return false;
}

/* Return: whether there will be something to do after this. */
static bool serve_one(int sock, const char *path, holder_take_fn *take)
{
	struct answer a = { .result = -EPROTO };
	struct request req;
	struct held *h;
	int fd = -EBADF;
	bool more;

	set_patience(sock);
	if (recv(sock, &req, sizeof(req), MSG_WAITALL) != (ssize_t)sizeof(req))
		return true; /* it only looked whether we are here: it will ask */
	req.name[NAME_LEN - 1] = '\0';
	if (req.protocol == PROTOCOL && req.op == OP_TAKE) {
		fd = give(req.name, take, &a);
	} else if (req.protocol == PROTOCOL && req.op == OP_RELEASE) {
		h = find(req.name);
		if (h)
			fd_close(&h->fd);
		a.result = 0;
	}
	more = a.result == -EBUSY || holds_anything();
	/* Before the answer: whoever has it must not find the socket of a process that ends. */
	if (!more)
		unlink(path);
	send_answer(sock, &a, fd);
	return more;
}

static void hold(int listener, const char *path, holder_take_fn *take)
{
	bool more = true;

	while (more) {
		_cleanup_close_ int sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (sock >= 0)
			more = serve_one(sock, path, take);
	}
}

static void become_holder(int listener, const char *path, holder_take_fn *take)
{
	int null;

	setsid();
	prctl(PR_SET_NAME, HOLDER_COMM);
	signal(SIGPIPE, SIG_IGN);
	/* Nothing of the agent's stays open here, least of all its lock. */
	if (dup2(listener, 3) < 0 || close_range(4, ~0U, 0) < 0 || fcntl(3, F_SETFL, 0) < 0)
		_exit(1);
	null = open("/dev/null", O_RDWR);
	dup2(null, STDIN_FILENO);
	/* Whoever reads what the agent writes waits for its end, not for ours. */
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	hold(3, path, take);
	_exit(0);
}

/* --- the agent's side --- */

static char *socket_path;
static holder_take_fn *take_self;
static bool required;

static bool alive(void)
{
	_cleanup_close_ int sock = unixsock_connect(socket_path);

	return sock >= 0;
}

int holder_start(const char *run_dir, holder_take_fn *take, struct err *e)
{
	_cleanup_close_ int listener = -EBADF;
	pid_t pid;

	free(socket_path);
	socket_path = xasprintf("%s/holder.sock", run_dir);
	take_self = take;
	if (alive())
		return 0;
	listener = unixsock_listen(socket_path, 0600);
	if (listener < 0)
		return err_set(e, listener, "%s: %s", socket_path, strerror(-listener));
	/* Twice, so that nobody of ours has to wait for its end. */
	pid = fork();
	if (pid < 0)
		return err_set(e, -errno, "fork: %s", strerror(errno));
	if (pid == 0) {
		if (fork() == 0)
			become_holder(listener, socket_path, take);
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	return 0;
}

static int receive_fd(int sock, struct answer *a)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = a, .iov_len = sizeof(*a) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	int fd;

	if (recvmsg(sock, &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(*a))
		return -EIO;
	if (a->result < 0)
		return a->result;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(int)))
		return -EBADF;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* Return: an fd or -errno of the answer; -ENOTCONN when there is no holder. */
static int ask(enum op op, const char *name, bool *again)
{
	struct request req = { .protocol = PROTOCOL, .op = op };
	_cleanup_close_ int sock = socket_path ? unixsock_connect(socket_path) : -ENOTCONN;
	struct answer a = { 0 };
	int fd;

	if (sock < 0)
		return -ENOTCONN;
	if (strlen(name) >= sizeof(req.name))
		return -ENAMETOOLONG;
	memcpy(req.name, name, strlen(name));
	set_patience(sock);
	if (send(sock, &req, sizeof(req), MSG_NOSIGNAL) != (ssize_t)sizeof(req))
		return -ENOTCONN;
	fd = receive_fd(sock, &a);
	if (again)
		*again = a.again;
	return fd;
}

int holder_take(const char *name, bool *again)
{
	int fd;

	*again = false;
	fd = ask(OP_TAKE, name, again);
	return fd == -ENOTCONN && !required ? take_self(name) : fd;
}

void holder_require(void)
{
	required = true;
}

void holder_release(const char *name)
{
	ask(OP_RELEASE, name, NULL);
}
