// SPDX-License-Identifier: GPL-2.0-or-later

#include "kexec.h"

#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdio.h>
#include <sys/reboot.h>
#include <sys/syscall.h>

/* Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header" */
#define HDR_MAGIC_AT 0x202
#define HDR_VERSION_AT 0x20e
#define HDR_SIZE 0x210

int kexec_image_check(const char *path, char *version, size_t len, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	unsigned char hdr[HDR_SIZE];
	uint16_t at;
	ssize_t n;

	version[0] = '\0';
	if (fd < 0)
		return err_set(e, -errno, "kernel %s: %s", path, strerror(errno));
	n = pread(fd, hdr, sizeof(hdr), 0);
	if (n < 0)
		return err_set(e, -errno, "kernel %s: %s", path, strerror(errno));
	if (n < (ssize_t)sizeof(hdr) || memcmp(hdr + HDR_MAGIC_AT, "HdrS", 4) != 0)
		return err_set(
			e, -ENOEXEC,
			"kernel %s: not a bzImage for x86; give the file that is in /boot as vmlinuz",
			path);
	memcpy(&at, hdr + HDR_VERSION_AT, sizeof(at));
	if (at) {
		n = pread(fd, version, len - 1, at + 0x200);
		version[n > 0 ? n : 0] = '\0';
		version[strcspn(version, " \n")] = '\0';
	}
	return 0;
}

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
