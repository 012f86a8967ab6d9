/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a kernel's own bytes tell about it.
 *
 * The facts, from the source of 7.2:
 *
 * - The names of the formats are string constants: KHO_FDT_COMPATIBLE, LUO_ABI_COMPATIBLE
 *   and MEMFD_LUO_FH_COMPATIBLE in include/linux/kho/abi/. The first two are arguments of
 *   printk() and so cannot be folded into instructions; the third is the initial value of
 *   an array in a structure, so that no NUL need stand before it, only after it.
 * - The names of the parameters that switch Kexec HandOver and Live Update on stand in
 *   .init.rodata, one after the other, and the kernel could not parse its command line
 *   without them: "kho_scratch" and "liveupdate".
 * - linux_banner is there twice: init/version.o has one with a preliminary version, which
 *   init/version-timestamp.o replaces.
 * - CONFIG_IKCONFIG puts the configuration, packed by gzip, between IKCFG_ST and IKCFG_ED.
 * - A kernel that can start in more than the scratch areas says so when it cannot (since 7.3).
 * - .notes has the build id, as have the vDSOs inside the image.
 */
#ifndef VMKEEP_KSCAN_H
#define VMKEEP_KSCAN_H

#include "util.h"

#define KSCAN_COMPAT_MAX 24
#define KSCAN_BANNER_MAX 512
#define KSCAN_BANNERS 4
#define KSCAN_BUILD_IDS 8
#define KSCAN_BUILD_ID_LEN 20

enum told {
	TOLD_NOTHING, /* it cannot be told */
	TOLD_NO,
	TOLD_YES,
};

/**
 * struct kabi - The formats in which a kernel hands over and takes over.
 * @kho:	Kexec HandOver's own, "kho-v4"; "" when it could not be told.
 * @luo:	Live Update's, "luo-v5".
 * @memfd:	That of memfds in a session, "memfd-v2".
 */
struct kabi {
	char kho[KSCAN_COMPAT_MAX];
	char luo[KSCAN_COMPAT_MAX];
	char memfd[KSCAN_COMPAT_MAX];
};

/**
 * struct kscan_facts - What was found.
 * @abi:	A name is there only if exactly one of its kind was found.
 * @has_kho:	CONFIG_KEXEC_HANDOVER. From the configuration if the image has it; else yes
 *		if both the name and the parameter are there, no if neither is.
 * @has_luo:	CONFIG_LIVEUPDATE, likewise.
 * @has_memfd:	CONFIG_LIVEUPDATE_MEMFD. It has no parameter: without a configuration, no
 *		name tells nothing.
 * @kho_by_default:	CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT; only the configuration tells.
 * @extends_scratch:	kho_extend_scratch() is in it.
 * @has_config:	Whether the image has its configuration.
 * @banners:	Lines "Linux version …", without the line feed.
 * @build_ids:	GNU build ids: the kernel's own and those of its vDSOs.
 */
struct kscan_facts {
	struct kabi abi;
	enum told has_kho, has_luo, has_memfd, kho_by_default;
	bool extends_scratch;
	bool has_config;
	char banners[KSCAN_BANNERS][KSCAN_BANNER_MAX];
	unsigned int n_banners;
	unsigned char build_ids[KSCAN_BUILD_IDS][KSCAN_BUILD_ID_LEN];
	unsigned int n_build_ids;
};

struct kscan;

/** kscan_new() - Begin. NULL: no memory. */
struct kscan *kscan_new(void);

/** kscan_feed() - The next bytes of an unpacked kernel; the pieces may be cut anywhere. */
void kscan_feed(struct kscan *s, const unsigned char *data, size_t len);

/** kscan_end() - No more bytes: what they told, which is a lot or nothing. Frees @s. */
void kscan_end(struct kscan *s, struct kscan_facts *ret);

/** kscan_free() - Give up. */
void kscan_free(struct kscan *s);

/**
 * kscan_compat() - Whether a format's name begins here.
 * @kind:	"kho-v" or the like; digits and a NUL must follow.
 * @name:	Where to put it, KSCAN_COMPAT_MAX bytes.
 */
bool kscan_compat(const unsigned char *p, size_t len, const char *kind, char *name);

#endif
