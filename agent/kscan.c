// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 * -------------------
 * The bytes go through a window, so that a kernel of any size costs the same memory. What
 * begins in the window is looked at while all that it can be, LOOKAHEAD bytes, is in the
 * window as well; these stay when it moves on, and so does one byte before them. Each
 * place is looked at once. The configuration is longer than that: its place is remembered,
 * and from there on everything that comes in goes to zlib, until that has seen its end.
 */

#include "kscan.h"

#include <ctype.h>
#include <zlib.h>

#define LOOKAHEAD ((size_t)1024)
#define WINDOW ((size_t)128 * 1024)
#define CONFIG_MAX (8 << 20)
#define CONFIG_LINE_MAX 128
#define CONFIG_TRIES_MAX 4 /* each may cost CONFIG_MAX */

enum { KHO, LUO, MEMFD, N_KINDS };

static const char *const kinds[N_KINDS] = { "kho-v", "luo-v", "memfd-v" };

enum { OPT_KHO, OPT_KHO_DEFAULT, OPT_LUO, OPT_MEMFD, N_OPTIONS };

static const char *const options[N_OPTIONS] = {
	"CONFIG_KEXEC_HANDOVER",
	"CONFIG_KEXEC_HANDOVER_ENABLE_DEFAULT",
	"CONFIG_LIVEUPDATE",
	"CONFIG_LIVEUPDATE_MEMFD",
};

struct config {
	bool reading, complete;
	unsigned int tries;
	uint64_t next; /* offset of the byte that goes to zlib next */
	z_stream z;
	size_t unpacked;
	unsigned int lines;
	char line[CONFIG_LINE_MAX];
	size_t line_len;
	enum told said[N_OPTIONS];
};

struct kscan {
	struct kscan_facts f;
	char compat[N_KINDS][KSCAN_COMPAT_MAX];
	bool several[N_KINDS];
	bool param_kho, param_luo;
	struct config config;
	uint64_t offset; /* of the window in what was fed */
	size_t have, at; /* bytes in the window; the first that is not looked at yet */
	unsigned char window[WINDOW];
};

struct kscan *kscan_new(void)
{
	struct kscan *s = calloc(1, sizeof(*s));

	if (s)
		s->have = 1; /* a NUL before the first byte */
	return s;
}

static void config_stop(struct config *c)
{
	if (c->reading)
		inflateEnd(&c->z);
	c->reading = false;
}

void kscan_free(struct kscan *s)
{
	if (s)
		config_stop(&s->config);
	free(s);
}

/* --- the configuration --- */

static void config_line(struct config *c)
{
	bool off = strncmp(c->line, "# CONFIG_", 9) == 0;
	const char *name = c->line + (off ? 2 : 0), *end = strpbrk(name, off ? " " : "=");

	if (!end || strncmp(name, "CONFIG_", 7) != 0)
		return;
	c->lines++;
	for (size_t i = 0; i < N_OPTIONS; i++)
		if (strlen(options[i]) == (size_t)(end - name) &&
		    strncmp(name, options[i], (size_t)(end - name)) == 0)
			c->said[i] = strcmp(end, "=y") == 0 ? TOLD_YES : TOLD_NO;
}

static void config_text(struct config *c, const unsigned char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (text[i] != '\n') {
			if (c->line_len < sizeof(c->line) - 1)
				c->line[c->line_len++] = (char)text[i];
			continue;
		}
		c->line[c->line_len] = '\0';
		config_line(c);
		c->line_len = 0;
	}
}

static void config_feed(struct config *c, const unsigned char *data, size_t len)
{
	unsigned char text[4096];
	int r = Z_OK;

	c->z.next_in = (unsigned char *)data;
	c->z.avail_in = (uInt)len;
	do {
		c->z.next_out = text;
		c->z.avail_out = sizeof(text);
		r = inflate(&c->z, Z_NO_FLUSH);
		/* cppcheck-suppress uninitvar ; inflate() has written it, through next_out */
		config_text(c, text, sizeof(text) - c->z.avail_out);
		c->unpacked += sizeof(text) - c->z.avail_out;
	} while (r == Z_OK && c->z.avail_out == 0 && c->unpacked < CONFIG_MAX);
	if (r == Z_STREAM_END)
		c->complete = c->lines > 0; /* and its checksum was right */
	else if ((r == Z_OK || r == Z_BUF_ERROR) && c->unpacked < CONFIG_MAX)
		return;
	config_stop(c);
}

static void config_start(struct config *c, uint64_t offset)
{
	unsigned int tries = c->tries + 1;

	if (c->reading || c->complete || tries > CONFIG_TRIES_MAX)
		return;
	*c = (struct config){ .tries = tries };
	if (inflateInit2(&c->z, 16 + MAX_WBITS) != Z_OK)
		return;
	c->reading = true;
	c->next = offset;
}

/* --- the window --- */

bool kscan_compat(const unsigned char *p, size_t len, const char *kind, char *name)
{
	size_t n = strlen(kind), digits = n;

	if (len < n || memcmp(p, kind, n) != 0)
		return false;
	while (n < len && n < KSCAN_COMPAT_MAX - 1 && isdigit(p[n]))
		n++;
	if (n == digits || n == len || p[n] != '\0')
		return false;
	memcpy(name, p, n + 1);
	return true;
}

static void found_compat(struct kscan *s, int kind, const unsigned char *p, size_t len)
{
	char name[KSCAN_COMPAT_MAX];

	/* In a word or a sentence it is something else. */
	if (isprint(p[-1]) || !kscan_compat(p, len, kinds[kind], name))
		return;
	if (s->compat[kind][0] && strcmp(s->compat[kind], name) != 0)
		s->several[kind] = true;
	memcpy(s->compat[kind], name, sizeof(name));
}

static void found_kho(struct kscan *s, const unsigned char *p, size_t len)
{
	found_compat(s, KHO, p, len);
}

static void found_luo(struct kscan *s, const unsigned char *p, size_t len)
{
	found_compat(s, LUO, p, len);
}

static void found_memfd(struct kscan *s, const unsigned char *p, size_t len)
{
	found_compat(s, MEMFD, p, len);
}

/* The NULs are part of what is looked for. */
static void found_param_kho(struct kscan *s, const unsigned char *p, size_t len)
{
	(void)p, (void)len;
	s->param_kho = true;
}

static void found_param_luo(struct kscan *s, const unsigned char *p, size_t len)
{
	(void)p, (void)len;
	s->param_luo = true;
}

static void found_extend(struct kscan *s, const unsigned char *p, size_t len)
{
	(void)p, (void)len;
	s->f.extends_scratch = true;
}

static void found_banner(struct kscan *s, const unsigned char *p, size_t len)
{
	const unsigned char *end = memchr(p, '\n', len < KSCAN_BANNER_MAX ? len : KSCAN_BANNER_MAX);
	char *banner = s->f.banners[s->f.n_banners % KSCAN_BANNERS];
	size_t n = end ? (size_t)(end - p) : 0;

	if (!n || !isdigit(p[strlen("Linux version ")]) || memchr(p, '\0', n))
		return;
	for (unsigned int i = 0; i < s->f.n_banners; i++)
		if (strlen(s->f.banners[i]) == n && memcmp(s->f.banners[i], p, n) == 0)
			return;
	if (s->f.n_banners == KSCAN_BANNERS)
		return;
	memcpy(banner, p, n);
	banner[n] = '\0';
	s->f.n_banners++;
}

static void found_config(struct kscan *s, const unsigned char *p, size_t len)
{
	(void)len;
	config_start(&s->config, s->offset + (size_t)(p - s->window) + strlen("IKCFG_ST"));
}

static void found_build_id(struct kscan *s, const unsigned char *p, size_t len)
{
	if (len < 16 + KSCAN_BUILD_ID_LEN || s->f.n_build_ids == KSCAN_BUILD_IDS)
		return;
	memcpy(s->f.build_ids[s->f.n_build_ids++], p + 16, KSCAN_BUILD_ID_LEN);
}

static const struct needle {
	const char *bytes;
	size_t len;
	void (*found)(struct kscan *s, const unsigned char *p, size_t len);
} needles[] = {
#define NEEDLE(s, found) s, sizeof(s) - 1, found
	{ NEEDLE("kho-v", found_kho) },
	{ NEEDLE("luo-v", found_luo) },
	{ NEEDLE("memfd-v", found_memfd) },
	{ NEEDLE("\0kho_scratch\0", found_param_kho) },
	{ NEEDLE("\0liveupdate\0", found_param_luo) },
	{ NEEDLE("KHO: Failed to extend scratch: ", found_extend) },
	{ NEEDLE("Linux version ", found_banner) },
	{ NEEDLE("IKCFG_ST\x1f\x8b\x08", found_config) },
	/* Elf64_Nhdr of a NT_GNU_BUILD_ID with 20 bytes, and its name */
	{ NEEDLE("\x04\0\0\0\x14\0\0\0\x03\0\0\0GNU\0", found_build_id) },
#undef NEEDLE
};

/* Look at what begins at s->at … @end - 1. */
static void look(struct kscan *s, size_t end)
{
	for (size_t i = 0; i < ARRAY_SIZE(needles); i++) {
		const struct needle *n = &needles[i];
		size_t at = s->at, stop = end + n->len - 1;
		unsigned char *p;

		if (stop > s->have)
			stop = s->have;
		while (at < stop && (p = memmem(s->window + at, stop - at, n->bytes, n->len))) {
			n->found(s, p, (size_t)(s->window + s->have - p));
			at = (size_t)(p - s->window) + 1;
		}
	}
	s->at = end;
}

static void feed_config(struct kscan *s)
{
	struct config *c = &s->config;

	if (c->reading && c->next < s->offset + s->have) {
		size_t from = (size_t)(c->next - s->offset);

		c->next = s->offset + s->have;
		config_feed(c, s->window + from, s->have - from);
	}
}

void kscan_feed(struct kscan *s, const unsigned char *data, size_t len)
{
	while (len) {
		size_t n = WINDOW - s->have < len ? WINDOW - s->have : len, keep;

		memcpy(s->window + s->have, data, n);
		s->have += n;
		data += n;
		len -= n;
		feed_config(s);
		if (s->have < WINDOW)
			return;
		look(s, WINDOW - LOOKAHEAD);
		feed_config(s); /* it may have begun just now */
		keep = s->have - s->at + 1;
		s->offset += s->at - 1;
		memmove(s->window, s->window + s->at - 1, keep);
		s->have = keep;
		s->at = 1;
	}
}

/* --- what it amounts to --- */

static enum told built_in(bool name, bool param)
{
	if (name && param)
		return TOLD_YES;
	return name || param ? TOLD_NOTHING : TOLD_NO;
}

/* What a complete configuration does not mention depends on something that is off. */
static enum told configured(enum told said)
{
	return said == TOLD_YES ? TOLD_YES : TOLD_NO;
}

static void conclude(struct kscan *s)
{
	const enum told *said = s->config.said;
	bool memfd = s->compat[MEMFD][0];
	char *const to[N_KINDS] = { s->f.abi.kho, s->f.abi.luo, s->f.abi.memfd };

	for (size_t i = 0; i < N_KINDS; i++)
		if (!s->several[i])
			memcpy(to[i], s->compat[i], KSCAN_COMPAT_MAX);
	s->f.has_config = s->config.complete;
	if (!s->config.complete) {
		s->f.has_kho = built_in(s->compat[KHO][0], s->param_kho);
		s->f.has_luo = built_in(s->compat[LUO][0], s->param_luo);
		s->f.has_memfd = memfd ? s->f.has_luo : TOLD_NOTHING;
		if (s->f.has_luo == TOLD_NO)
			s->f.has_memfd = TOLD_NO;
		return;
	}
	s->f.has_kho = configured(said[OPT_KHO]);
	s->f.has_luo = configured(said[OPT_LUO]);
	s->f.kho_by_default = configured(said[OPT_KHO_DEFAULT]);
	s->f.has_memfd = said[OPT_MEMFD];
	/* A kernel whose configuration does not know the option may have it all the same. */
	if (said[OPT_MEMFD] == TOLD_NOTHING && s->f.has_luo == TOLD_YES && memfd)
		s->f.has_memfd = TOLD_YES;
	if (s->f.has_luo == TOLD_NO)
		s->f.has_memfd = TOLD_NO;
}

void kscan_end(struct kscan *s, struct kscan_facts *ret)
{
	look(s, s->have);
	feed_config(s);
	conclude(s);
	*ret = s->f;
	kscan_free(s);
}
