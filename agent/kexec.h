/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kexec_file_load(2) and the jump itself. */
#ifndef VMKEEP_KEXEC_H
#define VMKEEP_KEXEC_H

#include <stdbool.h>

#include "util.h"

/** KEXEC_CMDLINE_MAX - COMMAND_LINE_SIZE of x86, NUL included. */
#define KEXEC_CMDLINE_MAX 2048

/**
 * kexec_load() - Load the next kernel; replaces one that is loaded. Blocks.
 * @kernel:	Path of the image.
 * @initrd:	Path of its initial RAM disk, or NULL.
 * @cmdline:	Its command line, shorter than KEXEC_CMDLINE_MAX.
 *
 * Only kexec_file_load(2) hands memory over; kexec_load(2) does not.
 *
 * Return: 0 or -errno with the reason in @e.
 */
int kexec_load(const char *kernel, const char *initrd, const char *cmdline, struct err *e);

/** kexec_unload() - Forget a loaded kernel. Return: 0 or -errno. */
int kexec_unload(void);

/** kexec_loaded() - Whether a kernel is loaded (/sys/kernel/kexec_loaded). */
bool kexec_loaded(void);

/**
 * kexec_jump() - reboot(LINUX_REBOOT_CMD_KEXEC): end this kernel, start the loaded one.
 *
 * Return: Only when it failed, -errno; this kernel then runs on.
 */
int kexec_jump(void);

#endif
