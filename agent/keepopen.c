// SPDX-License-Identifier: GPL-2.0-or-later

#include "keepopen.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define PATIENCE_S 10

#define SOCK 0
#define WORD 1
/* Above both, so that neither overwrites the other. */
#define PARKING 512

/* After a fork beside threads: system calls and the stack, nothing else. */

/* Whether @line, one of QEMU's, answers the message whose id @key ends with: events come between. */
static bool answers(const char *line, size_t len, const char *key)
{
	size_t n = strlen(key);
	const char *p = memmem(line, len, key, n);

	return p && (p + n == line + len || p[n] < '0' || p[n] > '9');
}

/* What answers an add-fd is short; of a longer line only the end is looked at, where QEMU puts the id. */
static void read_answer(const char *key)
{
	char buf[4096];
	size_t len = 0;
	struct timespec now;
	int64_t until;

	clock_gettime(CLOCK_MONOTONIC, &now);
	until = now.tv_sec + PATIENCE_S;
	/* An agent that had already read the answer when it ended: a QEMU may have much to tell, and none for us. */
	while (now.tv_sec <= until) {
		struct pollfd p = { .fd = SOCK, .events = POLLIN };
		char *end;
		ssize_t n;

		if (poll(&p, 1, PATIENCE_S * 1000) <= 0)
			return;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (len == sizeof(buf)) {
			memmove(buf, buf + len / 2, len / 2);
			len /= 2;
		}
		n = read(SOCK, buf + len, sizeof(buf) - len);
		if (n <= 0)
			return;
		len += (size_t)n;
		while ((end = memchr(buf, '\n', len))) {
			size_t line = (size_t)(end - buf);

			if (answers(buf, line, key))
				return;
			len -= line + 1;
			memmove(buf, end + 1, len);
		}
	}
}

static void child(int sock, int word, const char *key)
{
	char c;

	sock = fcntl(sock, F_DUPFD, PARKING);
	word = fcntl(word, F_DUPFD, PARKING);
	if (sock < 0 || word < 0 || dup2(sock, SOCK) < 0 || dup2(word, WORD) < 0)
		_exit(1);
	/* An agent's session that stayed open here would keep a guest's memory preserved. */
	close_range(WORD + 1, ~0U, 0);
	prctl(PR_SET_NAME, "vmkeep-keepopen");
	/* Nothing to read: the agent has ended, and cannot say. */
	if (read(WORD, &c, 1) == 0)
		read_answer(key);
	_exit(0);
}

int keepopen_start(int sock, int64_t id, struct keepopen *ret)
{
	char key[48];
	int word[2], r;
	pid_t pid;

	/* As QEMU writes it. */
	snprintf(key, sizeof(key), "\"id\": %lld", (long long)id);
	if (pipe2(word, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0)
		child(sock, word[0], key);
	r = pid < 0 ? -errno : 0;
	fd_close(&word[0]);
	if (r < 0) {
		fd_close(&word[1]);
		return r;
	}
	*ret = (struct keepopen){ .pid = pid, .done = word[1], .id = id };
	return 0;
}

void keepopen_end(struct keepopen *k)
{
	if (!k->pid)
		return;
	kill(k->pid, SIGKILL);
	waitpid(k->pid, NULL, 0);
	fd_close(&k->done);
	*k = (struct keepopen){ 0 };
}
