/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A kernel image as a file: which kind it is, and what is known about the kernel in it. */
#ifndef VMKEEP_KIMAGE_H
#define VMKEEP_KIMAGE_H

#include "kscan.h"

/** KIMAGE_UNPACKED_MAX - The most an image may unpack to; the lab's kernel of 7.2 has 14 MiB. */
#define KIMAGE_UNPACKED_MAX (512ULL << 20)
/** KIMAGE_PACKED_MAX - The longest payload; that of the lab's kernel has 4 MiB. */
#define KIMAGE_PACKED_MAX (256ULL << 20)

enum kimage_format {
	KIMAGE_NONE,
	KIMAGE_BZIMAGE, /* Documentation/arch/x86/boot.rst */
	KIMAGE_ZBOOT, /* drivers/firmware/efi/libstub/zboot-header.S; no kernel for x86 is built so */
	KIMAGE_VMLINUX, /* the kernel's own ELF file */
};

/**
 * struct kimage - What is known about an image.
 * @format:	What kind of file it is.
 * @packed:	The payload's compression; NULL if it has none.
 * @machine:	The ELF machine, or the PE machine of a zboot image.
 * @x86_64:	It is for 64-bit x86.
 * @loadable:	This machine's kexec_file_load(2) takes such a file: bzImage64_probe() of
 *		arch/x86/kernel/kexec-bzimage64.c.
 * @has_signature:	It has an Authenticode signature where pefile_parse_binary() looks
 *		for one; whether a key for it is known only the kernel can tell.
 * @memory:	What it needs while it starts, in bytes: the header's init_size.
 * @release:	As uname -r will say.
 * @facts:	From the unpacked kernel.
 */
struct kimage {
	enum kimage_format format;
	const char *packed;
	unsigned int machine;
	bool x86_64;
	bool loadable;
	bool has_signature;
	uint64_t memory;
	char release[128];
	struct kscan_facts facts;
};

/**
 * kimage_read() - Find out about an image. Blocks: run it by task_background().
 *
 * What it reads may be anything. The file is read, not mapped: one that is cut short
 * meanwhile would end the agent by SIGBUS. It takes the payload's length in memory, what
 * unpack() takes, and no more, as the unpacked kernel is looked at piece by piece.
 *
 * It runs on a thread and not in a child: a child would inherit the fds of guests' memory
 * and sessions, and keep them if the agent ended just then; and what a child could protect
 * from, a fault in a decompressor, comes from a file that only root can name, and that is
 * about to become the kernel.
 *
 * @k:	What is known; partly filled in even if it fails.
 *
 * Return: 0, or -errno with the reason in @e: -ENOEXEC not a kernel image, -EBADMSG
 * damaged, -EAGAIN it was written to meanwhile, -EOPNOTSUPP, -EFBIG and -ENOMEM when it
 * could not be told.
 */
int kimage_read(const char *path, struct kimage *k, struct err *e);

/**
 * kimage_is() - Whether this is exactly the kernel with this banner and build id.
 * @banner:	The line in /proc/version.
 * @build_id:	KSCAN_BUILD_ID_LEN bytes, or NULL if it is not known.
 */
bool kimage_is(const struct kimage *k, const char *banner, const unsigned char *build_id);

#endif
