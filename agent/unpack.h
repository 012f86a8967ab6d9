/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unpacking what a kernel's own decompressors unpack, piece by piece. */
#ifndef VMKEEP_UNPACK_H
#define VMKEEP_UNPACK_H

#include "util.h"

/**
 * struct unpack - What to unpack, and where to.
 * @in:		The packed bytes.
 * @len:	How many.
 * @sized:	After the packed data come four bytes with the unpacked length, as
 *		scripts/Makefile.lib of the kernel appends them (all formats but gzip,
 *		which has them anyway).
 * @max:	The most it may unpack to.
 * @write:	Takes the unpacked bytes in pieces; negative: stop, and return this.
 * @user:	For @write.
 * @used:	Set to how many of the packed bytes it took, or NULL: more may follow.
 */
struct unpack {
	const unsigned char *in;
	size_t len;
	bool sized;
	uint64_t max;
	int (*write)(void *user, const unsigned char *data, size_t len, struct err *e);
	void *user;
	size_t *used;
};

/** unpack_format() - gzip, xz, lzma, zstd, lz4, bzip2 or lzo by the first bytes; NULL: none of them. */
const char *unpack_format(const unsigned char *in, size_t len);

/**
 * unpack() - Unpack all of it.
 *
 * The bytes may be anything. Needs the format's window (at most 256 MiB, where the
 * kernel's scripts/xz_wrap.sh asks for 128) and some 10 MiB besides; lz4 as the kernel uses it has no
 * checksum, so that damage inside it is found only if it makes no sense.
 *
 * Return: 0, or with the reason in @e: -EBADMSG damaged or cut short, -EOPNOTSUPP a
 * format not known here, -EFBIG more than @max, -ENOMEM, or what @write returned.
 */
int unpack(const struct unpack *u, struct err *e);

#endif
