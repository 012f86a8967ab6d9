/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The time-stamp counter: it runs on over a kexec, so it is the one clock that
 * both kernels share and a blackout can be measured with.
 */
#ifndef VMKEEP_CLOCK_H
#define VMKEEP_CLOCK_H

#include <stdint.h>

/** clock_init() - Note when this program started. Call first. */
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
 * clock_measure() - Measure the counter's rate. Blocks for half a second.
 *
 * Against CLOCK_MONOTONIC_RAW, to some ten ppm: KVM bears 250. Over a span of its
 * own, not since clock_init(): in a kernel's first seconds that clock itself is
 * as far off as the kernel's first estimate of the counter.
 *
 * Return: 0; -EIO when the counter does not advance.
 */
int clock_measure(void *unused);

/** clock_tsc_hz() - The rate that clock_measure() found, in ticks a second; 0 before. */
uint64_t clock_tsc_hz(void);

/** clock_realtime_ns() - CLOCK_REALTIME in nanoseconds. */
int64_t clock_realtime_ns(void);

/**
 * clock_carry_realtime() - Set CLOCK_REALTIME to what it would be without the jump.
 * @then_ns:	What it was at
 * @then_tsc:	this value of the counter,
 * @hz:		whose rate this is.
 * @by_ns:	By how much it was set forward.
 *
 * A kernel has its wall clock from a clock chip, which counts whole seconds (rtc(4)). What differs by more
 * than that grain explains is left alone: somebody has set one of them.
 *
 * Return: 0; -ERANGE when it was left alone; -errno of clock_settime(2).
 */
int clock_carry_realtime(int64_t then_ns, uint64_t then_tsc, uint64_t hz, int64_t *by_ns);

#endif
