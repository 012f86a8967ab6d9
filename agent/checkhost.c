// SPDX-License-Identifier: GPL-2.0-or-later

#include "checkhost.h"

#include "clock.h"
#include "findings.h"
#include "kvm.h"
#include "luo.h"

/* KVM's own tolerance: its module parameter tsc_tolerance_ppm. */
#define TSC_TOLERANCE 250e-6

static void check_device(json *all)
{
	int dev = luo_open();

	if (dev == -EBUSY)
		found(all, BLOCKED, "host", LUO_DEVICE " is held by another process",
		      "only one process can make sessions at a time",
		      "end that process (fuser -v " LUO_DEVICE ")");
	else if (dev < 0)
		found(all, BLOCKED, "host", "this kernel has no " LUO_DEVICE,
		      "nothing can be kept over a kexec without it",
		      "boot a kernel with CONFIG_LIVEUPDATE and the parameters kho=on liveupdate=on "
		      "(kernel-config/check-config tells more)");
	fd_close(&dev);
}

static void check_kexec_allowed(json *all)
{
	_cleanup_free_ char *s = NULL;

	if (read_file("/proc/sys/kernel/kexec_load_disabled", 16, &s, NULL) == 0 && s[0] != '0')
		found(all, BLOCKED, "host", "kexec is switched off",
		      "sysctl kernel.kexec_load_disabled is 1",
		      "it can only be switched on again by a reboot without that setting");
}

/*
 * This kernel may have got the counter's rate wrong at boot, and corrected itself
 * after KVM had taken it over. Without scaling, the vCPUs then have none, KVM
 * reads the host's counter as 0 for them, and their clocks would be off by the
 * host's uptime afterwards.
 */
static void check_guests_tsc(json *all)
{
	double off;
	unsigned int khz;
	bool scaling;

	if (kvm_tsc(&khz, &scaling) < 0 || scaling || !clock_tsc_hz())
		return;
	off = (double)khz * 1000 / (double)clock_tsc_hz() - 1;
	if (off < TSC_TOLERANCE && off > -TSC_TOLERANCE)
		return;
	found(all, BLOCKED, "host", "KVM has a wrong rate of the time-stamp counter",
	      "guests' clocks would jump by the host's uptime",
	      "the host has to be booted anew, best with tsc_early_khz= its true rate");
}

void check_host(json *all)
{
	check_device(all);
	check_kexec_allowed(all);
	check_guests_tsc(all);
}
