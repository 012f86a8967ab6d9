/* SPDX-License-Identifier: GPL-2.0-or-later */
/* PAGEMAP_SCAN: what a range of this process' memory is mapped by. Linux, Documentation/admin-guide/mm/pagemap. */
#ifndef VMKEEP_PAGEMAP_H
#define VMKEEP_PAGEMAP_H

#include <stdint.h>

/** pagemap_open() - This process' page map, for pagemap_huge(). Return: fd, or -errno. */
int pagemap_open(void);

/**
 * pagemap_huge() - How much of a range is mapped by huge pages.
 * @pagemap:	From pagemap_open().
 * @start:	Page-aligned.
 * @size:	Bytes, a multiple of the page size.
 *
 * Return: Bytes; 0 also where the kernel cannot tell: one without CONFIG_PROC_PAGE_MONITOR, or before 6.7.
 */
uint64_t pagemap_huge(int pagemap, const void *start, uint64_t size);

#endif
