// SPDX-License-Identifier: GPL-2.0-or-later
/* Initial RAM disks: whole, packed, one after the other, and damaged. */

#include "initrd.h"

#include <stdio.h>

#include "pack.h"

#include "kselftest_harness.h"

#define PATH "/tmp/vmkeep-initrd-%d"

static struct initrd i;
static struct err e;

static void entry(struct bytes *b, const char *name, size_t size)
{
	static const unsigned char zeros[4];
	_cleanup_free_ unsigned char *data = xmalloc0(size + 1);
	char head[160];

	snprintf(head, sizeof(head), "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x",
		 1, 0100755, 0, 0, 1, 0, size, 0, 0, 0, 0, strlen(name) + 1, 0);
	bytes_add(b, head, 110);
	bytes_add(b, name, strlen(name) + 1);
	bytes_add(b, zeros, -(110 + strlen(name) + 1) & 3);
	memset(data, '0', size); /* each looks like the first byte of a header */
	bytes_add(b, data, size);
	bytes_add(b, zeros, -size & 3);
}

static void end(struct bytes *b)
{
	entry(b, "TRAILER!!!", 0);
}

static int look(const struct bytes *b)
{
	char path[64];
	FILE *f;
	int r;

	snprintf(path, sizeof(path), PATH, getpid());
	f = fopen(path, "we");
	if (!f || fwrite(b->p, 1, b->len, f) != b->len || fclose(f) != 0)
		abort();
	i = (struct initrd){ .init = "init" };
	strv_add(&i.names, "vmkeepd");
	strv_add(&i.names, "qemu");
	i.there = xmalloc0(2 * sizeof(bool));
	r = initrd_read(path, &i, &e);
	unlink(path);
	return r;
}

static struct bytes archive(void)
{
	struct bytes b = { 0 };

	entry(&b, "./usr/sbin/vmkeepd", 300000);
	entry(&b, "./init", 5);
	entry(&b, "sub/init", 0);
	end(&b);
	return b;
}

static void add_packed(struct bytes *b, const char *format, const struct bytes *plain)
{
	_cleanup_bytes_ struct bytes packed = pack(format, plain->p, plain->len, false);

	bytes_add(b, packed.p, packed.len);
}

TEST(one_that_is_not_packed)
{
	_cleanup_bytes_ struct bytes b = archive();

	ASSERT_EQ(look(&b), 0)
	{
		TH_LOG("%s", e.text);
	}
	EXPECT_EQ(i.entries, 3);
	EXPECT_TRUE(i.has_init);
	EXPECT_TRUE(i.there[0]);
	EXPECT_FALSE(i.there[1]);
	EXPECT_FALSE(i.temporary);
}

TEST(another_init)
{
	_cleanup_bytes_ struct bytes b = { 0 };

	entry(&b, "sub/init", 0);
	entry(&b, "/etc/initrd-release", 0);
	end(&b);
	ASSERT_EQ(look(&b), 0);
	EXPECT_FALSE(i.has_init);
	EXPECT_TRUE(i.temporary);
}

/* Microcode first, as distributions do, with zeros after it. */
TEST(a_packed_one_after_an_early_one)
{
	for (size_t f = 0; f < ARRAY_SIZE(pack_formats); f++) {
		_cleanup_bytes_ struct bytes inner = archive(), b = { 0 };
		static const unsigned char zeros[512];

		entry(&b, "kernel/x86/microcode/AuthenticAMD.bin", 1001);
		end(&b);
		bytes_add(&b, zeros, sizeof(zeros) - b.len % sizeof(zeros));
		add_packed(&b, pack_formats[f], &inner);
		ASSERT_EQ(look(&b), 0)
		{
			TH_LOG("%s: %s", pack_formats[f], e.text);
		}
		EXPECT_EQ(i.entries, 4);
		EXPECT_TRUE(i.there[0]);
		EXPECT_TRUE(i.has_init);
	}
}

TEST(two_packed_ones)
{
	_cleanup_bytes_ struct bytes one = archive(), two = { 0 }, b = { 0 };

	entry(&two, "bin/qemu", 3);
	end(&two);
	add_packed(&b, "gzip", &one);
	add_packed(&b, "zstd", &two);
	ASSERT_EQ(look(&b), 0)
	{
		TH_LOG("%s", e.text);
	}
	EXPECT_TRUE(i.there[0]);
	EXPECT_TRUE(i.there[1]);
}

TEST(cut_short)
{
	_cleanup_bytes_ struct bytes plain = archive(), b = { 0 };
	size_t whole = plain.len;

	for (plain.len = 1; plain.len < 300; plain.len += 7)
		EXPECT_EQ(look(&plain), -EBADMSG)
		{
			TH_LOG("%zu", plain.len);
		}
	plain.len = whole / 2;
	EXPECT_EQ(look(&plain), -EBADMSG);
	plain.len = whole;
	add_packed(&b, "gzip", &plain);
	b.len -= 9;
	EXPECT_EQ(look(&b), -EBADMSG);
	EXPECT_NE(strstr(e.text, "cut short"), NULL);
}

TEST(a_packed_one_whose_archive_is_cut_short)
{
	_cleanup_bytes_ struct bytes plain = archive(), b = { 0 };

	plain.len /= 2;
	add_packed(&b, "zstd", &plain);
	EXPECT_EQ(look(&b), -EBADMSG);
}

TEST(none)
{
	_cleanup_bytes_ struct bytes b = { 0 }, packed = { 0 };

	bytes_add(&b, "root:x:0:0:root:/root:/bin/sh\n", 30);
	EXPECT_EQ(look(&b), -ENOEXEC);
	EXPECT_EQ(i.entries, 0);
	add_packed(&packed, "xz", &b);
	EXPECT_EQ(look(&packed), -ENOEXEC);
	EXPECT_NE(strstr(e.text, "packed in it is no cpio"), NULL);
	memset(b.p, 0, b.len);
	EXPECT_EQ(look(&b), -ENOEXEC);
}

TEST(something_else_behind_it)
{
	_cleanup_bytes_ struct bytes b = archive();

	bytes_add(&b, "#BOOTCONFIG\n", 12);
	EXPECT_EQ(look(&b), -ENOEXEC);
	EXPECT_EQ(i.entries, 3);
}

TEST(a_name_without_end)
{
	_cleanup_bytes_ struct bytes b = archive();

	memcpy(b.p + 94, "ffffffff", 8);
	EXPECT_EQ(look(&b), -EBADMSG);
	EXPECT_NE(strstr(e.text, "no cpio header"), NULL);
}

TEST_HARNESS_MAIN
