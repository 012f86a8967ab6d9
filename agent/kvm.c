// SPDX-License-Identifier: GPL-2.0-or-later

#include "kvm.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>

#include "util.h"

int kvm_tsc(unsigned int *khz, bool *scaling)
{
	_cleanup_close_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm = -EBADF, vcpu = -EBADF;
	int r;

	if (kvm < 0)
		return -errno;
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (vm < 0)
		return -errno;
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		return -errno;
	r = ioctl(vcpu, KVM_GET_TSC_KHZ);
	if (r < 0)
		return -errno;
	*khz = (unsigned int)r;
	*scaling = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_TSC_CONTROL) > 0;
	return 0;
}
