// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * vmkeep-exec ADDRESS PROGRAM ARGUMENT…: what a QEMU is for a moment that replaces itself by another. It
 * shows the agent at ADDRESS what files it takes along, and becomes PROGRAM. See execgate.h.
 *
 * Without an agent it goes on all the same: the guest's memory and its device state are in this
 * process, and nobody else has them then.
 */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "execgate.h"

#define ANSWER_TIMEOUT_S 5

static int reach(const char *address)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval patience = { .tv_sec = ANSWER_TIMEOUT_S };
	size_t len = strlen(address);
	int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (sock < 0 || len >= sizeof(addr.sun_path))
		return -1;
	memcpy(addr.sun_path + 1, address, len);
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(sock, (struct sockaddr *)&addr,
		    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)) < 0)
		return -1;
	return sock;
}

/* All that is open and is to stay so. Return: how many, -1 if those are too many. */
static int list_files(int sock, int *fds)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *de;
	int n = 0;

	while (dir && (de = readdir(dir))) {
		int fd = atoi(de->d_name);

		if (fd <= STDERR_FILENO || fd == sock || fd == dirfd(dir))
			continue;
		if (n == EXEC_FILES_MAX) {
			n = -1;
			break;
		}
		fds[n++] = fd;
	}
	if (dir)
		closedir(dir);
	return n;
}

/* Return: whether the agent sends it away. */
static int is_sent_away(int sock)
{
	struct exec_offer offer = { 0 };
	char control[CMSG_SPACE(sizeof(int) * EXEC_FILES_MAX)] = { 0 };
	struct iovec iov = { .iov_base = &offer, .iov_len = sizeof(offer) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	const char *state = getenv(EXEC_STATE_VARIABLE);
	int fds[EXEC_FILES_MAX], n = list_files(sock, fds);
	struct cmsghdr *c;
	char answer;

	if (n <= 0)
		return 0;
	offer.n = (uint32_t)n;
	for (int i = 0; i < n; i++)
		offer.as[i] = fds[i];
	snprintf(offer.state, sizeof(offer.state), "%s", state ? state : "");
	msg.msg_control = control;
	msg.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n);
	c = CMSG_FIRSTHDR(&msg);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)n);
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == (ssize_t)sizeof(offer) &&
	       recv(sock, &answer, 1, 0) == 1 && answer == 'n';
}

int main(int argc, char **argv)
{
	int sock;

	if (argc < 3) {
		fprintf(stderr, "vmkeep-exec: started by vmkeepd only, see vmkeep restart\n");
		return 2;
	}
	sock = reach(argv[1]);
	if (sock >= 0 && is_sent_away(sock))
		return 1;
	execv(argv[2], argv + 2);
	fprintf(stderr, "vmkeep-exec: %s: %m\n", argv[2]);
	return 127;
}
