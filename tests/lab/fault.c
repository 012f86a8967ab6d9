// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD for vmkeepd, or for a QEMU: at one call into the kernel something goes wrong.
 * FAULT has a line for each fault, "CALL WHICH WHAT":
 *
 *   CALL  create, take, preserve, retrieve, finish (of Live Update), memfd_create,
 *         kexec_file_load, reboot, pwrite, readv, recv, pin (a guest's memory)
 *   WHICH the how manieth such call, from 1; or a word: the first whose object's name, a
 *         session's or a file's, has it (of preserve, the file's that is preserved; of recv,
 *         what is received)
 *   WHAT  an errno's number: the call fails with it
 *         kill: the process is killed right before
 *         other: preserve takes another file, of a page, instead
 *         put TEXT: recv gets that, and blanks, for the word
 *         a shell command: it is run right before
 *
 * `reboot` fails (EIO) where FAULT is set, so that nothing jumps, unless WHAT is a shell command.
 */

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* linux/liveupdate.h; see agent/liveupdate-abi.h */
#define IS_LIVEUPDATE(cmd) (((cmd) >> 8) == 0xBA)

struct session_arg {
	uint32_t size;
	int32_t fd;
	char name[64];
};

struct fd_arg {
	uint32_t size;
	int32_t fd;
	uint64_t token;
};

/* What came of a call: an errno, or one of these. */
enum { NOTHING = 0, COMMAND = -1, OTHER = -2, PUT = -3 };

#define FAULTS 16
#define DONE (-1U)
static unsigned int calls[FAULTS]; /* of the kind that a line is about, or DONE */
static struct {
	char word[64];
	char text[64];
} put; /* of the last PUT */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Not in the QEMUs that the agent starts. */
__attribute__((constructor)) static void only_here(void)
{
	unsetenv("LD_PRELOAD");
}

static int happen(const char *what)
{
	fprintf(stderr, "fault: %s\n", what);
	if (strcmp(what, "kill") == 0)
		kill(getpid(), SIGKILL);
	if (strcmp(what, "other") == 0)
		return OTHER;
	if (strncmp(what, "put ", 4) == 0)
		return PUT;
	if (strspn(what, "0123456789") == strlen(what))
		return atoi(what);
	(void)!system(what);
	return COMMAND;
}

/* Whether line NR of FAULT, about WHICH of its calls, is due. */
static bool due(size_t nr, const char *which, const char *object)
{
	unsigned long nth = strtoul(which, NULL, 10);
	bool ret = false;

	pthread_mutex_lock(&lock);
	if (calls[nr] != DONE && nth)
		ret = ++calls[nr] == nth;
	else if (calls[nr] != DONE)
		ret = object && strstr(object, which);
	if (ret)
		calls[nr] = DONE;
	pthread_mutex_unlock(&lock);
	return ret;
}

static int fault(const char *call, const char *object)
{
	const char *spec = getenv("FAULT");
	char line[1024];

	for (size_t nr = 0; spec && *spec && nr < FAULTS; nr++) {
		char want[32] = "", which[64] = "";
		size_t len = strcspn(spec, "\n");
		int at = 0;

		snprintf(line, sizeof(line), "%.*s", (int)len, spec);
		spec += len + (spec[len] == '\n');
		if (sscanf(line, "%31s %63s %n", want, which, &at) == 2 &&
		    strcmp(call, want) == 0 && due(nr, which, object)) {
			int ret = happen(line + at);

			if (ret == PUT) {
				snprintf(put.word, sizeof(put.word), "%s", which);
				snprintf(put.text, sizeof(put.text), "%s", line + at + 4);
			}
			return ret;
		}
	}
	return NOTHING;
}

/* The same, of a file. */
static int fault_fd(const char *call, int fd)
{
	char link[64], name[256] = "";

	if (!getenv("FAULT"))
		return NOTHING;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	(void)!readlink(link, name, sizeof(name) - 1);
	return fault(call, name);
}

#define FAIL_IF_DUE(happened)        \
	do {                         \
		int e_ = (happened); \
                                     \
		if (e_ > 0) {        \
			errno = e_;  \
			return -1;   \
		}                    \
	} while (0)

int ioctl(int fd, unsigned long cmd, ...)
{
	int (*next)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT,
										       "ioctl");
	struct fd_arg other;
	void *arg;
	va_list ap;
	int what;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (!IS_LIVEUPDATE(cmd))
		return next(fd, cmd, arg);
	switch (cmd & 0xff) {
	case 0x00:
		FAIL_IF_DUE(fault("create", ((struct session_arg *)arg)->name));
		break;
	case 0x01:
		FAIL_IF_DUE(fault("take", ((struct session_arg *)arg)->name));
		break;
	case 0x40:
		what = fault_fd("preserve", ((struct fd_arg *)arg)->fd);
		FAIL_IF_DUE(what);
		if (what == OTHER) {
			other = *(struct fd_arg *)arg;
			other.fd = (int)syscall(SYS_memfd_create, "other", 0);
			(void)!ftruncate(other.fd, 4096);
			arg = &other;
		}
		break;
	case 0x41:
		FAIL_IF_DUE(fault_fd("retrieve", fd));
		break;
	case 0x42:
		FAIL_IF_DUE(fault_fd("finish", fd));
		break;
	default:
		break;
	}
	return next(fd, cmd, arg);
}

int memfd_create(const char *name, unsigned int flags)
{
	FAIL_IF_DUE(fault("memfd_create", name));
	return (int)syscall(SYS_memfd_create, name, flags);
}

/* The C library's own parameter names are reserved. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
ssize_t pwrite(int fd, const void *p, size_t len, off_t at)
{
	FAIL_IF_DUE(fault_fd("pwrite", fd));
	return syscall(SYS_pwrite64, fd, p, len, at);
}

ssize_t pwrite64(int, const void *, size_t, off_t) __attribute__((alias("pwrite")));

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
ssize_t readv(int fd, const struct iovec *iov, int n)
{
	FAIL_IF_DUE(fault_fd("readv", fd));
	return syscall(SYS_readv, fd, iov, n);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
ssize_t recv(int fd, void *p, size_t len, int flags)
{
	ssize_t n = syscall(SYS_recvfrom, fd, p, len, flags, NULL, NULL);
	char *text, *to;

	if (n <= 0 || !getenv("FAULT"))
		return n;
	text = strndup(p, (size_t)n);
	if (text && fault("recv", text) == PUT) {
		to = (char *)p + (strstr(text, put.word) - text);
		for (size_t i = 0; i < strlen(put.word); i++)
			to[i] = i < strlen(put.text) ? put.text[i] : ' ';
	}
	free(text);
	return n;
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
long syscall(long nr, ...)
{
	long (*next)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
	long a[6];
	va_list ap;

	va_start(ap, nr);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (nr == SYS_kexec_file_load)
		FAIL_IF_DUE(fault("kexec_file_load", NULL));
	return next(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

struct io_uring;

int io_uring_register_buffers(struct io_uring *ring, const struct iovec *iov, unsigned int n)
{
	int (*next)(struct io_uring *, const struct iovec *, unsigned int) =
		(int (*)(struct io_uring *, const struct iovec *, unsigned int))dlsym(
			RTLD_NEXT, "io_uring_register_buffers");
	int what = fault("pin", NULL);

	return what > 0 ? -what : next(ring, iov, n); /* liburing has no errno */
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int reboot(int how)
{
	int what = fault("reboot", NULL);

	FAIL_IF_DUE(what);
	if (what == COMMAND)
		return (int)syscall(SYS_reboot, 0xfee1dead, 0x28121969, how, NULL);
	errno = EIO;
	return -1;
}
