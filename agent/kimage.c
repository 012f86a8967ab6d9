// SPDX-License-Identifier: GPL-2.0-or-later

#include "kimage.h"

#include <ctype.h>
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "unpack.h"

#define HEAD 4096
#define PIECE ((size_t)256 * 1024)

/* Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header" */
#define HDR_SETUP_SECTS 0x1f1
#define HDR_MAGIC 0x202
#define HDR_PROTOCOL 0x206
#define HDR_VERSION 0x20e
#define HDR_LOADFLAGS 0x211
#define HDR_XLOADFLAGS 0x236
#define HDR_PAYLOAD_OFFSET 0x248
#define HDR_PAYLOAD_LENGTH 0x24c
#define HDR_INIT_SIZE 0x260
#define HDR_END 0x268
#define PROTOCOL_PAYLOAD 0x0208
#define PROTOCOL_XLOADFLAGS 0x020c
#define LOADED_HIGH 1
#define XLF_KERNEL_64 1
#define XLF_ABOVE_4G 2
#define SECTOR 512

/* drivers/firmware/efi/libstub/zboot-header.S, include/linux/pe.h */
#define ZBOOT_PAYLOAD_OFFSET 0x08
#define ZBOOT_PAYLOAD_SIZE 0x0c
#define MZ_PE_OFFSET 0x3c
#define PE_MACHINE 4
#define PE_HEADER 24
#define PE_MAGIC_64 0x20b
#define PE64_HEADER_SIZE 60
#define PE64_N_DIRS 108
#define PE64_CERTS 144
#define PE64_CERTS_END 152
#define PE_DIR_CERTS 4
#define PE_MACHINE_X86_64 0x8664
#define CERT_HEADER 8

struct image {
	int fd;
	uint64_t size;
	size_t head_len;
	unsigned char head[HEAD];
	struct kimage *k;
	struct kscan *scan;
	uint64_t scanned;
	unsigned char elf[sizeof(Elf64_Ehdr)];
	bool must_be_elf;
};

static uint32_t get16(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8;
}

static uint32_t get32(const unsigned char *p)
{
	return get16(p) | get16(p + 2) << 16;
}

/* --- the kernel inside --- */

static int elf_header(struct image *i, struct err *e)
{
	const unsigned char *h = i->elf;

	if (memcmp(h, ELFMAG, SELFMAG) != 0)
		return err_set(e, -EBADMSG, "what is packed in it is not a kernel");
	i->k->machine = get16(h + offsetof(Elf64_Ehdr, e_machine));
	i->k->x86_64 = i->k->machine == EM_X86_64 && h[EI_CLASS] == ELFCLASS64;
	return 0;
}

static int scan(void *user, const unsigned char *data, size_t len, struct err *e)
{
	struct image *i = user;

	if (i->scanned < sizeof(i->elf)) {
		size_t n = sizeof(i->elf) - (size_t)i->scanned;

		memcpy(i->elf + i->scanned, data, n < len ? n : len);
		if (i->must_be_elf && n <= len && elf_header(i, e) < 0)
			return -EBADMSG;
	}
	i->scanned += len;
	kscan_feed(i->scan, data, len);
	return 0;
}

/* The file from @at on into @buf; fewer bytes than @len are an error. */
static int read_at(const struct image *i, uint64_t at, unsigned char *buf, size_t len,
		   struct err *e)
{
	while (len) {
		ssize_t n = pread(i->fd, buf, len, (off_t)at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set(e, -errno, "%s", strerror(errno));
		if (n == 0)
			return err_set(e, -EBADMSG, "it is cut short");
		buf += n;
		at += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static int scan_payload(struct image *i, uint64_t at, uint64_t len, bool sized, struct err *e)
{
	_cleanup_free_ unsigned char *packed = NULL;
	struct unpack u = { .sized = sized, .max = KIMAGE_UNPACKED_MAX, .write = scan, .user = i };
	int r;

	if (at > i->size || len > i->size - at)
		return err_set(
			e, -EBADMSG,
			"it is cut short: %llu bytes at %llu are to be its packed kernel, and it has %llu",
			(unsigned long long)len, (unsigned long long)at,
			(unsigned long long)i->size);
	if (len > KIMAGE_PACKED_MAX)
		return err_set(e, -EFBIG, "its packed kernel is too large");
	packed = malloc(len ? len : 1);
	if (!packed)
		return err_set(e, -ENOMEM, "not enough memory to read it");
	r = read_at(i, at, packed, len, e);
	if (r < 0)
		return r;
	u.in = packed;
	u.len = len;
	i->k->packed = unpack_format(packed, len);
	return unpack(&u, e);
}

/* --- kinds of files --- */

/* As pefile_parse_binary() in crypto/asymmetric_keys/verify_pefile.c looks for a signature. */
static bool has_signature(const struct image *i)
{
	const unsigned char *h = i->head;
	uint64_t at, len;
	size_t pe;

	if (i->head_len < MZ_PE_OFFSET + 4 || memcmp(h, "MZ", 2) != 0)
		return false;
	pe = get32(h + MZ_PE_OFFSET);
	if (pe > i->head_len || i->head_len - pe < PE_HEADER + PE64_CERTS_END ||
	    memcmp(h + pe, "PE\0\0", 4) != 0 || get16(h + pe + PE_HEADER) != PE_MAGIC_64 ||
	    get32(h + pe + PE_HEADER + PE64_N_DIRS) <= PE_DIR_CERTS)
		return false;
	at = get32(h + pe + PE_HEADER + PE64_CERTS);
	len = get32(h + pe + PE_HEADER + PE64_CERTS + 4);
	return at >= get32(h + pe + PE_HEADER + PE64_HEADER_SIZE) && len > CERT_HEADER &&
	       at <= i->size && len <= i->size - at;
}

static void copy_release(struct kimage *k, const char *from)
{
	size_t n = 0;

	while (n < sizeof(k->release) - 1 && isgraph((unsigned char)from[n]))
		n++;
	memcpy(k->release, from, n);
	k->release[n] = '\0';
}

static int bzimage(struct image *i, struct err *e)
{
	const unsigned char *h = i->head;
	uint32_t protocol = get16(h + HDR_PROTOCOL), version = get16(h + HDR_VERSION);
	uint64_t setup = (uint64_t)((h[HDR_SETUP_SECTS] ? h[HDR_SETUP_SECTS] : 4) + 1) * SECTOR;
	char text[sizeof(i->k->release)] = "";

	i->k->format = KIMAGE_BZIMAGE;
	if (protocol < PROTOCOL_PAYLOAD)
		return err_set(e, -EOPNOTSUPP, "it is too old (boot protocol %u.%u)", protocol >> 8,
			       protocol & 0xff);
	if (version) {
		ssize_t n = pread(i->fd, text, sizeof(text) - 1, version + SECTOR);

		if (n > 0)
			text[n] = '\0';
		copy_release(i->k, text);
	}
	i->k->loadable = protocol >= PROTOCOL_XLOADFLAGS && (h[HDR_LOADFLAGS] & LOADED_HIGH) &&
			 (h[HDR_XLOADFLAGS] & XLF_KERNEL_64) && (h[HDR_XLOADFLAGS] & XLF_ABOVE_4G);
	i->k->memory = get32(h + HDR_INIT_SIZE);
	i->k->has_signature = has_signature(i);
	i->must_be_elf = true;
	return scan_payload(i, setup + get32(h + HDR_PAYLOAD_OFFSET), get32(h + HDR_PAYLOAD_LENGTH),
			    true, e);
}

static int zboot(struct image *i, struct err *e)
{
	const unsigned char *h = i->head;
	size_t pe = get32(h + MZ_PE_OFFSET);

	i->k->format = KIMAGE_ZBOOT;
	if (pe > i->head_len || i->head_len - pe < PE_HEADER || memcmp(h + pe, "PE\0\0", 4) != 0)
		return err_set(e, -EBADMSG, "its PE header is damaged");
	i->k->machine = get16(h + pe + PE_MACHINE);
	i->k->x86_64 = i->k->machine == PE_MACHINE_X86_64;
	i->k->has_signature = has_signature(i);
	return scan_payload(i, get32(h + ZBOOT_PAYLOAD_OFFSET), get32(h + ZBOOT_PAYLOAD_SIZE),
			    false, e);
}

static int vmlinux(struct image *i, struct err *e)
{
	_cleanup_free_ unsigned char *buf = NULL;
	int r = 0;

	i->k->format = KIMAGE_VMLINUX;
	i->must_be_elf = true;
	if (i->size > KIMAGE_UNPACKED_MAX)
		return err_set(e, -EFBIG, "it is too large");
	buf = malloc(PIECE);
	if (!buf)
		return err_set(e, -ENOMEM, "not enough memory to read it");
	for (uint64_t at = 0; at < i->size && !r;) {
		size_t n = i->size - at < PIECE ? (size_t)(i->size - at) : PIECE;

		r = read_at(i, at, buf, n, e);
		if (!r)
			r = scan(i, buf, n, e);
		at += n;
	}
	return r;
}

static int by_kind(struct image *i, struct err *e)
{
	const unsigned char *h = i->head;

	if (i->head_len >= sizeof(i->elf) && memcmp(h, ELFMAG, SELFMAG) == 0)
		return vmlinux(i, e);
	if (i->head_len >= MZ_PE_OFFSET + 4 && memcmp(h, "MZ\0\0zimg", 8) == 0)
		return zboot(i, e);
	if (i->head_len >= HDR_END && memcmp(h + HDR_MAGIC, "HdrS", 4) == 0)
		return bzimage(i, e);
	return err_set(e, -ENOEXEC,
		       "not a bzImage for x86; give the file that is in /boot as vmlinuz");
}

/* The banner's release, and that it is the header's. */
static int check_release(struct kimage *k, struct err *e)
{
	char header[sizeof(k->release)];

	if (!k->facts.n_banners)
		return err_set(e, -EBADMSG, "there is no \"Linux version\" in it");
	memcpy(header, k->release, sizeof(header));
	copy_release(k, k->facts.banners[0] + strlen("Linux version "));
	if (k->format == KIMAGE_BZIMAGE && header[0] && strcmp(header, k->release) != 0)
		return err_set(e, -EBADMSG, "its header says %.64s, the kernel in it %.64s", header,
			       k->release);
	return 0;
}

static bool changed(const struct stat *a, int fd)
{
	struct stat b;

	return fstat(fd, &b) < 0 || a->st_size != b.st_size ||
	       a->st_mtim.tv_sec != b.st_mtim.tv_sec || a->st_mtim.tv_nsec != b.st_mtim.tv_nsec;
}

static int read_open(struct image *i, struct err *e)
{
	struct stat st;
	ssize_t n;
	int r;

	if (fstat(i->fd, &st) < 0)
		return err_set(e, -errno, "%s", strerror(errno));
	if (!S_ISREG(st.st_mode))
		return err_set(e, -ENOEXEC, "not a regular file");
	i->size = (uint64_t)st.st_size;
	n = pread(i->fd, i->head, sizeof(i->head), 0);
	if (n < 0)
		return err_set(e, -errno, "%s", strerror(errno));
	i->head_len = (size_t)n;
	i->scan = kscan_new();
	if (!i->scan)
		return err_set(e, -ENOMEM, "not enough memory to read it");
	r = by_kind(i, e);
	if (r < 0) {
		kscan_free(i->scan);
	} else {
		kscan_end(i->scan, &i->k->facts);
		r = i->scanned < sizeof(i->elf)
			    ? err_set(e, -EBADMSG, "what is packed in it is not a kernel")
			    : check_release(i->k, e);
	}
	if (changed(&st, i->fd))
		return err_set(e, -EAGAIN, "it was written to while it was read; try again");
	return r;
}

int kimage_read(const char *path, struct kimage *k, struct err *e)
{
	struct image i = { .k = k };
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	*k = (struct kimage){ 0 };
	if (fd < 0)
		return err_set(e, -errno, "kernel %s: %s", path, strerror(errno));
	i.fd = fd;
	r = read_open(&i, e);
	if (r < 0)
		err_prefix(e, "kernel %s", path);
	return r;
}

bool kimage_is(const struct kimage *k, const char *banner, const unsigned char *build_id)
{
	bool is = false;

	for (unsigned int i = 0; i < k->facts.n_banners; i++)
		is = is || strcmp(k->facts.banners[i], banner) == 0;
	if (!is || !build_id)
		return is;
	for (unsigned int i = 0; i < k->facts.n_build_ids; i++)
		if (memcmp(k->facts.build_ids[i], build_id, KSCAN_BUILD_ID_LEN) == 0)
			return true;
	return false;
}
