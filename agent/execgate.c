// SPDX-License-Identifier: GPL-2.0-or-later

#include "execgate.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "loop.h"

/* It writes at once, and is not let wait long. */
#define OFFER_TIMEOUT_MS 2000
#define LOOK_MS 50
#define STATE_SIZE_MAX (1024 * 1024)

int execgate_open(struct exec_gate *gate, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	char word[37];
	socklen_t len;

	random_uuid(word);
	snprintf(gate->address, sizeof(gate->address), "vmkeep-exec-%s", word);
	/* Abstract: QEMU may be a user that cannot get into the agent's directory. */
	memcpy(addr.sun_path + 1, gate->address, strlen(gate->address));
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(gate->address));
	gate->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (gate->listener < 0 || bind(gate->listener, (struct sockaddr *)&addr, len) < 0 ||
	    listen(gate->listener, 4) < 0) {
		int r = -errno;

		fd_close(&gate->listener);
		return err_set(e, r, "a socket for vmkeep-exec: %s", strerror(-r));
	}
	return 0;
}

void execgate_close(struct exec_gate *gate)
{
	fd_close(&gate->listener);
}

void exec_files_release(struct exec_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		fd_close(&files->v[i].fd);
	files->n = 0;
	files->variable[0] = '\0';
}

/* Whoever knows the address may knock; the kernel says who it is. */
static int accept_from(int listener, pid_t pid, bool (*hopeless)(const void *user),
		       const void *user, int timeout_ms, uid_t *uid)
{
	int64_t deadline = now_ms() + timeout_ms;

	for (;;) {
		struct ucred who;
		socklen_t len = sizeof(who);
		int sock;

		if (task_poll(listener, POLLIN, LOOK_MS) < 0) {
			if (now_ms() > deadline || hopeless(user))
				return -ETIMEDOUT;
			continue;
		}
		sock = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (sock < 0)
			continue;
		if (getsockopt(sock, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 && who.pid == pid) {
			*uid = who.uid;
			return sock;
		}
		fd_close(&sock);
	}
}

static int receive(int sock, struct exec_offer *offer, struct exec_files *ret)
{
	char control[CMSG_SPACE(sizeof(int) * EXEC_FILES_MAX)];
	struct iovec iov = { .iov_base = offer, .iov_len = sizeof(*offer) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c;
	ssize_t n;

	if (task_poll(sock, POLLIN, OFFER_TIMEOUT_MS) < 0)
		return -ETIMEDOUT;
	n = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	for (c = n >= 0 ? CMSG_FIRSTHDR(&msg) : NULL; c; c = CMSG_NXTHDR(&msg, c)) {
		size_t fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < fds && ret->n < EXEC_FILES_MAX; i++) {
			memcpy(&ret->v[ret->n].fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			ret->v[ret->n++].as = -1;
		}
	}
	if (n != (ssize_t)sizeof(*offer) || msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ||
	    offer->n != ret->n)
		return -EBADMSG;
	for (size_t i = 0; i < ret->n; i++)
		ret->v[i].as = offer->as[i];
	offer->state[sizeof(offer->state) - 1] = '\0';
	return 0;
}

/* The file that the variable names: one that QEMU has just made in memory, and of no absurd size. */
static int check_state(const struct exec_offer *offer, const struct exec_files *files, uid_t uid,
		       struct err *e)
{
	unsigned long number;
	struct stat st;
	char *end;

	number = strtoul(offer->state, &end, 10);
	if (!*offer->state || *end)
		return err_set(e, -EBADMSG, "its files: " EXEC_STATE_VARIABLE " is no number");
	for (size_t i = 0; i < files->n; i++) {
		if (files->v[i].as != (int)number)
			continue;
		if (fstat(files->v[i].fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != uid ||
		    !st.st_size || st.st_size > STATE_SIZE_MAX ||
		    fcntl(files->v[i].fd, F_GET_SEALS) < 0)
			return err_set(e, -EBADMSG, "its files: number %lu is not what QEMU makes",
				       number);
		return 0;
	}
	return err_set(e, -EBADMSG, "its files: there is no number %lu", number);
}

int execgate_admit(struct exec_gate *gate, pid_t pid, bool (*hopeless)(const void *user),
		   const void *user, int timeout_ms, struct exec_files *ret, struct err *e)
{
	struct exec_offer offer = { 0 };
	int r;
	uid_t uid;
	_cleanup_close_ int sock = accept_from(gate->listener, pid, hopeless, user, timeout_ms,
					       &uid);

	ret->n = 0;
	ret->variable[0] = '\0';
	if (sock < 0)
		return err_set(e, sock, "its QEMU did not replace itself");
	r = receive(sock, &offer, ret);
	if (r < 0)
		err_set(e, r, "its files: vmkeep-exec: %s", strerror(-r));
	else
		r = check_state(&offer, ret, uid, e);
	if (r < 0)
		exec_files_release(ret);
	else
		snprintf(ret->variable, sizeof(ret->variable), EXEC_STATE_VARIABLE "=%s",
			 offer.state);
	if (send(sock, r < 0 ? "n" : "y", 1, MSG_NOSIGNAL) < 0 && !r)
		r = err_set(e, -ECONNRESET, "vmkeep-exec ended");
	return r;
}
