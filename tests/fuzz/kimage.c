// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A libFuzzer target for all that reads kernel images and what the kernel shows of Kexec
 * HandOver. The first byte says which of them the rest is for: checksums would else keep
 * the fuzzer from what comes after unpacking.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iagent -Itests/unit \
 *       -o fuzz-kimage tests/fuzz/kimage.c agent/kimage.c agent/kscan.c agent/unpack.c \
 *       agent/kho.c agent/util.c -lz -llzma -lzstd -llz4 -lbz2 -llzo2
 *   mkdir -p corpus && FUZZ_SEEDS=corpus ./fuzz-kimage
 *   ./fuzz-kimage -max_len=65536 -timeout=20 -max_total_time=600 corpus
 *
 * FUZZ_SEEDS=DIR writes a seed of each kind and ends.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

#include "kho.h"
#include "pack.h"
#include "unpack.h"

enum { IMAGE, UNPACK, UNPACK_SIZED, SCAN, TREE, NOTES };

#define UNPACKED_MAX (16 << 20)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static void seed(const char *dir, const char *name, unsigned char kind, const struct bytes *b)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, name);
	_cleanup_bytes_ struct bytes all = { 0 };

	bytes_add(&all, &kind, 1);
	bytes_add(&all, b->p, b->len);
	if (write_file_atomic(path, (char *)all.p, all.len) < 0)
		perror(path);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct fake f = { .kho = "kho-v4",
				.luo = "luo-v5",
				.memfd = "memfd-v2",
				.config = FAKE_CONFIG,
				.size = 12000,
				.at = 2000 };
	const char *dir = getenv("FUZZ_SEEDS");
	_cleanup_bytes_ struct bytes elf = { 0 };

	(void)argc, (void)argv;
	if (!dir)
		return 0;
	elf = fake_vmlinux(&f);
	seed(dir, "vmlinux", IMAGE, &elf);
	seed(dir, "scan", SCAN, &elf);
	for (size_t i = 0; i < ARRAY_SIZE(pack_formats); i++) {
		_cleanup_bytes_ struct bytes p = pack(pack_formats[i], elf.p, elf.len, true);
		_cleanup_bytes_ struct bytes image = fake_bzimage(&p);
		_cleanup_free_ char *name = xasprintf("bzimage-%s", pack_formats[i]);

		seed(dir, name, IMAGE, &image);
		seed(dir, pack_formats[i], UNPACK_SIZED, &p);
	}
	exit(0);
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

	if (fd < 0 || write_all(fd, data, len) < 0)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (kimage_read(path, &k, &e) < 0 && (!e.text[0] || strchr(e.text, '\n')))
		abort();
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
	if (strlen(f.abi.luo) >= KSCAN_COMPAT_MAX || f.n_banners > KSCAN_BANNERS)
		abort();
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	struct unpack u = { .max = UNPACKED_MAX, .write = drop };
	unsigned char id[KSCAN_BUILD_ID_LEN];
	char name[KSCAN_COMPAT_MAX];
	struct err e;

	if (!len)
		return 0;
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
	return 0;
}
