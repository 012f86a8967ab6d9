/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The time-stamp counter: it runs on over a kexec, so it is the one clock that
 * both kernels share and a blackout can be measured with.
 */
#ifndef VMKEEP_CLOCK_H
#define VMKEEP_CLOCK_H

#include <stdint.h>

/** clock_init() - Begin to measure the counter's rate. Call early: precision grows with the time since. */
void clock_init(void);

/** clock_start_tsc() - The counter at clock_init(). */
uint64_t clock_start_tsc(void);

/** clock_start_boot_ns() - How long this kernel's clocks had run at clock_init(). */
int64_t clock_start_boot_ns(void);

/** clock_tsc() - The counter now. */
static inline uint64_t clock_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

/**
 * clock_tsc_hz() - The counter's rate in ticks a second.
 *
 * Measured against CLOCK_MONOTONIC_RAW since clock_init(); waits up to 20 ms if
 * that was just now, which keeps the error under 0.1 %.
 */
double clock_tsc_hz(void);

/** clock_realtime_ns() - CLOCK_REALTIME in nanoseconds. */
int64_t clock_realtime_ns(void);

#endif
