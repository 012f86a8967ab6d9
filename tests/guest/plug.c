// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory that is plugged in while the guest runs: takes a share of it, and looks whether it keeps what is in it. */
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#include "guest.h"

#define MIB (1UL << 20)
/* More than what comes and goes by itself. */
#define LEAST (32 * MIB)
/* Of memory that came. A DIMM is above 4 GiB: the kernel takes from there first. */
#define SHARE_PERCENT 25

static uint8_t *extra;
static size_t extra_pages;
static bool extra_bad;

static size_t total(void)
{
	struct sysinfo si;

	if (sysinfo(&si))
		die("sysinfo");
	return (size_t)si.totalram * si.mem_unit;
}

static uint64_t *page(size_t nr)
{
	return (uint64_t *)(extra + nr * GUEST_PAGE);
}

static void use_memory(size_t bytes)
{
	extra_pages = bytes / GUEST_PAGE;
	extra = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (extra == MAP_FAILED)
		die("mmap");
	for (size_t nr = 0; nr < extra_pages; nr++)
		*page(nr) = pattern_seed(extra_pages, nr, 1);
}

size_t plug_kept_mib(void)
{
	static size_t at_start;
	size_t now = total();

	if (!at_start)
		at_start = now;
	if (!extra && now > at_start + LEAST)
		use_memory((now - at_start) / 100 * SHARE_PERCENT);
	for (size_t nr = 0; nr < extra_pages && !extra_bad; nr++) {
		if (*page(nr) == pattern_seed(extra_pages, nr, 1))
			continue;
		extra_bad = true;
		say("wrong %s page=%zu of memory that was plugged in\n", config.name, nr);
	}
	return extra_bad ? 0 : extra_pages * GUEST_PAGE / MIB;
}
