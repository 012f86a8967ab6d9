/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packs as the kernel's build does (scripts/Makefile.lib), and makes small kernel images. */
#ifndef VMKEEP_TESTS_PACK_H
#define VMKEEP_TESTS_PACK_H

#include <bzlib.h>
#include <elf.h>
#include <lz4hc.h>
#include <lzma.h>
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>

#include "util.h"

struct bytes {
	unsigned char *p;
	size_t len;
};

static inline void bytes_free(struct bytes *b)
{
	free(b->p);
}

#define _cleanup_bytes_ __attribute__((cleanup(bytes_free)))

static const char *const pack_formats[] = { "gzip", "xz", "lzma", "zstd", "lz4", "bzip2", "lzo" };

static inline void bytes_add(struct bytes *b, const void *data, size_t len)
{
	unsigned char *p = realloc(b->p, b->len + len + 1);

	if (!p)
		abort();
	b->p = p;
	memcpy(b->p + b->len, data, len);
	b->len += len;
}

static inline void bytes_add_le32(struct bytes *b, uint32_t v)
{
	bytes_add(b, (unsigned char[]){ v & 255, v >> 8 & 255, v >> 16 & 255, v >> 24 }, 4);
}

static inline void bytes_add_be32(struct bytes *b, uint32_t v)
{
	bytes_add(b, (unsigned char[]){ v >> 24, v >> 16 & 255, v >> 8 & 255, v & 255 }, 4);
}

static inline void put_le32(unsigned char *p, uint32_t v)
{
	memcpy(p, (unsigned char[]){ v & 255, v >> 8 & 255, v >> 16 & 255, v >> 24 }, 4);
}

static inline void pack_gzip(struct bytes *out, const unsigned char *in, size_t len)
{
	z_stream z = { 0 };

	deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
	out->p = xmalloc0(out->len = deflateBound(&z, len) + 64);
	z.next_in = (unsigned char *)in;
	z.avail_in = (uInt)len;
	z.next_out = out->p;
	z.avail_out = (uInt)out->len;
	deflate(&z, Z_FINISH);
	out->len = z.total_out;
	deflateEnd(&z);
}

static inline void pack_lzma(struct bytes *out, const unsigned char *in, size_t len, bool alone)
{
	lzma_options_lzma o;
	lzma_stream s = LZMA_STREAM_INIT;

	lzma_lzma_preset(&o, 0);
	if (alone)
		(void)!lzma_alone_encoder(&s, &o);
	else
		(void)!lzma_easy_encoder(&s, 0, LZMA_CHECK_CRC32);
	out->p = xmalloc0(out->len = len + len / 2 + 4096);
	s.next_in = in;
	s.avail_in = len;
	s.next_out = out->p;
	s.avail_out = out->len;
	if (lzma_code(&s, LZMA_FINISH) != LZMA_STREAM_END)
		abort();
	out->len = s.total_out;
	lzma_end(&s);
}

/* lz4 -l: blocks of 8 MiB. */
static inline void pack_lz4(struct bytes *out, const unsigned char *in, size_t len)
{
	bytes_add_le32(out, 0x184c2102);
	for (size_t at = 0, n; at < len; at += n) {
		_cleanup_free_ char *block = NULL;
		int size;

		n = len - at < 8 << 20 ? len - at : 8 << 20;
		block = xmalloc0((size_t)LZ4_compressBound((int)n));
		size = LZ4_compress_default((const char *)in + at, block, (int)n,
					    LZ4_compressBound((int)n));
		bytes_add_le32(out, (uint32_t)size);
		bytes_add(out, block, (size_t)size);
	}
}

/* lzop -9: blocks of 256 KiB, each with a checksum. */
static inline void pack_lzo(struct bytes *out, const unsigned char *in, size_t len)
{
	static const unsigned char head[] = { 0x89, 'L',  'Z',	'O',  0,    '\r', '\n', 0x1a, '\n',
					      0x10, 0x40, 0x20, 0xa0, 0x09, 0x40, 3,	9 };
	_cleanup_free_ unsigned char *work = xmalloc0(LZO1X_1_MEM_COMPRESS);

	bytes_add(out, head, sizeof(head));
	bytes_add_be32(out, 1);			      /* flags: checksums of what is unpacked */
	bytes_add(out, (unsigned char[12]){ 0 }, 12); /* mode, time */
	bytes_add(out, "\x01x", 2);		      /* a file name */
	bytes_add_be32(out, 0);
	for (size_t at = 0, n; at < len; at += n) {
		_cleanup_free_ unsigned char *block = NULL;
		lzo_uint size;

		n = len - at < 256 << 10 ? len - at : 256 << 10;
		block = xmalloc0(n + n / 16 + 128);
		lzo1x_1_compress(in + at, n, block, &size, work);
		if (size >= n)
			size = n;
		bytes_add_be32(out, (uint32_t)n);
		bytes_add_be32(out, (uint32_t)size);
		bytes_add_be32(out, (uint32_t)adler32(1, in + at, (uInt)n));
		bytes_add(out, size == n ? in + at : block, size);
	}
	bytes_add_be32(out, 0);
}

/* @sized: with the unpacked length after it, as the kernel's build adds it (not to gzip). */
static inline struct bytes pack(const char *format, const unsigned char *in, size_t len, bool sized)
{
	struct bytes out = { 0 };

	if (strcmp(format, "gzip") == 0) {
		pack_gzip(&out, in, len);
		return out;
	}
	if (strcmp(format, "xz") == 0 || strcmp(format, "lzma") == 0) {
		pack_lzma(&out, in, len, format[0] == 'l');
	} else if (strcmp(format, "zstd") == 0) {
		ZSTD_CCtx *c = ZSTD_createCCtx();

		ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1); /* as zstd(1) does */
		out.p = xmalloc0(out.len = ZSTD_compressBound(len));
		out.len = ZSTD_compress2(c, out.p, out.len, in, len);
		ZSTD_freeCCtx(c);
	} else if (strcmp(format, "bzip2") == 0) {
		unsigned int n = (unsigned int)(len + len / 64 + 1024);

		out.p = xmalloc0(n);
		BZ2_bzBuffToBuffCompress((char *)out.p, &n, (char *)in, (unsigned int)len, 9, 0, 0);
		out.len = n;
	} else if (strcmp(format, "lz4") == 0) {
		pack_lz4(&out, in, len);
	} else {
		pack_lzo(&out, in, len);
	}
	if (sized)
		bytes_add_le32(&out, (uint32_t)len);
	return out;
}

/* Bytes that pack, but not to nothing. */
static inline struct bytes pack_filler(size_t len)
{
	struct bytes b = { .p = xmalloc0(len), .len = len };
	uint32_t x = 1;

	for (size_t i = 0; i < len; i++) {
		x = x * 1664525 + 1013904223;
		b.p[i] = (unsigned char)(x >> 24 & (i & 1024 ? 255 : 3));
	}
	return b;
}

#define FAKE_RELEASE "7.2.0-fake"
#define FAKE_BANNER \
	"Linux version " FAKE_RELEASE " (me@here) (cc 14) #1 SMP Mon Jan 1 00:00:00 UTC 2026"
#define FAKE_CONFIG                                           \
	"# Automatically generated\nCONFIG_64BIT=y\n"         \
	"CONFIG_KEXEC_HANDOVER=y\nCONFIG_LIVEUPDATE=y\n"      \
	"# CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT is not set\n" \
	"CONFIG_LIVEUPDATE_MEMFD=y\n"

/* What a kernel's ELF file has of interest, each at its place among @size bytes. */
struct fake {
	const char *kho, *luo, *memfd, *config;
	bool no_params, extends;
	size_t size, at;
};

static inline struct bytes fake_vmlinux(const struct fake *f)
{
	struct bytes b = pack_filler(f->size ? f->size : 300000);
	size_t at = f->at ? f->at : 130000;
	Elf64_Ehdr *h = (void *)b.p;

	memset(h, 0, sizeof(*h));
	memcpy(h->e_ident, ELFMAG, SELFMAG);
	h->e_ident[EI_CLASS] = ELFCLASS64;
	h->e_ident[EI_DATA] = ELFDATA2LSB;
	h->e_machine = EM_X86_64;
	memset(b.p + at, 0, 8000); /* then each in turn, NULs between */
	memcpy(b.p + at + 10, FAKE_BANNER "\n", sizeof(FAKE_BANNER));
	if (f->kho)
		memcpy(b.p + at + 300, f->kho, strlen(f->kho));
	if (f->luo)
		memcpy(b.p + at + 350, f->luo, strlen(f->luo));
	if (f->memfd) {
		b.p[at + 399] = 0xff; /* the end of a pointer: see kscan.h */
		memcpy(b.p + at + 400, f->memfd, strlen(f->memfd));
	}
	if (!f->no_params) {
		memcpy(b.p + at + 500, "kho_scratch", 11);
		memcpy(b.p + at + 512, "liveupdate", 10);
	}
	if (f->extends)
		memcpy(b.p + at + 700, "\0013KHO: Failed to extend scratch: %pe\n", 38);
	memcpy(b.p + at + 600, "\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0abcdefghijklmnopqrst", 36);
	if (f->config) {
		_cleanup_bytes_ struct bytes gz = pack("gzip", (const unsigned char *)f->config,
						       strlen(f->config), false);

		memcpy(b.p + at + 1000, "IKCFG_ST", 8);
		memcpy(b.p + at + 1008, gz.p, gz.len);
		memcpy(b.p + at + 1008 + gz.len, "IKCFG_ED", 8);
	}
	return b;
}

#define FAKE_SETUP ((size_t)5 * 512)
#define FAKE_PAYLOAD ((size_t)0x100)

/* Documentation/arch/x86/boot.rst */
static inline struct bytes fake_bzimage(const struct bytes *payload)
{
	struct bytes b = { 0 };
	unsigned char *h;

	b.p = xmalloc0(b.len = FAKE_SETUP + FAKE_PAYLOAD);
	h = b.p;
	h[0x1f1] = 4;
	memcpy(h + 0x202, "HdrS", 4);
	h[0x206] = 0x0f; /* protocol 2.15 */
	h[0x207] = 0x02;
	h[0x20f] = 0x02; /* version at 0x200 + 0x200 */
	h[0x211] = 1;
	h[0x236] = 3;
	put_le32(h + 0x248, FAKE_PAYLOAD);
	put_le32(h + 0x24c, (uint32_t)payload->len);
	put_le32(h + 0x260, 64 << 20);
	strcpy((char *)h + 0x400, FAKE_RELEASE " (me@here) #1 SMP");
	bytes_add(&b, payload->p, payload->len);
	bytes_add(&b, "the rest of the image", 21);
	return b;
}

#endif
