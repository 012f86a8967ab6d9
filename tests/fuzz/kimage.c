// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All that reads kernel images and what the kernel shows of Kexec HandOver. The first byte
 * says which of them the rest is for: checksums would else keep the fuzzer from what comes
 * after unpacking.
 */

#include "fuzz.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "kho.h"
#include "pack.h"
#include "unpack.h"

enum { IMAGE, UNPACK, UNPACK_SIZED, SCAN, TREE, NOTES };

#define UNPACKED_MAX (16 << 20)

void fuzz_init(void)
{
}

/* A device tree's header and its root with one property; and a note with a build id. */
static const unsigned char tree[] = "\xd0\x0d\xfe\xed\0\0\0\x58\0\0\0\x28\0\0\0\x54\0\0\0\x28"
				    "\0\0\0\x11\0\0\0\x10\0\0\0\0\0\0\0\4\0\0\0\x2c"
				    "\0\0\0\1\0\0\0\0\0\0\0\4\0\0\0\3\0\0\0\7\0\0\0\0kho-v4\0\0"
				    "\0\0\0\2\0\0\0\x09"
				    "compatible";
static const unsigned char notes[] = "\4\0\0\0\x06\0\0\0\1\1\0\0Linux\0\0\0\0\0\0\0"
				     "\4\0\0\0\x14\0\0\0\3\0\0\0GNU\0abcdefghijklmnopqrst";

void fuzz_seeds(void)
{
	const struct fake f = { .kho = "kho-v4",
				.luo = "luo-v5",
				.memfd = "memfd-v2",
				.config = FAKE_CONFIG,
				.size = 12000,
				.at = 2000 };
	_cleanup_bytes_ struct bytes elf = fake_vmlinux(&f);

	fuzz_seed("vmlinux", IMAGE, elf.p, elf.len);
	fuzz_seed("tree", TREE, tree, sizeof(tree));
	fuzz_seed("abi", TREE, "luo-v5", 7);
	fuzz_seed("notes", NOTES, notes, sizeof(notes) - 1);
	fuzz_seed("scan", SCAN, elf.p, elf.len);
	for (size_t i = 0; i < ARRAY_SIZE(pack_formats); i++) {
		_cleanup_bytes_ struct bytes p = pack(pack_formats[i], elf.p, elf.len, true);
		_cleanup_bytes_ struct bytes image = fake_bzimage(&p);
		_cleanup_free_ char *name = xasprintf("bzimage-%s", pack_formats[i]);

		fuzz_seed(name, IMAGE, image.p, image.len);
		fuzz_seed(pack_formats[i], UNPACK_SIZED, p.p, p.len);
	}
}

static int drop(void *user, const unsigned char *data, size_t len, struct err *e)
{
	volatile unsigned char sum = 0;

	(void)user, (void)e;
	for (size_t i = 0; i < len; i += 64) /* so that bytes nobody wrote are seen */
		sum = (unsigned char)(sum + data[i]);
	return 0;
}

static void image(const unsigned char *data, size_t len)
{
	int fd = memfd_create("image", MFD_CLOEXEC);
	char path[64];
	struct kimage k;
	struct err e;

	fuzz_must(fd >= 0 && write_all(fd, data, len) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	e.text[0] = '\0';
	if (kimage_read(path, &k, &e) < 0)
		fuzz_must_explain(&e);
	close(fd);
}

static void scan(const unsigned char *data, size_t len)
{
	struct kscan *s = kscan_new();
	struct kscan_facts f;

	for (size_t at = 0, n; at < len; at += n) {
		n = len - at < 4099 ? len - at : 4099;
		kscan_feed(s, data + at, n);
	}
	kscan_end(s, &f);
	fuzz_must(strlen(f.abi.luo) < KSCAN_COMPAT_MAX && f.n_banners <= KSCAN_BANNERS);
}

void fuzz_one(const unsigned char *data, size_t len)
{
	struct unpack u = { .max = UNPACKED_MAX, .write = drop };
	unsigned char id[KSCAN_BUILD_ID_LEN];
	char name[KSCAN_COMPAT_MAX];
	struct err e;

	u.in = data + 1;
	u.len = len - 1;
	u.sized = data[0] == UNPACK_SIZED;
	switch (data[0]) {
	case IMAGE:
		image(data + 1, len - 1);
		break;
	case UNPACK:
	case UNPACK_SIZED:
		unpack(&u, &e);
		break;
	case SCAN:
		scan(data + 1, len - 1);
		break;
	case TREE:
		kho_tree_compat(data + 1, len - 1, "kho-v", name);
		break;
	case NOTES:
		kho_notes_build_id(data + 1, len - 1, id);
		break;
	}
}
