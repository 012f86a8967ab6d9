// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * LD_PRELOAD for vmkeepd: at one call into the kernel something goes wrong. FAULT is
 * "CALL NTH WHAT":
 *
 *   CALL  create, preserve, retrieve, finish (of Live Update), memfd_create,
 *         kexec_file_load, reboot
 *   NTH   the how manieth such call, from 1
 *   WHAT  an errno's number: the call fails with it
 *         kill: the agent is killed right before
 *         a shell command: it is run right before
 *
 * `reboot` always fails (EIO) where FAULT is set, so that nothing jumps.
 */

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

/* linux/liveupdate.h; see agent/liveupdate-abi.h */
#define IS_LIVEUPDATE(cmd) (((cmd) >> 8) == 0xBA)

static atomic_uint calls;

/* Not in the QEMUs that the agent starts. */
__attribute__((constructor)) static void only_here(void)
{
	unsetenv("LD_PRELOAD");
}

/* Return: the errno to fail with, or 0. */
static int fault(const char *call)
{
	const char *spec = getenv("FAULT");
	char want[32] = "";
	unsigned int nth = 0;
	int at = 0;

	if (!spec || sscanf(spec, "%31s %u %n", want, &nth, &at) < 2 || strcmp(call, want) != 0 ||
	    ++calls != nth)
		return 0;
	spec += at;
	fprintf(stderr, "fault: %s\n", getenv("FAULT"));
	if (strcmp(spec, "kill") == 0)
		kill(getpid(), SIGKILL);
	if (strspn(spec, "0123456789") == strlen(spec))
		return atoi(spec);
	(void)!system(spec);
	return 0;
}

#define FAIL_IF_DUE(call)             \
	do {                          \
		int e_ = fault(call); \
                                      \
		if (e_) {             \
			errno = e_;   \
			return -1;    \
		}                     \
	} while (0)

int ioctl(int fd, unsigned long cmd, ...)
{
	int (*next)(int, unsigned long, ...) = (int (*)(int, unsigned long, ...))dlsym(RTLD_NEXT,
										       "ioctl");
	void *arg;
	va_list ap;

	va_start(ap, cmd);
	arg = va_arg(ap, void *);
	va_end(ap);
	if (IS_LIVEUPDATE(cmd)) {
		switch (cmd & 0xff) {
		case 0x00:
			FAIL_IF_DUE("create");
			break;
		case 0x40:
			FAIL_IF_DUE("preserve");
			break;
		case 0x41:
			FAIL_IF_DUE("retrieve");
			break;
		case 0x42:
			FAIL_IF_DUE("finish");
			break;
		default:
			break;
		}
	}
	return next(fd, cmd, arg);
}

int memfd_create(const char *name, unsigned int flags)
{
	FAIL_IF_DUE("memfd_create");
	return (int)syscall(SYS_memfd_create, name, flags);
}

/* The C library's own parameter names are reserved. */
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
		FAIL_IF_DUE("kexec_file_load");
	return next(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) */
int reboot(int how)
{
	(void)how;
	FAIL_IF_DUE("reboot");
	errno = EIO;
	return -1;
}
