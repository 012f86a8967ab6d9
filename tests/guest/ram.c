// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * RAM verifier: one mapping of nearly all free memory. Each pass goes through it page
 * by page, checks the page against its generation and rewrites it with the next.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <time.h>

#include "guest.h"

/* Left free, for the kernel's own changing needs: there is no swap here. */
#define RESERVE (10UL << 20)
#define DETAILS 8
/* Pages between two looks at the clock. */
#define BATCH 64
#define SLICE_NS 20000000ULL
/* A virtual CPU's clock runs on while the host has no time for it: what is counted as work beyond this was none. */
#define WORKED_MAX_NS (5 * SLICE_NS)

static uint8_t *ram;
static size_t pages;

/**
 * ram_map() - Map the memory to be tested
 *
 * fill= is a percentage of the guest's memory ("50%") or a size ("64M"); at most what
 * is free without the reserve, which is also the default.
 *
 * Return: bytes under test
 */
size_t ram_map(void)
{
	struct sysinfo si;
	size_t most, want;
	char *unit;

	if (sysinfo(&si))
		die("sysinfo");
	most = (size_t)si.freeram * si.mem_unit;
	most = most > 2 * RESERVE ? most - RESERVE : most / 2;
	want = strtoul(config.fill, &unit, 10);
	if (*unit == '%')
		want = (size_t)si.totalram * si.mem_unit / 100 * want;
	else if (*unit == 'M')
		want <<= 20;
	else if (*unit == 'G')
		want <<= 30;
	if (!want || want > most)
		want = most;

	pages = want / GUEST_PAGE;
	ram = mmap(NULL, pages * GUEST_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (ram == MAP_FAILED)
		die("mmap");
	/* Best effort: fewer TLB misses, which are dear under nested paging. */
	(void)madvise(ram, pages * GUEST_PAGE, MADV_HUGEPAGE);
	return pages * GUEST_PAGE;
}

/* What a wrong page looks like says where to search for the fault. */
static const char *looks(const void *page, uint64_t key, size_t nr, uint64_t gen)
{
	static const uint8_t zero[GUEST_PAGE];

	if (!memcmp(page, zero, sizeof(zero)))
		return "zero";
	if (gen && pattern_match(page, pattern_seed(key, nr, gen - 1)))
		return "old";
	for (size_t other = 0; other < pages; other++)
		if (pattern_match(page, pattern_seed(key, other, gen)) ||
		    pattern_match(page, pattern_seed(key, other, gen + 1)))
			return "misplaced";
	return "junk";
}

static void report(const uint8_t *page, uint64_t key, size_t nr, uint64_t gen)
{
	static unsigned int told;
	size_t off = 0, wrong;
	uint8_t want = 0;

	wrong = pattern_diff(page, pattern_seed(key, nr, gen), &off, &want);
	counts.wrong += wrong;
	if (told++ < DETAILS)
		say("wrong %s page=%zu off=%zu want=%02x got=%02x bytes=%zu gen=%llu looks=%s\n",
		    config.name, nr, off, want, page[off], wrong, (unsigned long long)gen,
		    looks(page, key, nr, gen));
}

static uint64_t cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ULL + (uint64_t)ts.tv_nsec;
}

/* Use no more than config.duty percent of a CPU; time spent waiting for one is not work. */
static void rest(uint64_t *since)
{
	uint64_t worked = cpu_ns() - *since;

	/* Under emulation a wake-up costs as much as this. */
	if (worked < SLICE_NS)
		return;
	if (worked > WORKED_MAX_NS)
		worked = WORKED_MAX_NS;
	if (config.duty < 100)
		sleep_ns(worked * (100 - config.duty) / config.duty);
	*since = cpu_ns();
}

void *ram_thread(void *unused)
{
	uint64_t key = pattern_key(config.boot_id, "ram");
	uint64_t since = cpu_ns();

	(void)unused;
	for (size_t nr = 0; nr < pages; nr++)
		pattern_fill(ram + nr * GUEST_PAGE, pattern_seed(key, nr, 0));

	for (uint64_t gen = 0;; gen++) {
		for (size_t nr = 0; nr < pages; nr++) {
			uint8_t *page = ram + nr * GUEST_PAGE;

			if (!pattern_match(page, pattern_seed(key, nr, gen)))
				report(page, key, nr, gen);
			pattern_fill(page, pattern_seed(key, nr, gen + 1));
			if (nr % BATCH == BATCH - 1)
				rest(&since);
		}
		counts.passes++;
	}
	return NULL;
}
