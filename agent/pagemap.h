/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PAGEMAP_SCAN: what a range of a process' memory is mapped by. Linux, Documentation/admin-guide/mm/pagemap. */
#ifndef VMKEEP_PAGEMAP_H
#define VMKEEP_PAGEMAP_H

#include <stdint.h>
#include <sys/types.h>

/** pagemap_open() - The page map of @pid, or of this process (0). Return: fd, or -errno. */
int pagemap_open(pid_t pid);

/**
 * pagemap_huge() - How much of a range is mapped by huge pages.
 * @pagemap:	From pagemap_open().
 * @start:	Page-aligned.
 * @size:	Bytes, a multiple of the page size.
 *
 * Return: Bytes; 0 also where the kernel cannot tell: one without CONFIG_PROC_PAGE_MONITOR, or before 6.7.
 */
uint64_t pagemap_huge(int pagemap, const void *start, uint64_t size);

/**
 * pagemap_next_present() - Find the next pages of a range that are mapped.
 * @pagemap:	From pagemap_open().
 * @start:	Page-aligned address to look from; set to where they are.
 * @end:	Page-aligned; where to stop.
 *
 * Return: Their size in bytes, 0 when there are none any more, or -errno where the kernel cannot tell.
 */
int64_t pagemap_next_present(int pagemap, uint64_t *start, uint64_t end);

#endif
