// SPDX-License-Identifier: GPL-2.0-or-later

#include "clock.h"

#include <time.h>
#include <unistd.h>

#include "util.h"

static uint64_t start_tsc;
static int64_t start_raw, start_boot;

static int64_t ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

void clock_init(void)
{
	start_tsc = clock_tsc();
	start_raw = ns(CLOCK_MONOTONIC_RAW);
	start_boot = ns(CLOCK_BOOTTIME);
}

uint64_t clock_start_tsc(void)
{
	return start_tsc;
}

double clock_tsc_hz(void)
{
	int64_t elapsed = ns(CLOCK_MONOTONIC_RAW) - start_raw;

	if (elapsed < 20 * NSEC_PER_MSEC) {
		usleep((useconds_t)(20000 - elapsed / 1000));
		elapsed = ns(CLOCK_MONOTONIC_RAW) - start_raw;
	}
	return (double)(clock_tsc() - start_tsc) * (double)NSEC_PER_SEC / (double)elapsed;
}

int64_t clock_realtime_ns(void)
{
	return ns(CLOCK_REALTIME);
}

int64_t clock_start_boot_ns(void)
{
	return start_boot;
}
