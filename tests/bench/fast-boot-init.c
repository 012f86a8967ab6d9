// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PID 1 of both kernels of tests/bench/fast-boot: in the first it loads /kernel with /next.cpio and jumps, and says what
 * the time-stamp counter was right before; in the second, what it was when it began.
 */
#define _GNU_SOURCE

#include <fcntl.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>

#define LANDED " landed"

static void die(const char *what)
{
	perror(what);
	for (;;)
		pause();
}

int main(void)
{
	unsigned long long tsc = __rdtsc();
	char cmdline[4096 + sizeof(LANDED)] = "";
	int kernel, initrd, fd;

	mkdir("/proc", 0755);
	if (mount("proc", "/proc", "proc", 0, NULL) < 0)
		die("proc");
	fd = open("/proc/cmdline", O_RDONLY);
	if (fd < 0 || read(fd, cmdline, 4095) < 0)
		die("cmdline");
	cmdline[strcspn(cmdline, "\n")] = '\0';
	if (strstr(cmdline, LANDED)) {
		printf("fast-boot: landed %llu\n", tsc);
		fflush(stdout);
		for (;;)
			pause();
	}
	strcat(cmdline, LANDED);
	kernel = open("/kernel", O_RDONLY);
	initrd = open("/next.cpio", O_RDONLY);
	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(cmdline) + 1, cmdline, 0UL) < 0)
		die("kexec_file_load");
	printf("fast-boot: jump %llu\n", __rdtsc());
	fflush(stdout);
	reboot((int)LINUX_REBOOT_CMD_KEXEC);
	die("reboot");
}
