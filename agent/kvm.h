/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What KVM of this host believes: Documentation/virt/kvm/api.rst. */
#ifndef VMKEEP_KVM_H
#define VMKEEP_KVM_H

#include <stdbool.h>

/**
 * kvm_tsc() - The rate of guests' time-stamp counters.
 * @khz:	What a new vCPU has, in kHz.
 * @scaling:	Whether the processor can give a guest another rate than its own.
 *
 * Return: 0, or -errno: -ENOENT where there is no /dev/kvm.
 */
int kvm_tsc(unsigned int *khz, bool *scaling);

#endif
