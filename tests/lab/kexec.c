// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kexec [-i INITRD] [-c CMDLINE] KERNEL: load and jump, for scenarios that do without
 * vmkeep. The command line is this kernel's if none is given. The line on the console
 * right before the jump is what the floor is measured from.
 */

#include <err.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

static const char *own_cmdline(void)
{
	static char line[4096];
	FILE *f = fopen("/proc/cmdline", "re");

	if (!f || !fgets(line, sizeof(line), f))
		err(1, "/proc/cmdline");
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static int open_image(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

int main(int argc, char **argv)
{
	const char *cmdline = NULL, *initrd = NULL;
	int c, console, kernel_fd, initrd_fd = -1;
	unsigned long flags = 0;

	while ((c = getopt(argc, argv, "c:i:")) != -1) {
		if (c == 'c')
			cmdline = optarg;
		else if (c == 'i')
			initrd = optarg;
		else
			return 2;
	}
	if (optind + 1 != argc)
		errx(2, "usage: kexec [-i INITRD] [-c CMDLINE] KERNEL");
	if (!cmdline)
		cmdline = own_cmdline();

	kernel_fd = open_image(argv[optind]);
	if (initrd)
		initrd_fd = open_image(initrd);
	else
		flags |= KEXEC_FILE_NO_INITRAMFS;
	if (syscall(SYS_kexec_file_load, kernel_fd, initrd_fd, strlen(cmdline) + 1, cmdline, flags))
		err(1, "kexec_file_load %s", argv[optind]);

	sync();
	console = open("/dev/console", O_WRONLY | O_CLOEXEC);
	if (console < 0)
		err(1, "/dev/console");
	dprintf(console, "lab: jump\n");
	reboot(RB_KEXEC);
	err(1, "reboot");
}
