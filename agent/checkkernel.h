/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the kernel to jump to can take over from this one. */
#ifndef VMKEEP_CHECKKERNEL_H
#define VMKEEP_CHECKKERNEL_H

#include "check.h"
#include "kho.h"

/** check_kernel() - Look at the target: image, initrd, command line. Fills in @t's version. Waits. */
void check_kernel(json *all, struct target *t);

/**
 * check_formats() - Whether two kernels hand over and take over in the same formats.
 * @k:		The one to jump to.
 * @here:	What the running one speaks.
 *
 * What becomes of a difference, from the source of 7.2: luo_early_startup() ends in
 * luo_restore_fail(), which is panic(); kho_populate() warns, and the kernel boots as if
 * nothing had been handed over; luo_file.c finds nobody to retrieve the file.
 */
void check_formats(json *all, const struct kimage *k, const struct kabi *here);

/** check_cmdline() - Whether @cmdline switches on what is needed. @k: The kernel it is for. */
void check_cmdline(json *all, const char *cmdline, const struct kimage *k);

/**
 * lockdown_active() - Whether kernel_lockdown(7) is on.
 * @text:	Of /sys/kernel/security/lockdown: "none [integrity] confidentiality".
 */
bool lockdown_active(const char *text);

/**
 * check_signature() - Whether this kernel, if it is locked down, would load @k.
 * @lockdown:	The text of /sys/kernel/security/lockdown.
 * @ima:	Whether there is IMA, which may appraise an image without a signature.
 */
void check_signature(json *all, const struct kimage *k, const char *lockdown, bool ima);

#endif
