/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is in an initial RAM disk: cpio archives one after the other, each packed or not
 * (Documentation/driver-api/early-userspace/buffer-format.rst).
 */
#ifndef VMKEEP_INITRD_H
#define VMKEEP_INITRD_H

#include "util.h"

/** INITRD_PACKED_MAX - The longest packed part; a distribution's with all drivers has 150 MiB. */
#define INITRD_PACKED_MAX (512ULL << 20)
/** INITRD_UNPACKED_MAX - The most a packed part may unpack to. */
#define INITRD_UNPACKED_MAX (4ULL << 30)

/**
 * struct initrd - What is looked for in it.
 * @names:	Files by their last component.
 * @there:	As many: which are there.
 * @init:	The path of its first program, without the leading slash.
 * @has_init:	It is there.
 * @temporary:	It says of itself that it is not the root file system (etc/initrd-release).
 * @entries:	How many there are in all.
 */
struct initrd {
	struct strv names;
	bool *there;
	const char *init;
	bool has_init;
	bool temporary;
	uint64_t entries;
};

/**
 * initrd_read() - Go through all of it. Blocks: run it by task_blocking().
 * @i:		@names and @init filled in; the rest is filled in here.
 *
 * As kimage_read(): the file is read, not mapped; a packed part is in memory while it is unpacked.
 *
 * Return: 0, or -errno with the reason in @e: -ENOEXEC no initrd, -EBADMSG damaged or
 * cut short, -EFBIG and -ENOMEM when it could not be told.
 */
int initrd_read(const char *path, struct initrd *i, struct err *e);

#endif
