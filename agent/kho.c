// SPDX-License-Identifier: GPL-2.0-or-later

#include "kho.h"

#include <elf.h>
#include <stdio.h>

/* The Devicetree Specification, chapter 5, "Flattened Devicetree (DTB) Format" */
#define FDT_MAGIC 0xd00dfeed
#define FDT_OFF_STRUCT 8
#define FDT_HEADER 40
#define FDT_BEGIN_NODE 1
#define FDT_END_NODE 2
#define FDT_PROP 3
#define FDT_NOP 4

#define BLOB_MAX 65536

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

/* The next property of the root: its value, and *at behind it. False: no more, or cut off. */
static bool next_prop(const unsigned char *b, size_t len, size_t *at, const unsigned char **value,
		      size_t *value_len)
{
	while (len - *at >= 4 && be32(b + *at) == FDT_NOP)
		*at += 4;
	if (len - *at < 12 || be32(b + *at) != FDT_PROP)
		return false;
	*value_len = be32(b + *at + 4);
	*value = b + *at + 12;
	*at += 12;
	if (*value_len > len - *at)
		return false;
	*at += *value_len;
	while (*at % 4 && *at < len)
		++*at;
	return true;
}

static bool root_compat(const unsigned char *b, size_t len, const char *kind, char *name)
{
	size_t at = be32(b + FDT_OFF_STRUCT), value_len;
	const unsigned char *value;
	unsigned int found = 0;

	/* The root's own name is empty: a NUL, and three to fill up. */
	if (at % 4 || at > len || len - at < 8 || be32(b + at) != FDT_BEGIN_NODE || b[at + 4])
		return false;
	at += 8;
	while (next_prop(b, len, &at, &value, &value_len)) {
		/* the name and its NUL are all there is: no list, nothing behind it */
		if (kscan_compat(value, value_len, kind, name) && strlen(name) + 1 == value_len)
			found++;
	}
	return found == 1;
}

bool kho_tree_compat(const unsigned char *blob, size_t len, const char *kind, char *name)
{
	bool found = len >= FDT_HEADER && be32(blob) == FDT_MAGIC
			     ? root_compat(blob, len, kind, name)
			     :
			     /* in 7.2 and 7.3, LUO's is struct luo_ser, which begins with it */
			     kscan_compat(blob, len, kind, name);

	if (!found)
		name[0] = '\0';
	return found;
}

static int read_compat(const char *dir, const char *file, const char *kind, char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, file), *blob = NULL;
	size_t len;
	int r = read_file(path, BLOB_MAX, &blob, &len);

	if (r < 0)
		return r;
	kho_tree_compat((unsigned char *)blob, len, kind, name);
	return 0;
}

int kho_abi(const char *dir, struct kabi *abi)
{
	int r;

	*abi = (struct kabi){ 0 };
	r = read_compat(dir, "out/fdt", "kho-v", abi->kho);
	if (r < 0)
		return r;
	read_compat(dir, "out/sub_fdts/LUO", "luo-v", abi->luo);
	return 0;
}

void kho_scratch(const char *dir, struct kho_scratch *ret)
{
	_cleanup_free_ char *path = xasprintf("%s/out/scratch_len", dir), *text = NULL;
	char *line, *save = NULL;

	ret->n = 0;
	if (read_file(path, BLOB_MAX, &text, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *end;
		unsigned long long size;

		errno = 0;
		size = strtoull(line, &end, 16);
		if (errno || *end || end == line || ret->n == KHO_SCRATCH_MAX) {
			ret->n = 0; /* not what it is expected to be: then it tells nothing */
			return;
		}
		ret->size[ret->n++] = size;
	}
}

bool kho_scratch_fits(const struct kho_scratch *s, uint64_t kernel, uint64_t initrd)
{
	for (unsigned int k = 0; k < s->n; k++) {
		if (s->size[k] < kernel)
			continue;
		for (unsigned int i = 0; i < s->n; i++)
			if ((i == k ? s->size[i] - kernel : s->size[i]) >= initrd)
				return true;
	}
	return false;
}

bool kho_notes_build_id(const unsigned char *notes, size_t len, unsigned char *build_id)
{
	size_t at = 0;

	while (len - at >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr h;
		uint64_t name, desc;

		memcpy(&h, notes + at, sizeof(h));
		at += sizeof(h);
		name = ((uint64_t)h.n_namesz + 3) & ~3ULL;
		desc = ((uint64_t)h.n_descsz + 3) & ~3ULL;
		if (name > len - at || desc > len - at - name)
			return false;
		if (h.n_type == NT_GNU_BUILD_ID && h.n_namesz == sizeof(ELF_NOTE_GNU) &&
		    memcmp(notes + at, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0 &&
		    h.n_descsz == KSCAN_BUILD_ID_LEN) {
			memcpy(build_id, notes + at + name, KSCAN_BUILD_ID_LEN);
			return true;
		}
		at += (size_t)(name + desc);
	}
	return false;
}

int kho_self(struct kho_self *ret)
{
	_cleanup_free_ char *version = NULL, *notes = NULL;
	size_t len;
	int r = read_file("/proc/version", sizeof(ret->banner) - 1, &version, &len);

	*ret = (struct kho_self){ 0 };
	if (r < 0)
		return r;
	version[strcspn(version, "\n")] = '\0';
	memcpy(ret->banner, version, strlen(version) + 1);
	if (read_file("/sys/kernel/notes", BLOB_MAX, &notes, &len) == 0)
		ret->has_build_id = kho_notes_build_id((unsigned char *)notes, len, ret->build_id);
	return 0;
}
