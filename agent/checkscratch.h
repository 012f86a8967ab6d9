/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whether the next kernel can start in the scratch areas.
 *
 * Until it knows which memory guests have, a kernel that is handed over to takes memory from them alone: for its
 * image and initrd, but also for its list of all pages (1/64 of RAM), bounce buffers, hash tables.
 * With too little it dies before it has a console, and every guest with it. Since 7.3 it takes what nothing was
 * preserved in as well, before it makes that list (kho_extend_scratch() in kernel/liveupdate/kexec_handover.c).
 */
#ifndef VMKEEP_CHECKSCRATCH_H
#define VMKEEP_CHECKSCRATCH_H

#include "check.h"
#include "kho.h"

/**
 * struct host_size - What a kernel's own needs grow with.
 * @ram:	Bytes, all of the host's.
 * @cpus:	Those that it could have.
 */
struct host_size {
	uint64_t ram;
	unsigned int cpus;
};

/** host_size_read() - This host's. @iomem: "/proc/iomem". A @ram of 0: not known. */
void host_size_read(const char *iomem, struct host_size *ret);

/**
 * struct scratch_need - Bytes of scratch that a kernel takes until it has other memory.
 * @vital:	Without them it cannot start.
 * @useful:	With fewer, it starts without bounce buffers, or with small hash tables.
 */
struct scratch_need {
	uint64_t vital, useful;
};

/**
 * scratch_crash() - Bytes that a command line sets aside for a kernel to crash into.
 * @cmdline:	With "crashkernel=SIZE[@PLACE]", "=SIZE,high", "=SIZE,low" or "=FROM-[TO]:SIZE,…".
 * @ram:	The host's, which chooses among the last.
 *
 * Documentation/admin-guide/kdump/kdump.rst. They are taken before anything else is, where there is memory
 * to be had: from scratch. Return: all together; 0 for what makes no sense.
 */
uint64_t scratch_crash(const char *cmdline, uint64_t ram);

/**
 * scratch_need() - Those of kernel @k.
 * @initrd:	Length of the initrd, 0 for none.
 * @crash:	scratch_crash() of its command line.
 *
 * Rather too much than too little: what is added up is what 7.2 takes on x86-64 (memblock=debug).
 */
struct scratch_need scratch_need(const struct kimage *k, uint64_t initrd, uint64_t crash,
				 const struct host_size *host);

/**
 * check_scratch() - Whether the areas are large enough.
 * @next:	The next kernel's command line.
 * @s:		They.
 * @cmdline:	The running kernel's, which says whether somebody has chosen their size.
 */
void check_scratch(json *all, const struct kimage *k, uint64_t initrd, const char *next,
		   const struct kho_scratch *s, const struct host_size *host, const char *cmdline);

#endif
