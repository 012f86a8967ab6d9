// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Prints the rate of this machine's time-stamp counter in kHz, which is the host VM's
 * too. A kernel that measures it itself under emulation can be far off, and KVM in it
 * then miscounts its guests' time.
 */

#include <stdint.h>
#include <stdio.h>
#include <time.h>

/* Both clocks at one moment: the closest of some tries. */
static void both(uint64_t *tsc, int64_t *ns)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 32; i++) {
		uint64_t before = __builtin_ia32_rdtsc(), after;
		struct timespec ts;

		clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = __builtin_ia32_rdtsc();
		if (after - before < best) {
			best = after - before;
			*tsc = before + best / 2;
			*ns = ts.tv_sec * 1000000000LL + ts.tv_nsec;
		}
	}
}

int main(void)
{
	struct timespec span = { .tv_nsec = 200000000 };
	uint64_t tsc0 = 0, tsc1 = 0;
	int64_t ns0 = 0, ns1 = 0;

	both(&tsc0, &ns0);
	nanosleep(&span, NULL);
	both(&tsc1, &ns1);
	if (tsc1 <= tsc0 || ns1 <= ns0)
		return 1;
	printf("%.0f\n", (double)(tsc1 - tsc0) * 1e6 / (double)(ns1 - ns0));
	return 0;
}
