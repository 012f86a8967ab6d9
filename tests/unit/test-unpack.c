// SPDX-License-Identifier: GPL-2.0-or-later
/* Every format the kernel can be packed with, whole and damaged. */

#include "unpack.h"

#include "pack.h"

#include "kselftest_harness.h"

#define LEN ((size_t)300001) /* several blocks of lzo */

static struct bytes plain;
static size_t got;
static bool same;

static int compare(void *user, const unsigned char *data, size_t len, struct err *e)
{
	(void)user, (void)e;
	same = same && got + len <= plain.len && memcmp(plain.p + got, data, len) == 0;
	got += len;
	return 0;
}

static int try(const unsigned char *in, size_t len, uint64_t max, bool sized, struct err *e)
{
	struct unpack u = { .in = in, .len = len, .max = max, .sized = sized, .write = compare };

	got = 0;
	same = true;
	e->text[0] = '\0';
	return unpack(&u, e);
}

FIXTURE(format)
{
	struct bytes packed;
};

FIXTURE_VARIANT(format)
{
	const char *name;
};

#define VARIANT(f)                     \
	FIXTURE_VARIANT_ADD(format, f) \
	{                              \
		.name = #f,            \
	}

VARIANT(gzip);
VARIANT(xz);
VARIANT(lzma);
VARIANT(zstd);
VARIANT(lz4);
VARIANT(bzip2);
VARIANT(lzo);

FIXTURE_SETUP(format)
{
	plain = pack_filler(LEN);
	self->packed = pack(variant->name, plain.p, plain.len, true);
	ASSERT_GT(self->packed.len, 1000);
}

FIXTURE_TEARDOWN(format)
{
	free(self->packed.p);
	free(plain.p);
}

TEST_F(format, comes_out_as_it_went_in)
{
	struct err e;

	EXPECT_STREQ(unpack_format(self->packed.p, self->packed.len), variant->name);
	EXPECT_EQ(try(self->packed.p, self->packed.len, LEN, true, &e), 0)
	{
		TH_LOG("%s", e.text);
	}
	EXPECT_TRUE(same);
	EXPECT_EQ(got, LEN);
}

TEST_F(format, without_the_length_behind_it)
{
	_cleanup_bytes_ struct bytes b = pack(variant->name, plain.p, plain.len, false);
	struct err e;

	EXPECT_EQ(try(b.p, b.len, LEN, false, &e), 0)
	{
		TH_LOG("%s", e.text);
	}
	EXPECT_EQ(got, LEN);
	b.p[b.len / 2] ^= 1;
	EXPECT_TRUE(try(b.p, b.len, LEN, false, &e) < 0 || strcmp(variant->name, "lz4") == 0);
}

TEST_F(format, more_than_allowed_is_refused)
{
	struct err e;

	EXPECT_EQ(try(self->packed.p, self->packed.len, LEN - 1, true, &e), -EFBIG);
	EXPECT_LT(got, LEN);
	EXPECT_NE(strstr(e.text, "unpacks to more than"), NULL);
}

TEST_F(format, a_bomb_is_stopped)
{
	size_t len = 6 << 20;
	unsigned char *zeroes = xmalloc0(len);
	_cleanup_bytes_ struct bytes bomb = pack(variant->name, zeroes, len, true);
	struct err e;

	EXPECT_EQ(try(bomb.p, bomb.len, 2 << 20, true, &e), -EFBIG);
	EXPECT_LE(got, 2 << 20);
	free(zeroes);
}

/* Dozens of runs each: on a machine that is busy, 30 s can be too few. */
TEST_F_TIMEOUT(format, every_truncation_is_found, 100)
{
	struct err e;

	for (size_t len = 0; len < self->packed.len; len += len < 48 ? 1 : 19997) {
		/* in memory of its own, so that the address sanitizer sees a step too far */
		unsigned char *cut = malloc(len ? len : 1);

		memcpy(cut, self->packed.p, len);
		EXPECT_LT(try(cut, len, LEN, true, &e), 0)
		{
			TH_LOG("%zu of %zu bytes", len, self->packed.len);
		}
		EXPECT_NE(e.text[0], '\0');
		free(cut);
	}
}

TEST_F_TIMEOUT(format, every_flipped_bit_is_found_or_harmless, 100)
{
	size_t found = 0, n = 0;
	struct err e;

	for (size_t at = 0; at < self->packed.len; at += at < 32 ? 1 : 20011, n++) {
		int r;

		self->packed.p[at] ^= 0x10;
		r = try(self->packed.p, self->packed.len, LEN, true, &e);
		self->packed.p[at] ^= 0x10;
		found += r < 0;
		/* lz4 as the kernel uses it has no checksum: damage may pass there, and only there */
		EXPECT_TRUE(r < 0 || same || strcmp(variant->name, "lz4") == 0)
		{
			TH_LOG("byte %zu", at);
		}
	}
	EXPECT_GT(found, n / 8);
}

TEST_F(format, a_wrong_length_behind_it_is_found)
{
	struct err e;

	self->packed.p[self->packed.len - 2] ^= 1;
	EXPECT_EQ(try(self->packed.p, self->packed.len, LEN, true, &e), -EBADMSG);
}

static int refuse(void *user, const unsigned char *data, size_t len, struct err *e)
{
	(void)user, (void)data, (void)len;
	return err_set(e, -EXDEV, "no more");
}

TEST_F(format, who_takes_it_can_stop_it)
{
	struct unpack u = { .in = self->packed.p,
			    .len = self->packed.len,
			    .max = LEN,
			    .sized = true,
			    .write = refuse };
	struct err e;

	EXPECT_EQ(unpack(&u, &e), -EXDEV);
	EXPECT_STREQ(e.text, "no more");
}

TEST(unknown_formats_say_so)
{
	unsigned char in[64] = "\x1f\x9d what compress(1) makes";
	struct err e;

	EXPECT_EQ(try(in, sizeof(in), LEN, true, &e), -EOPNOTSUPP);
	EXPECT_EQ(try(in, 0, LEN, true, &e), -EOPNOTSUPP);
	EXPECT_EQ(unpack_format(in, sizeof(in)), NULL);
}

/* A header that asks for a window of gigabytes does not get it. */
TEST(absurd_windows_are_refused)
{
	unsigned char lzma[64] = "\x5d\0\0\0\xc0";	   /* a dictionary of 3 GiB */
	unsigned char zstd[64] = "\x28\xb5\x2f\xfd\0\xa0"; /* a window of 1 GiB */
	struct err e;

	memset(lzma + 5, 0xff, 8); /* length not known */
	EXPECT_EQ(try(lzma, sizeof(lzma), LEN, false, &e), -ENOMEM);
	EXPECT_EQ(try(zstd, sizeof(zstd), LEN, false, &e), -ENOMEM);
}

/* Lengths of blocks that lead out of the file, or out of the buffer. */
TEST(absurd_block_lengths_are_refused)
{
	static const uint32_t absurd[] = { 0x7fffffff, 0x80000000, 0xffffffff, 8 << 20, 300 << 10 };
	struct err e;

	plain = pack_filler(1000);
	for (size_t i = 0; i < ARRAY_SIZE(absurd); i++) {
		_cleanup_bytes_ struct bytes lz4 = pack("lz4", plain.p, plain.len, true);
		_cleanup_bytes_ struct bytes lzo = pack("lzo", plain.p, plain.len, true);

		put_le32(lz4.p + 4, absurd[i]);
		EXPECT_EQ(try(lz4.p, lz4.len, LEN, true, &e), -EBADMSG);
		/* 39: behind lzop's header */
		put_le32(lzo.p + 39, __builtin_bswap32(absurd[i]));
		EXPECT_EQ(try(lzo.p, lzo.len, LEN, true, &e), -EBADMSG);
		put_le32(lzo.p + 39, __builtin_bswap32(1000));
		put_le32(lzo.p + 43, __builtin_bswap32(absurd[i]));
		EXPECT_EQ(try(lzo.p, lzo.len, LEN, true, &e), -EBADMSG);
	}
	free(plain.p);
}

/* A block of lzo that is right, but longer than any the kernel's build makes. */
TEST(a_block_larger_than_the_buffer)
{
	size_t len = 1 << 20;
	_cleanup_free_ unsigned char *zeroes = xmalloc0(len), *block = xmalloc0(len);
	_cleanup_free_ unsigned char *work = xmalloc0(LZO1X_1_MEM_COMPRESS);
	_cleanup_bytes_ struct bytes b = pack("lzo", zeroes, 0, false);
	lzo_uint packed;
	struct err e;

	lzo1x_1_compress(zeroes, len, block, &packed, work);
	b.len -= 4;
	bytes_add_be32(&b, (uint32_t)len);
	bytes_add_be32(&b, (uint32_t)packed);
	bytes_add_be32(&b, (uint32_t)adler32(1, zeroes, (uInt)len));
	bytes_add(&b, block, packed);
	bytes_add_be32(&b, 0);
	EXPECT_EQ(try(b.p, b.len, len, false, &e), -EBADMSG);
}

TEST_HARNESS_MAIN
