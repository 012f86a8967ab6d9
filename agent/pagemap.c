// SPDX-License-Identifier: GPL-2.0-or-later

#include "pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>

#include "util.h"

#ifndef PAGEMAP_SCAN /* kernel headers before 6.7 */
#define PAGEMAP_SCAN _IOWR('f', 16, struct pm_scan_arg)
#define PAGE_IS_PRESENT (1 << 3)
#define PAGE_IS_HUGE (1 << 6)

struct page_region {
	uint64_t start;
	uint64_t end;
	uint64_t categories;
};

struct pm_scan_arg {
	uint64_t size;
	uint64_t flags;
	uint64_t start;
	uint64_t end;
	uint64_t walk_end;
	uint64_t vec;
	uint64_t vec_len;
	uint64_t max_pages;
	uint64_t category_inverted;
	uint64_t category_mask;
	uint64_t category_anyof_mask;
	uint64_t return_mask;
};
#endif

/* Of huge pages beside each other it makes one. */
#define REGIONS 64

int pagemap_open(pid_t pid)
{
	char path[64] = "/proc/self/pagemap";
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/pagemap", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

uint64_t pagemap_huge(int pagemap, const void *start, uint64_t size)
{
	struct page_region found[REGIONS];
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.start = (uintptr_t)start,
		.end = (uintptr_t)start + size,
		.vec = (uintptr_t)found,
		.vec_len = REGIONS,
		.category_mask = PAGE_IS_HUGE,
		.return_mask = PAGE_IS_HUGE,
	};
	uint64_t huge = 0;

	while (scan.start < scan.end) {
		int n = ioctl(pagemap, PAGEMAP_SCAN, &scan);

		if (n < 0 || scan.walk_end <= scan.start)
			break;
		for (int i = 0; i < n; i++)
			huge += found[i].end - found[i].start;
		scan.start = scan.walk_end;
	}
	return huge;
}

int64_t pagemap_next_present(int pagemap, uint64_t *start, uint64_t end)
{
	struct page_region found = { 0 };
	struct pm_scan_arg scan = {
		.size = sizeof(scan),
		.start = *start,
		.end = end,
		.vec = (uintptr_t)&found,
		.vec_len = 1,
		.category_mask = PAGE_IS_PRESENT,
		.return_mask = PAGE_IS_PRESENT,
	};
	int n = *start < end ? ioctl(pagemap, PAGEMAP_SCAN, &scan) : 0;

	if (n <= 0)
		return n < 0 ? -errno : 0;
	*start = found.start;
	return (int64_t)(found.end - found.start);
}
