// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 * -------------------
 * Five of the formats have libraries that unpack a stream: each is a codec here,
 * whose step() takes some input and gives some output, and one loop drives them. The
 * other two, lz4 ("legacy" frames) and lzo (lzop's), are rows of blocks that are
 * unpacked one by one; their frames are read here, after lib/decompress_unlz4.c and
 * lib/decompress_unlzo.c of the kernel, as only these say what the kernel's build makes.
 */

#include "unpack.h"

#include <bzlib.h>
#include <lz4.h>
#include <lzma.h>
#include <lzo/lzo1x.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define PIECE ((size_t)256 * 1024)
#define SIZE_LEN 4

/* Twice what scripts/xz_wrap.sh asks for; a header may ask for 4 GiB. */
#define XZ_MEMORY_MAX (256ULL << 20)
#define ZSTD_WINDOW_LOG_MAX 27 /* of zstd -22 --ultra */

#define LZ4_BLOCK ((size_t)8 << 20)
#define LZ4_MAGIC 0x184c2102
#define LZO_BLOCK ((size_t)256 * 1024)

struct out {
	const struct unpack *u;
	uint64_t total;
	struct err *e;
};

union state {
	z_stream z;
	bz_stream bz;
	lzma_stream xz;
	ZSTD_DStream *zstd;
};

/* step(): *in_len and *out_len become what was used; 1 at the stream's end, else 0 or -errno. */
struct codec {
	int (*init)(union state *s);
	int (*step)(union state *s, const unsigned char *in, size_t *in_len, unsigned char *out,
		    size_t *out_len);
	void (*end)(union state *s);
};

static uint32_t le32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

static int emit(struct out *o, const unsigned char *data, size_t len)
{
	char max[32];

	if (len > o->u->max - o->total)
		return err_set(o->e, -EFBIG, "it unpacks to more than %s",
			       format_size(o->u->max, max, sizeof(max)));
	o->total += len;
	return len ? o->u->write(o->u->user, data, len, o->e) : 0;
}

/* --- gzip --- */

static int gzip_init(union state *s)
{
	return inflateInit2(&s->z, 16 + MAX_WBITS) == Z_OK ? 0 : -ENOMEM; /* 16: gzip's header */
}

static int gzip_step(union state *s, const unsigned char *in, size_t *in_len, unsigned char *out,
		     size_t *out_len)
{
	int r;

	s->z.next_in = (unsigned char *)in; /* zlib before 1.3 knows no const here */
	s->z.avail_in = (uInt)*in_len;
	s->z.next_out = out;
	s->z.avail_out = (uInt)*out_len;
	r = inflate(&s->z, Z_NO_FLUSH);
	*in_len -= s->z.avail_in;
	*out_len -= s->z.avail_out;
	if (r == Z_STREAM_END)
		return 1;
	if (r == Z_MEM_ERROR)
		return -ENOMEM;
	return r == Z_OK || r == Z_BUF_ERROR ? 0 : -EBADMSG;
}

static void gzip_end(union state *s)
{
	inflateEnd(&s->z);
}

/* --- bzip2 --- */

static int bzip2_init(union state *s)
{
	return BZ2_bzDecompressInit(&s->bz, 0, 0) == BZ_OK ? 0 : -ENOMEM;
}

static int bzip2_step(union state *s, const unsigned char *in, size_t *in_len, unsigned char *out,
		      size_t *out_len)
{
	int r;

	s->bz.next_in = (char *)in; /* the library knows no const */
	s->bz.avail_in = (unsigned int)*in_len;
	s->bz.next_out = (char *)out;
	s->bz.avail_out = (unsigned int)*out_len;
	r = BZ2_bzDecompress(&s->bz);
	*in_len -= s->bz.avail_in;
	*out_len -= s->bz.avail_out;
	if (r == BZ_STREAM_END)
		return 1;
	if (r == BZ_MEM_ERROR)
		return -ENOMEM;
	return r == BZ_OK ? 0 : -EBADMSG;
}

static void bzip2_end(union state *s)
{
	BZ2_bzDecompressEnd(&s->bz);
}

/* --- xz and lzma --- */

static int xz_init(union state *s)
{
	return lzma_stream_decoder(&s->xz, XZ_MEMORY_MAX, 0) == LZMA_OK ? 0 : -ENOMEM;
}

static int lzma_init(union state *s)
{
	return lzma_alone_decoder(&s->xz, XZ_MEMORY_MAX) == LZMA_OK ? 0 : -ENOMEM;
}

static int xz_step(union state *s, const unsigned char *in, size_t *in_len, unsigned char *out,
		   size_t *out_len)
{
	lzma_ret r;

	s->xz.next_in = in;
	s->xz.avail_in = *in_len;
	s->xz.next_out = out;
	s->xz.avail_out = *out_len;
	r = lzma_code(&s->xz, LZMA_RUN);
	*in_len -= s->xz.avail_in;
	*out_len -= s->xz.avail_out;
	if (r == LZMA_STREAM_END)
		return 1;
	if (r == LZMA_MEM_ERROR || r == LZMA_MEMLIMIT_ERROR)
		return -ENOMEM;
	return r == LZMA_OK || r == LZMA_BUF_ERROR ? 0 : -EBADMSG;
}

static void xz_end(union state *s)
{
	lzma_end(&s->xz);
}

/* --- zstd --- */

static int zstd_init(union state *s)
{
	s->zstd = ZSTD_createDStream();
	if (!s->zstd)
		return -ENOMEM;
	ZSTD_DCtx_setParameter(s->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX);
	return 0;
}

static int zstd_step(union state *s, const unsigned char *in, size_t *in_len, unsigned char *out,
		     size_t *out_len)
{
	ZSTD_inBuffer i = { .src = in, .size = *in_len };
	ZSTD_outBuffer o = { .dst = out, .size = *out_len };
	size_t r = ZSTD_decompressStream(s->zstd, &o, &i);

	*in_len = i.pos;
	*out_len = o.pos;
	if (!ZSTD_isError(r))
		return r == 0;
	switch (ZSTD_getErrorCode(r)) {
	case ZSTD_error_memory_allocation:
	case ZSTD_error_frameParameter_windowTooLarge:
		return -ENOMEM;
	default:
		return -EBADMSG;
	}
}

static void zstd_end(union state *s)
{
	ZSTD_freeDStream(s->zstd);
}

static const struct codec gzip = { gzip_init, gzip_step, gzip_end };
static const struct codec bzip2 = { bzip2_init, bzip2_step, bzip2_end };
static const struct codec xz = { xz_init, xz_step, xz_end };
static const struct codec lzma = { lzma_init, xz_step, xz_end };
static const struct codec zstd = { zstd_init, zstd_step, zstd_end };

static int run_steps(struct out *o, const struct codec *c, union state *s, unsigned char *buf,
		     size_t *used)
{
	for (;;) {
		size_t in_len = o->u->len - *used, out_len = PIECE;
		int r = c->step(s, o->u->in + *used, &in_len, buf, &out_len), end = r;

		if (r == -ENOMEM)
			return err_set(o->e, r, "not enough memory to unpack it");
		if (r < 0)
			return err_set(o->e, r, "the packed data are damaged near byte %zu of %zu",
				       *used, o->u->len);
		*used += in_len;
		r = emit(o, buf, out_len);
		if (r < 0)
			return r;
		if (end)
			return 0;
		if (!in_len && !out_len)
			return err_set(o->e, -EBADMSG,
				       "the packed data are cut short after %zu bytes", o->u->len);
	}
}

static int unpack_stream(struct out *o, const struct codec *c, size_t *used)
{
	_cleanup_free_ unsigned char *buf = malloc(PIECE);
	union state s;
	int r;

	memset(&s, 0, sizeof(s)); /* also what LZMA_STREAM_INIT is */
	if (!buf || c->init(&s) < 0)
		return err_set(o->e, -ENOMEM, "not enough memory to unpack it");
	r = run_steps(o, c, &s, buf, used);
	c->end(&s);
	return r;
}

/* --- lz4 --- */

/*
 * A magic number, then blocks, each with its packed length before it. Nothing marks the
 * end: what is left is, where it follows, the unpacked length.
 */
static int unpack_lz4(struct out *o, size_t *used)
{
	_cleanup_free_ unsigned char *buf = malloc(LZ4_BLOCK);
	const unsigned char *in = o->u->in;
	size_t end = o->u->len - (o->u->sized && o->u->len >= SIZE_LEN ? SIZE_LEN : 0);

	if (!buf)
		return err_set(o->e, -ENOMEM, "not enough memory to unpack it");
	while (end - *used >= SIZE_LEN) {
		uint32_t len = le32(in + *used);
		int n, r;

		if (len == LZ4_MAGIC) {
			*used += SIZE_LEN;
			continue;
		}
		if (!len)
			return 0;
		if (len > end - *used - SIZE_LEN)
			return err_set(o->e, -EBADMSG,
				       "the packed data are cut short after %zu bytes", o->u->len);
		n = LZ4_decompress_safe((const char *)in + *used + SIZE_LEN, (char *)buf, (int)len,
					(int)LZ4_BLOCK);
		if (n < 0)
			return err_set(o->e, -EBADMSG,
				       "the packed data are damaged near byte %zu of %zu", *used,
				       o->u->len);
		r = emit(o, buf, (size_t)n);
		if (r < 0)
			return r;
		*used += SIZE_LEN + len;
	}
	return 0;
}

/* --- lzo --- */

#define LZOP_ADLER_UNPACKED 0x001
#define LZOP_FILTER 0x800
#define LZOP_VERSION_TIME_HIGH 0x0940
#define LZOP_MAGIC_LEN 9

/* Length of lzop's header: parse_header() of the kernel's lib/decompress_unlzo.c. 0: cut short. */
static size_t lzop_header(const unsigned char *in, size_t len, uint32_t *flags)
{
	size_t at = LZOP_MAGIC_LEN;
	bool newer;

	if (len < at + 7 + 1 + 8)
		return 0;
	newer = (in[at] << 8 | in[at + 1]) >= LZOP_VERSION_TIME_HIGH;
	at += 7 + newer; /* version, library's, needed, method; newer: level */
	*flags = be32(in + at);
	at += *flags & LZOP_FILTER ? 8 : 4;
	at += newer ? 12 : 8; /* mode, time */
	if (len < at + 1 || len - at - 1 < (size_t)in[at] + 4)
		return 0;
	return at + 1 + in[at] + 4; /* file name, checksum */
}

static int lzo_block(const unsigned char *in, size_t packed, unsigned char *buf, size_t size)
{
	lzo_uint n = size;

	if (packed == size) { /* as it is: packing would not have made it smaller */
		memcpy(buf, in, size);
		return 0;
	}
	return lzo1x_decompress_safe(in, packed, buf, &n, NULL) == LZO_E_OK && n == size ? 0
											 : -EBADMSG;
}

/* Blocks: unpacked length (0: the end), packed length, checksum of the unpacked bytes, data. */
static int unpack_lzo(struct out *o, size_t *used)
{
	_cleanup_free_ unsigned char *buf = malloc(LZO_BLOCK);
	const unsigned char *in = o->u->in;
	uint32_t flags = 0;

	if (!buf || lzo_init() != LZO_E_OK)
		return err_set(o->e, -ENOMEM, "not enough memory to unpack it");
	*used = lzop_header(in, o->u->len, &flags);
	while (*used && o->u->len - *used >= 4) {
		size_t left = o->u->len - *used, size = be32(in + *used), packed;
		int r;

		if (!size) {
			*used += 4;
			return 0;
		}
		if (left < 12)
			break;
		packed = be32(in + *used + 4);
		if (size > LZO_BLOCK || !packed || packed > size)
			return err_set(o->e, -EBADMSG,
				       "the packed data are damaged near byte %zu of %zu", *used,
				       o->u->len);
		if (packed > left - 12)
			break;
		r = lzo_block(in + *used + 12, packed, buf, size);
		if (r < 0 || ((flags & LZOP_ADLER_UNPACKED) &&
			      adler32(1, buf, (uInt)size) != be32(in + *used + 8)))
			return err_set(o->e, -EBADMSG,
				       "the packed data are damaged near byte %zu of %zu", *used,
				       o->u->len);
		r = emit(o, buf, size);
		if (r < 0)
			return r;
		*used += 12 + packed;
	}
	return err_set(o->e, -EBADMSG, "the packed data are cut short after %zu bytes", o->u->len);
}

/* --- all of them --- */

static const struct format {
	const char *name;
	const char *magic;
	size_t magic_len;
	const struct codec *codec;
	int (*blocks)(struct out *o, size_t *used);
} formats[] = {
	{ "gzip", "\x1f\x8b\x08", 3, &gzip, NULL },
	{ "xz",
	  "\xfd"
	  "7zXZ\0",
	  6, &xz, NULL },
	{ "lzma", "\x5d\0\0", 3, &lzma, NULL },
	{ "zstd", "\x28\xb5\x2f\xfd", 4, &zstd, NULL },
	{ "lz4", "\x02\x21\x4c\x18", 4, NULL, unpack_lz4 },
	{ "bzip2", "BZh", 3, &bzip2, NULL },
	{ "lzo", "\x89LZO\0\r\n\x1a\n", LZOP_MAGIC_LEN, NULL, unpack_lzo },
};

static const struct format *find(const unsigned char *in, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (len >= formats[i].magic_len &&
		    memcmp(in, formats[i].magic, formats[i].magic_len) == 0)
			return &formats[i];
	return NULL;
}

const char *unpack_format(const unsigned char *in, size_t len)
{
	const struct format *f = find(in, len);

	return f ? f->name : NULL;
}

int unpack(const struct unpack *u, struct err *e)
{
	const struct format *f = find(u->in, u->len);
	struct out o = { .u = u, .e = e };
	size_t used = 0;
	int r;

	if (!f)
		return err_set(e, -EOPNOTSUPP, "it is packed in a format that is not known here");
	if (u->len > UINT32_MAX / 2) /* zlib and bzip2 count in 32 bits, lz4 in 31 */
		return err_set(e, -EFBIG, "it is too large");
	r = f->codec ? unpack_stream(&o, f->codec, &used) : f->blocks(&o, &used);
	if (r < 0)
		return r;
	if (u->used)
		*u->used = used;
	if (u->sized && f->codec != &gzip &&
	    (u->len - used < SIZE_LEN || le32(u->in + used) != (uint32_t)o.total))
		return err_set(e, -EBADMSG,
			       "it unpacks to %llu bytes, which is not the length that it gives",
			       (unsigned long long)o.total);
	return 0;
}
