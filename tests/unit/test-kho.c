// SPDX-License-Identifier: GPL-2.0-or-later
/* What the running kernel shows: whole, cut off as debugfs does it, and damaged. */

#include "kho.h"

#include <stdio.h>
#include <sys/stat.h>

#include "pack.h"

#include "kselftest_harness.h"

static void prop(struct bytes *b, const void *value, uint32_t len, uint32_t name_at)
{
	bytes_add_be32(b, 3);
	bytes_add_be32(b, len);
	bytes_add_be32(b, name_at);
	bytes_add(b, value, len);
	bytes_add(b, "\0\0\0", (4 - len % 4) % 4);
}

/* As kho_out_fdt_setup() makes it, and with @subtrees entered after that. */
static struct bytes tree(const char *compat, unsigned int subtrees)
{
	static const char names[] = "compatible\0preserved-memory-map\0preserved-data\0blob-size";
	struct bytes b = { 0 };

	for (int i = 0; i < 14; i++) /* header, and an empty list of reserved memory */
		bytes_add_be32(&b, 0);
	bytes_add_be32(&b, 1);
	bytes_add_be32(&b, 0);
	prop(&b, compat, (uint32_t)strlen(compat) + 1, 0);
	prop(&b, "\0\0\0\0\x12\x34\x50\0", 8, 11);
	for (unsigned int i = 0; i < subtrees; i++) {
		bytes_add_be32(&b, 1);
		bytes_add(&b, "LUO", 4);
		prop(&b, "kho-v9\0", 8, 32);
		prop(&b, "\0\0\0\0\0\0\0\x20", 8, 47);
		bytes_add_be32(&b, 2);
	}
	bytes_add_be32(&b, 2);
	bytes_add_be32(&b, 9);
	put_le32(b.p + 12, __builtin_bswap32((uint32_t)b.len));
	bytes_add(&b, names, sizeof(names));
	put_le32(b.p, __builtin_bswap32(0xd00dfeed));
	put_le32(b.p + 4, __builtin_bswap32((uint32_t)b.len));
	put_le32(b.p + 8, __builtin_bswap32(56));
	put_le32(b.p + 20, __builtin_bswap32(17));
	return b;
}

/* A tree whose root has these two properties and is cut off then. */
static struct bytes two_props(const char *a, uint32_t a_len, const char *b, uint32_t b_len)
{
	struct bytes t = { 0 };

	for (int i = 0; i < 14; i++)
		bytes_add_be32(&t, 0);
	bytes_add_be32(&t, 1);
	bytes_add_be32(&t, 0);
	prop(&t, a, a_len, 0);
	prop(&t, b, b_len, 0);
	put_le32(t.p, __builtin_bswap32(0xd00dfeed));
	put_le32(t.p + 8, __builtin_bswap32(56));
	return t;
}

static char name[KSCAN_COMPAT_MAX];

static bool told(const unsigned char *p, size_t len, const char *kind)
{
	/* in memory of its own, so that the address sanitizer sees a step too far */
	unsigned char *copy = malloc(len ? len : 1);
	bool r;

	memcpy(copy, p, len);
	r = kho_tree_compat(copy, len, kind, name);
	free(copy);
	return r;
}

TEST(a_tree_tells_its_format)
{
	_cleanup_bytes_ struct bytes t = tree("kho-v4", 0);

	EXPECT_TRUE(told(t.p, t.len, "kho-v"));
	EXPECT_STREQ(name, "kho-v4");
	EXPECT_FALSE(told(t.p, t.len, "luo-v"));
	EXPECT_STREQ(name, "");
}

/* The kernel's debugfs file is as long as the tree was at first. */
TEST(a_tree_that_grew_after_its_file_was_made)
{
	_cleanup_bytes_ struct bytes at_first = tree("kho-v4", 0), now = tree("kho-v4", 3);

	EXPECT_TRUE(told(now.p, at_first.len, "kho-v"));
	EXPECT_STREQ(name, "kho-v4");
}

TEST(luo_before_and_since_7_2)
{
	_cleanup_bytes_ struct bytes t = tree("luo-v1", 1);
	unsigned char ser[32] = "luo-v5";

	EXPECT_TRUE(told(t.p, t.len, "luo-v"));
	EXPECT_STREQ(name, "luo-v1");
	EXPECT_TRUE(told(ser, sizeof(ser), "luo-v"));
	EXPECT_STREQ(name, "luo-v5");
	memset(ser, 'x', sizeof(ser));
	EXPECT_FALSE(told(ser, sizeof(ser), "luo-v"));
	EXPECT_FALSE(told(ser, 0, "luo-v"));
}

TEST(what_is_not_a_name_alone)
{
	_cleanup_bytes_ struct bytes longer = tree("kho-v4x", 0), none = tree("kho-v", 0);
	_cleanup_bytes_ struct bytes list = two_props("kho-v4\0kho-v3", 14, "", 1);

	EXPECT_FALSE(told(longer.p, longer.len, "kho-v"));
	EXPECT_FALSE(told(none.p, none.len, "kho-v"));
	EXPECT_FALSE(told(list.p, list.len, "kho-v"));
}

TEST(two_of_them_tell_nothing)
{
	_cleanup_bytes_ struct bytes t = two_props("kho-v4", 7, "kho-v5", 7);

	EXPECT_FALSE(told(t.p, t.len, "kho-v"));
	EXPECT_STREQ(name, "");
}

TEST(truncated_and_damaged_trees)
{
	_cleanup_bytes_ struct bytes t = tree("kho-v4", 2);

	for (size_t len = 0; len < t.len; len++)
		if (told(t.p, len, "kho-v"))
			EXPECT_STREQ(name, "kho-v4");
	for (size_t at = 0; at < t.len; at++) {
		for (int bit = 0; bit < 8; bit++) {
			t.p[at] ^= 1 << bit;
			told(t.p, t.len, "kho-v");
			t.p[at] ^= 1 << bit;
		}
	}
	for (size_t at = 0; at + 4 <= t.len; at += 4) {
		unsigned char was[4];

		memcpy(was, t.p + at, 4);
		memset(t.p + at, 0xff, 4);
		told(t.p, t.len, "kho-v");
		memcpy(t.p + at, was, 4);
	}
}

FIXTURE(debugfs)
{
	char dir[64];
};

static void put(const char *dir, const char *file, const void *data, size_t len)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, file);

	if (write_file_atomic(path, data, len) < 0)
		abort();
}

FIXTURE_SETUP(debugfs)
{
	_cleanup_bytes_ struct bytes t = tree("kho-v4", 0);
	_cleanup_free_ char *subs = NULL;

	strcpy(self->dir, "/tmp/vmkeep-kho-XXXXXX");
	ASSERT_NE(mkdtemp(self->dir), NULL);
	subs = xasprintf("%s/out/sub_fdts", self->dir);
	ASSERT_EQ(mkdir_parents(subs, 0700), 0);
	put(self->dir, "out/fdt", t.p, t.len);
	put(self->dir, "out/sub_fdts/LUO", "luo-v5\0\0rest", 12);
}

FIXTURE_TEARDOWN(debugfs)
{
	_cleanup_free_ char *rm = xasprintf("rm -r %s", self->dir);

	ASSERT_EQ(system(rm), 0);
}

TEST_F(debugfs, tells_all_but_memfds)
{
	struct kabi abi;

	ASSERT_EQ(kho_abi(self->dir, &abi), 0);
	EXPECT_STREQ(abi.kho, "kho-v4");
	EXPECT_STREQ(abi.luo, "luo-v5");
	EXPECT_STREQ(abi.memfd, "");
	EXPECT_EQ(kho_abi("/nowhere", &abi), -ENOENT);
	EXPECT_STREQ(abi.kho, "");
}

TEST_F(debugfs, scratch_areas)
{
	struct kho_scratch s;
	char many[KHO_SCRATCH_MAX * 4 + 5] = "";

	kho_scratch(self->dir, &s);
	EXPECT_EQ(s.n, 0);
	put(self->dir, "out/scratch_len", "0x8000000\n0x4000000\n", 20);
	kho_scratch(self->dir, &s);
	ASSERT_EQ(s.n, 2);
	EXPECT_EQ(s.size[0], 0x8000000);
	EXPECT_EQ(s.size[1], 0x4000000);
	put(self->dir, "out/scratch_len", "0x8000000\nlots\n", 15);
	kho_scratch(self->dir, &s);
	EXPECT_EQ(s.n, 0);
	for (size_t i = 0; i <= KHO_SCRATCH_MAX; i++)
		strcat(many, "0x1\n");
	put(self->dir, "out/scratch_len", many, strlen(many));
	kho_scratch(self->dir, &s);
	EXPECT_EQ(s.n, 0);
}

TEST(room_in_the_scratch_areas)
{
	struct kho_scratch s = { .size = { 100, 60 }, .n = 2 };

	EXPECT_TRUE(kho_scratch_fits(&s, 100, 60)); /* one each */
	EXPECT_TRUE(kho_scratch_fits(&s, 60, 100));
	EXPECT_TRUE(kho_scratch_fits(&s, 30, 70)); /* both in one */
	EXPECT_TRUE(kho_scratch_fits(&s, 100, 0));
	EXPECT_FALSE(kho_scratch_fits(&s, 101, 0));
	EXPECT_FALSE(kho_scratch_fits(&s, 100, 61));
	EXPECT_FALSE(
		kho_scratch_fits(&s, 61, 70)); /* 131 of 160, but neither area has room for both */
	EXPECT_FALSE(kho_scratch_fits(&s, 1, 101));
}

TEST(build_id_in_notes)
{
	static const unsigned char notes[] =
		"\x04\0\0\0\x04\0\0\0\x06\0\0\0Xen\0\0\0\0\0"
		"\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0abcdefghijklmnopqrst";
	unsigned char id[KSCAN_BUILD_ID_LEN], bad[sizeof(notes) - 1];

	ASSERT_TRUE(kho_notes_build_id(notes, sizeof(notes) - 1, id));
	EXPECT_EQ(memcmp(id, "abcdefghijklmnopqrst", sizeof(id)), 0);
	for (size_t len = 0; len < sizeof(notes) - 1; len++) {
		unsigned char *copy = malloc(len ? len : 1);

		memcpy(copy, notes, len);
		EXPECT_FALSE(kho_notes_build_id(copy, len, id));
		free(copy);
	}
	memcpy(bad, notes, sizeof(bad));
	memset(bad, 0xff, 8); /* lengths of the first note */
	EXPECT_FALSE(kho_notes_build_id(bad, sizeof(bad), id));
}

TEST(who_this_kernel_is)
{
	struct kho_self self;

	ASSERT_EQ(kho_self(&self), 0);
	EXPECT_EQ(strncmp(self.banner, "Linux version ", 14), 0);
	EXPECT_EQ(strchr(self.banner, '\n'), NULL);
}

TEST_HARNESS_MAIN
