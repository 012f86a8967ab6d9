/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the running kernel shows of Kexec HandOver: /sys/kernel/debug/kho, which needs
 * CONFIG_KEXEC_HANDOVER_DEBUGFS (kernel/liveupdate/kexec_handover_debugfs.c), and who this
 * kernel is, so that its own image can be asked for the rest.
 */
#ifndef VMKEEP_KHO_H
#define VMKEEP_KHO_H

#include "kimage.h"

#define KHO_DEBUGFS "/sys/kernel/debug/kho"
#define KHO_SCRATCH_MAX 64

/**
 * kho_abi() - The formats in which this kernel will hand over, as far as debugfs shows them.
 * @dir:	KHO_DEBUGFS.
 * @abi:	Filled in; what is not shown is "". Memfds' format never is: it stands in
 *		sessions, which are written at the jump.
 *
 * These files are the very bytes that the next kernel gets: no better source is possible.
 *
 * Return: 0, or -errno when there is no such directory or it may not be read.
 */
int kho_abi(const char *dir, struct kabi *abi);

/**
 * kho_tree_compat() - The format's name in a device tree blob, or in a LUO state.
 * @blob:	out/fdt, or an entry of out/sub_fdts.
 * @kind:	"kho-v", "luo-v".
 * @name:	KSCAN_COMPAT_MAX bytes.
 *
 * Not by libfdt: that relies on the length in the blob's header, and debugfs cuts "fdt" off
 * where it ended when the file was made. Each subsystem that was entered later has made it
 * longer, and moved the names of the properties, which stand at the end, out of sight
 * (kho_init() and kho_add_subtree() in kernel/liveupdate/kexec_handover.c, 7.2 and 7.3).
 * So a property of the root whose value has the form looked for is the one.
 *
 * Return: Whether there is exactly one.
 */
bool kho_tree_compat(const unsigned char *blob, size_t len, const char *kind, char *name);

/**
 * struct kho_scratch - Sizes of the areas that the next kernel is loaded and started in.
 * @size:	In bytes.
 * @n:		How many; 0: not known.
 */
struct kho_scratch {
	uint64_t size[KHO_SCRATCH_MAX];
	unsigned int n;
};

/**
 * kho_scratch() - Read them (out/scratch_len).
 *
 * Nothing else tells: what kho_scratch= asked for is rounded and, after a handover, is
 * what the first kernel of the row was asked for.
 */
void kho_scratch(const char *dir, struct kho_scratch *ret);

/**
 * kho_scratch_fits() - Whether kexec_file_load(2) could find room.
 * @kernel:	struct kimage's @memory.
 * @initrd:	Length of the initrd, 0 for none.
 *
 * Under Kexec HandOver each segment must lie in one area (kho_locate_mem_hole()), the
 * kernel's with all of its init_size (bzImage64_load()). The small ones are left out, so
 * that "no" is certain; a "yes" is kexec_file_load(2)'s to confirm, in prepare.
 */
bool kho_scratch_fits(const struct kho_scratch *s, uint64_t kernel, uint64_t initrd);

/**
 * struct kho_self - Who the running kernel is.
 * @banner:	/proc/version without its line feed, the same text as the image's own.
 * @build_id:	From /sys/kernel/notes.
 * @has_build_id:	Whether it has one.
 */
struct kho_self {
	char banner[KSCAN_BANNER_MAX];
	unsigned char build_id[KSCAN_BUILD_ID_LEN];
	bool has_build_id;
};

/** kho_self() - Find out. Return: 0 or -errno. */
int kho_self(struct kho_self *ret);

/** kho_notes_build_id() - The GNU build id in a .notes section. Return: Whether there is one of the right length. */
bool kho_notes_build_id(const unsigned char *notes, size_t len, unsigned char *build_id);

#endif
