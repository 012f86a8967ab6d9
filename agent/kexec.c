// SPDX-License-Identifier: GPL-2.0-or-later

#include "kexec.h"

#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/syscall.h>

int kexec_load(const char *kernel, const char *initrd, const char *cmdline, struct err *e)
{
	_cleanup_close_ int kfd = open(kernel, O_RDONLY | O_CLOEXEC);
	_cleanup_close_ int ifd = -EBADF;

	if (kfd < 0)
		return err_set(e, -errno, "kernel %s: %s", kernel, strerror(errno));
	if (initrd) {
		ifd = open(initrd, O_RDONLY | O_CLOEXEC);
		if (ifd < 0)
			return err_set(e, -errno, "initrd %s: %s", initrd, strerror(errno));
	}
	if (syscall(SYS_kexec_file_load, kfd, ifd, strlen(cmdline) + 1, cmdline,
		    initrd ? 0UL : (unsigned long)KEXEC_FILE_NO_INITRAMFS) < 0)
		return err_set(
			e, -errno, "kexec_file_load of %s: %s%s", kernel, strerror(errno),
			errno == EPERM
				? " (kexec may be switched off: see kernel.kexec_load_disabled and lockdown)"
				: "");
	return 0;
}

int kexec_unload(void)
{
	return syscall(SYS_kexec_file_load, -1, -1, 0UL, NULL, (unsigned long)KEXEC_FILE_UNLOAD) < 0
		       ? -errno
		       : 0;
}

bool kexec_loaded(void)
{
	_cleanup_free_ char *s = NULL;

	return read_file("/sys/kernel/kexec_loaded", 16, &s, NULL) == 0 && s[0] == '1';
}

int kexec_jump(void)
{
	return reboot(LINUX_REBOOT_CMD_KEXEC) < 0 ? -errno : 0;
}
