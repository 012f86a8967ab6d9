// SPDX-License-Identifier: GPL-2.0-or-later

#include "clock.h"

#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "util.h"

#define SPAN_US 500000
#define TRIES 16
/* The clock chip's grain, twice: both kernels have read it. */
#define RTC_GRAIN_NS (2 * NSEC_PER_SEC)

static uint64_t start_tsc, tsc_hz;
static int64_t start_boot;

static int64_t ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

void clock_init(void)
{
	start_tsc = clock_tsc();
	start_boot = ns(CLOCK_BOOTTIME);
}

uint64_t clock_start_tsc(void)
{
	return start_tsc;
}

int64_t clock_start_boot_ns(void)
{
	return start_boot;
}

/* Both clocks at one moment: the closest of some tries, as we may be interrupted in between. */
static void both(uint64_t *tsc, int64_t *raw)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		uint64_t before = clock_tsc();
		int64_t t = ns(CLOCK_MONOTONIC_RAW);
		uint64_t after = clock_tsc();

		if (after - before < best) {
			best = after - before;
			*tsc = before + best / 2;
			*raw = t;
		}
	}
}

int clock_measure(void *unused)
{
	uint64_t tsc0 = 0, tsc1 = 0;
	int64_t raw0 = 0, raw1 = 0;

	(void)unused;
	both(&tsc0, &raw0);
	usleep(SPAN_US);
	both(&tsc1, &raw1);
	if (tsc1 <= tsc0 || raw1 <= raw0)
		return -EIO;
	tsc_hz = (uint64_t)((double)(tsc1 - tsc0) * (double)NSEC_PER_SEC / (double)(raw1 - raw0));
	return 0;
}

uint64_t clock_tsc_hz(void)
{
	return tsc_hz;
}

int64_t clock_realtime_ns(void)
{
	return ns(CLOCK_REALTIME);
}

int clock_carry_realtime(int64_t then_ns, uint64_t then_tsc, uint64_t hz, int64_t *by_ns)
{
	struct timespec ts;
	int64_t now;

	*by_ns = 0;
	if (!hz || clock_tsc() < then_tsc)
		return -ERANGE;
	now = then_ns +
	      (int64_t)((double)(clock_tsc() - then_tsc) / (double)hz * (double)NSEC_PER_SEC);
	*by_ns = now - clock_realtime_ns();
	if (*by_ns > RTC_GRAIN_NS || *by_ns < -RTC_GRAIN_NS)
		return -ERANGE;
	ts = (struct timespec){ .tv_sec = now / NSEC_PER_SEC, .tv_nsec = now % NSEC_PER_SEC };
	return clock_settime(CLOCK_REALTIME, &ts) < 0 ? -errno : 0;
}
