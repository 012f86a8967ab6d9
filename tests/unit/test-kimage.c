// SPDX-License-Identifier: GPL-2.0-or-later
/* Kernel images made up here, whole and damaged: what is told of them, and what is not. */

#include "kimage.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "pack.h"

#include "kselftest_harness.h"

static const struct fake normal = {
	.kho = "kho-v4", .luo = "luo-v5", .memfd = "memfd-v2", .config = FAKE_CONFIG
};

static struct kimage k;
static struct err e;

static int read_bytes(const unsigned char *p, size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC), r;
	char path[64];

	if (write(fd, p, len) != (ssize_t)len)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	e.text[0] = '\0';
	r = kimage_read(path, &k, &e);
	close(fd);
	return r;
}

static int read_fake(const struct fake *f, const char *format)
{
	_cleanup_bytes_ struct bytes elf = fake_vmlinux(f), image = { 0 }, payload = { 0 };

	if (!format)
		return read_bytes(elf.p, elf.len);
	payload = pack(format, elf.p, elf.len, true);
	image = fake_bzimage(&payload);
	return read_bytes(image.p, image.len);
}

static bool all_told(void)
{
	const struct kscan_facts *f = &k.facts;

	return strcmp(f->abi.kho, "kho-v4") == 0 && strcmp(f->abi.luo, "luo-v5") == 0 &&
	       strcmp(f->abi.memfd, "memfd-v2") == 0 && f->has_kho == TOLD_YES &&
	       f->has_luo == TOLD_YES && f->has_memfd == TOLD_YES &&
	       strcmp(k.release, FAKE_RELEASE) == 0 && k.x86_64;
}

TEST(a_bzimage_of_each_format)
{
	for (size_t i = 0; i < ARRAY_SIZE(pack_formats); i++) {
		ASSERT_EQ(read_fake(&normal, pack_formats[i]), 0)
		{
			TH_LOG("%s: %s", pack_formats[i], e.text);
		}
		EXPECT_TRUE(all_told());
		EXPECT_EQ(k.format, KIMAGE_BZIMAGE);
		EXPECT_TRUE(k.loadable);
		EXPECT_FALSE(k.has_signature);
		EXPECT_EQ(k.memory, 64 << 20);
		EXPECT_STREQ(k.packed, pack_formats[i]);
		EXPECT_TRUE(k.facts.has_config);
		EXPECT_EQ(k.facts.kho_by_default, TOLD_NO);
	}
}

TEST(whether_it_starts_in_more_than_scratch)
{
	struct fake f = normal;

	ASSERT_EQ(read_fake(&f, "gzip"), 0);
	EXPECT_FALSE(k.facts.extends_scratch);
	f.extends = true;
	ASSERT_EQ(read_fake(&f, "gzip"), 0);
	EXPECT_TRUE(k.facts.extends_scratch);
	EXPECT_TRUE(all_told());
}

TEST(a_vmlinux)
{
	ASSERT_EQ(read_fake(&normal, NULL), 0);
	EXPECT_TRUE(all_told());
	EXPECT_EQ(k.format, KIMAGE_VMLINUX);
	EXPECT_FALSE(k.loadable);
}

TEST(a_zboot_image)
{
	_cleanup_bytes_ struct bytes elf = fake_vmlinux(&normal), image = { 0 };
	_cleanup_bytes_ struct bytes payload = pack("zstd", elf.p, elf.len, true);

	image.p = xmalloc0(image.len = 512);
	memcpy(image.p, "MZ\0\0zimg", 8);
	put_le32(image.p + 8, 512);
	put_le32(image.p + 12, (uint32_t)payload.len - 4);
	memcpy(image.p + 24, "zstd", 4);
	put_le32(image.p + 0x3c, 0x40);
	memcpy(image.p + 0x40, "PE\0\0\x64\x86", 6);
	bytes_add(&image, payload.p, payload.len);
	ASSERT_EQ(read_bytes(image.p, image.len), 0)
	{
		TH_LOG("%s", e.text);
	}
	EXPECT_TRUE(all_told());
	EXPECT_EQ(k.format, KIMAGE_ZBOOT);
	EXPECT_FALSE(k.loadable);
	put_le32(image.p + 0x3c, 0x7fffffff); /* a PE header that is elsewhere */
	EXPECT_EQ(read_bytes(image.p, image.len), -EBADMSG);
}

/* Wherever they lie: what is looked for must not get lost where one piece ends. */
TEST(facts_across_the_windows_edges)
{
	for (size_t at = 128 * 1024 - 2048; at < 128 * 1024; at += 37) {
		struct fake f = normal;

		f.at = at;
		ASSERT_EQ(read_fake(&f, NULL), 0);
		ASSERT_TRUE(all_told() && k.facts.has_config)
		{
			TH_LOG("at %zu", at);
		}
	}
}

TEST(facts_at_the_very_end)
{
	struct fake f = normal;

	f.size = 200000;
	f.at = f.size - 8000;
	ASSERT_EQ(read_fake(&f, "lz4"), 0);
	EXPECT_TRUE(all_told());
}

TEST(without_a_configuration)
{
	struct fake f = normal;

	f.config = NULL;
	ASSERT_EQ(read_fake(&f, NULL), 0);
	EXPECT_TRUE(all_told());
	EXPECT_FALSE(k.facts.has_config);
	EXPECT_EQ(k.facts.kho_by_default, TOLD_NOTHING);
}

TEST(a_kernel_without_any_of_it)
{
	struct fake f = { .no_params = true };

	ASSERT_EQ(read_fake(&f, NULL), 0);
	EXPECT_EQ(k.facts.has_kho, TOLD_NO);
	EXPECT_EQ(k.facts.has_luo, TOLD_NO);
	EXPECT_EQ(k.facts.has_memfd, TOLD_NO);
	f.config = "CONFIG_64BIT=y\n# CONFIG_KEXEC_HANDOVER is not set\n";
	ASSERT_EQ(read_fake(&f, NULL), 0);
	EXPECT_TRUE(k.facts.has_config);
	EXPECT_EQ(k.facts.has_kho, TOLD_NO);
	EXPECT_EQ(k.facts.has_luo, TOLD_NO);
	EXPECT_EQ(k.facts.has_memfd, TOLD_NO);
}

/* One piece of evidence without the other is none. */
TEST(half_of_the_evidence_tells_nothing)
{
	struct fake f = { .luo = "luo-v5", .no_params = true };

	ASSERT_EQ(read_fake(&f, NULL), 0);
	EXPECT_EQ(k.facts.has_luo, TOLD_NOTHING);
	f = (struct fake){ 0 };
	ASSERT_EQ(read_fake(&f, NULL), 0);
	EXPECT_EQ(k.facts.has_kho, TOLD_NOTHING);
	EXPECT_EQ(k.facts.has_luo, TOLD_NOTHING);
	EXPECT_EQ(k.facts.has_memfd, TOLD_NOTHING);
	f = (struct fake){ .kho = "kho-v4", .luo = "luo-v5" };
	ASSERT_EQ(read_fake(&f, NULL), 0);
	EXPECT_EQ(k.facts.has_luo, TOLD_YES);
	EXPECT_EQ(k.facts.has_memfd, TOLD_NOTHING);
}

TEST(two_formats_of_a_kind_tell_nothing)
{
	_cleanup_bytes_ struct bytes elf = fake_vmlinux(&normal);

	memcpy(elf.p + 130000 + 700, "luo-v4", 7);
	ASSERT_EQ(read_bytes(elf.p, elf.len), 0);
	EXPECT_STREQ(k.facts.abi.luo, "");
	EXPECT_STREQ(k.facts.abi.kho, "kho-v4");
	memcpy(elf.p + 130000 + 700, "luo-v5", 7); /* twice the same is no contradiction */
	ASSERT_EQ(read_bytes(elf.p, elf.len), 0);
	EXPECT_STREQ(k.facts.abi.luo, "luo-v5");
}

TEST(what_only_looks_like_a_format)
{
	static const char *const others[] = { "xluo-v5", "luo-v",
					      "luo-v5 ", "luo-v5x",
					      "-luo-v5", "luo-v99999999999999999999999999" };

	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		struct fake f = normal;

		f.luo = others[i];
		ASSERT_EQ(read_fake(&f, NULL), 0);
		EXPECT_STREQ(k.facts.abi.luo, "")
		{
			TH_LOG("%s", others[i]);
		}
	}
}

TEST(a_damaged_configuration_is_none)
{
	_cleanup_bytes_ struct bytes elf = fake_vmlinux(&normal);
	_cleanup_bytes_ struct bytes gz = pack("gzip", (const unsigned char *)FAKE_CONFIG,
					       strlen(FAKE_CONFIG), false);

	elf.p[130000 + 1008 + gz.len - 8] ^= 1; /* its checksum */
	ASSERT_EQ(read_bytes(elf.p, elf.len), 0);
	EXPECT_FALSE(k.facts.has_config);
	EXPECT_EQ(k.facts.has_kho, TOLD_YES); /* by its strings */
}

TEST(a_configuration_that_is_a_bomb)
{
	size_t len = 32 << 20;
	char *text = xmalloc0(len + 1);
	_cleanup_bytes_ struct bytes gz = { 0 },
				     elf = fake_vmlinux(&(struct fake){ .size = 400000 });

	memset(text, '\n', len);
	memcpy(text, "CONFIG_KEXEC_HANDOVER=y\n", 24);
	gz = pack("gzip", (unsigned char *)text, len, false);
	ASSERT_LT(gz.len, 200000);
	memcpy(elf.p + 150000, "IKCFG_ST", 8);
	memcpy(elf.p + 150008, gz.p, gz.len);
	ASSERT_EQ(read_bytes(elf.p, elf.len), 0);
	EXPECT_FALSE(k.facts.has_config);
	free(text);
}

TEST(other_machines)
{
	_cleanup_bytes_ struct bytes elf = fake_vmlinux(&normal);
	Elf64_Ehdr *h = (void *)elf.p;

	h->e_machine = EM_AARCH64;
	ASSERT_EQ(read_bytes(elf.p, elf.len), 0);
	EXPECT_FALSE(k.x86_64);
	EXPECT_EQ(k.machine, EM_AARCH64);
	h->e_machine = EM_X86_64;
	h->e_ident[EI_CLASS] = ELFCLASS32;
	ASSERT_EQ(read_bytes(elf.p, elf.len), 0);
	EXPECT_FALSE(k.x86_64);
}

TEST(what_is_no_kernel)
{
	unsigned char zeroes[8192] = { 0 };
	_cleanup_bytes_ struct bytes text = pack("xz", zeroes, sizeof(zeroes), true);
	_cleanup_bytes_ struct bytes image = fake_bzimage(&text);

	EXPECT_EQ(read_bytes(image.p, image.len), -EBADMSG);
	EXPECT_NE(strstr(e.text, "not a kernel"), NULL);
	EXPECT_EQ(read_bytes(zeroes, sizeof(zeroes)), -ENOEXEC);
	EXPECT_EQ(read_bytes(zeroes, 0), -ENOEXEC);
	EXPECT_EQ(read_bytes((const unsigned char *)ELFMAG, 4), -ENOEXEC);
	EXPECT_EQ(kimage_read("/nowhere/vmlinuz", &k, &e), -ENOENT);
	EXPECT_STREQ(e.text, "kernel /nowhere/vmlinuz: No such file or directory");
	EXPECT_EQ(kimage_read("/dev/zero", &k, &e), -ENOEXEC);
	EXPECT_EQ(kimage_read("/proc/self", &k, &e), -ENOEXEC);
	EXPECT_EQ(kimage_read("/bin/sh", &k, &e), -EBADMSG); /* an ELF file */
}

FIXTURE(bzimage)
{
	struct bytes image;
};

FIXTURE_SETUP(bzimage)
{
	_cleanup_bytes_ struct bytes elf = fake_vmlinux(&normal);
	_cleanup_bytes_ struct bytes payload = pack("zstd", elf.p, elf.len, true);

	self->image = fake_bzimage(&payload);
}

FIXTURE_TEARDOWN(bzimage)
{
	free(self->image.p);
}

TEST_F(bzimage, every_truncation_is_found)
{
	for (size_t len = 0; len < self->image.len - 21; len += len < 700 ? 7 : 997) {
		EXPECT_LT(read_bytes(self->image.p, len), 0)
		{
			TH_LOG("%zu bytes", len);
		}
		EXPECT_EQ(strncmp(e.text, "kernel /proc/self/fd/", 21), 0);
		EXPECT_EQ(strchr(e.text, '\n'), NULL);
	}
}

TEST_F(bzimage, every_flipped_byte_of_its_header)
{
	for (size_t at = 0; at < 0x270; at++) {
		unsigned char was = self->image.p[at];

		/* it may be harmless; it may not crash, nor make up a fact */
		self->image.p[at] ^= 0xff;
		if (read_bytes(self->image.p, self->image.len) == 0)
			EXPECT_TRUE(all_told());
		self->image.p[at] = was;
	}
}

TEST_F(bzimage, flipped_bits_in_its_kernel)
{
	for (size_t at = FAKE_SETUP + FAKE_PAYLOAD; at < self->image.len - 21; at += 3989) {
		self->image.p[at] ^= 4;
		EXPECT_LT(read_bytes(self->image.p, self->image.len), 0)
		{
			TH_LOG("byte %zu", at);
		}
		self->image.p[at] ^= 4;
	}
}

TEST_F(bzimage, absurd_places_of_its_kernel)
{
	static const uint32_t absurd[] = { 0xffffffff, 0x7fffffff, 0x80000000, 0xfffffff0, 0 };
	uint32_t len;

	memcpy(&len, self->image.p + 0x24c, 4);
	for (size_t i = 0; i < ARRAY_SIZE(absurd); i++) {
		put_le32(self->image.p + 0x248, absurd[i]);
		EXPECT_LT(read_bytes(self->image.p, self->image.len), 0);
		put_le32(self->image.p + 0x248, FAKE_PAYLOAD);
		put_le32(self->image.p + 0x24c, absurd[i]);
		EXPECT_LT(read_bytes(self->image.p, self->image.len), 0);
		EXPECT_TRUE(!absurd[i] || strstr(e.text, "are to be its packed kernel"));
		put_le32(self->image.p + 0x24c, len);
	}
}

TEST_F(bzimage, a_kernel_that_is_packed_in_no_known_way)
{
	memset(self->image.p + FAKE_SETUP + FAKE_PAYLOAD, 'x', 16);
	EXPECT_EQ(read_bytes(self->image.p, self->image.len), -EOPNOTSUPP);
}

TEST_F(bzimage, a_version_elsewhere_and_one_that_is_another)
{
	self->image.p[0x20e] = self->image.p[0x20f] =
		0xff; /* points out of the header, into data */
	EXPECT_NE(read_bytes(self->image.p, self->image.len), -EFAULT);
	self->image.p[0x20e] = 0;
	self->image.p[0x20f] = 2;
	self->image.p[0x400] = '8';
	EXPECT_EQ(read_bytes(self->image.p, self->image.len), -EBADMSG);
	EXPECT_NE(strstr(e.text, "8.2.0-fake"), NULL);
	strcpy((char *)self->image.p + 0x400, "\033[2Jx"); /* nothing for a terminal */
	read_bytes(self->image.p, self->image.len);
	EXPECT_EQ(strchr(e.text, '\033'), NULL);
}

TEST_F(bzimage, what_kexec_file_load_would_refuse)
{
	self->image.p[0x236] = 2; /* not 64 bits */
	ASSERT_EQ(read_bytes(self->image.p, self->image.len), 0);
	EXPECT_FALSE(k.loadable);
	self->image.p[0x236] = 1; /* not above 4 GiB */
	ASSERT_EQ(read_bytes(self->image.p, self->image.len), 0);
	EXPECT_FALSE(k.loadable);
	self->image.p[0x236] = 3;
	self->image.p[0x206] = 0x0b; /* boot protocol 2.11 */
	ASSERT_EQ(read_bytes(self->image.p, self->image.len), 0);
	EXPECT_FALSE(k.loadable);
}

TEST_F(bzimage, a_signature)
{
	unsigned char *h = self->image.p, *pe = h + 0x300;

	memcpy(h, "MZ", 2);
	put_le32(h + 0x3c, 0x300);
	memcpy(pe, "PE\0\0", 4);
	pe[24] = 0x0b;
	pe[25] = 0x02;
	put_le32(pe + 24 + 60, 0x400); /* length of headers */
	put_le32(pe + 24 + 108, 16);   /* directories */
	ASSERT_EQ(read_bytes(h, self->image.len), 0);
	EXPECT_FALSE(k.has_signature);
	put_le32(pe + 24 + 144, (uint32_t)self->image.len - 16);
	put_le32(pe + 24 + 148, 16);
	ASSERT_EQ(read_bytes(h, self->image.len), 0);
	EXPECT_TRUE(k.has_signature);
	put_le32(pe + 24 + 148, 17); /* leads out of the file */
	ASSERT_EQ(read_bytes(h, self->image.len), 0);
	EXPECT_FALSE(k.has_signature);
	put_le32(pe + 24 + 108, 4); /* fewer directories */
	put_le32(pe + 24 + 148, 16);
	ASSERT_EQ(read_bytes(h, self->image.len), 0);
	EXPECT_FALSE(k.has_signature);
	put_le32(h + 0x3c, 0xfffffff0);
	ASSERT_EQ(read_bytes(h, self->image.len), 0);
	EXPECT_FALSE(k.has_signature);
}

TEST(whose_image_it_is)
{
	ASSERT_EQ(read_fake(&normal, "gzip"), 0);
	EXPECT_TRUE(kimage_is(&k, FAKE_BANNER, NULL));
	EXPECT_TRUE(kimage_is(&k, FAKE_BANNER, (const unsigned char *)"abcdefghijklmnopqrst"));
	/* the same text, another build */
	EXPECT_FALSE(kimage_is(&k, FAKE_BANNER, (const unsigned char *)"abcdefghijklmnopqrsT"));
	EXPECT_FALSE(kimage_is(&k, "Linux version " FAKE_RELEASE, NULL));
	EXPECT_FALSE(kimage_is(&k, "", NULL));
}

TEST_HARNESS_MAIN
