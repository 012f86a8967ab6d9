// SPDX-License-Identifier: GPL-2.0-or-later

#include "initrd.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "unpack.h"

#define PIECE ((size_t)256 * 1024)
#define CPIO_HEADER 110
#define CPIO_MAGIC "070701" /* "newc" */
#define CPIO_MAGIC_CRC "070702"
#define CPIO_MAGIC_LEN 6
#define CPIO_FILE_SIZE 54
#define CPIO_NAME_SIZE 94
#define CPIO_END "TRAILER!!!"

enum cpio_state { CPIO_BETWEEN, CPIO_IN_HEADER, CPIO_IN_NAME, CPIO_IN_DATA };

/* A reader that takes the archive in pieces of any length. */
struct cpio {
	struct initrd *i;
	enum cpio_state state;
	char header[CPIO_HEADER];
	char name[PATH_MAX];
	size_t have;   /* of header or name */
	uint64_t left; /* of name or data, with the padding to 4 bytes */
	uint64_t data;
	size_t name_size;
	bool other; /* met what is no archive */
};

static uint64_t hex8(const char *p)
{
	char text[9] = { 0 };

	memcpy(text, p, 8);
	return strtoull(text, NULL, 16);
}

static void take_name(struct cpio *c)
{
	struct initrd *i = c->i;
	const char *path = c->name, *base;

	c->name[c->name_size < sizeof(c->name) ? c->name_size : sizeof(c->name) - 1] = '\0';
	path += strncmp(path, "./", 2) == 0 ? 2 : 0;
	path += strspn(path, "/");
	if (strcmp(path, CPIO_END) == 0)
		return;
	i->entries++;
	base = strrchr(path, '/');
	base = base ? base + 1 : path;
	for (size_t n = 0; n < i->names.n; n++)
		if (strcmp(base, i->names.v[n]) == 0)
			i->there[n] = true;
	if (strcmp(path, i->init) == 0)
		i->has_init = true;
	if (strcmp(path, "etc/initrd-release") == 0)
		i->temporary = true;
}

static uint64_t padded(uint64_t len)
{
	return (len + 3) & ~3ULL;
}

/* A header is complete. Return: whether it is one. */
static bool take_header(struct cpio *c)
{
	if (memcmp(c->header, CPIO_MAGIC, CPIO_MAGIC_LEN) != 0 &&
	    memcmp(c->header, CPIO_MAGIC_CRC, CPIO_MAGIC_LEN) != 0)
		return false;
	c->data = padded(hex8(c->header + CPIO_FILE_SIZE));
	c->name_size = (size_t)hex8(c->header + CPIO_NAME_SIZE);
	if (!c->name_size || c->name_size > PATH_MAX)
		return false;
	/* Header and name together are padded. */
	c->left = padded(CPIO_HEADER + c->name_size) - CPIO_HEADER;
	c->have = 0;
	c->state = CPIO_IN_NAME;
	return true;
}

/* Return: how much of @data was taken; all, unless what follows is no archive. */
static size_t cpio_feed(struct cpio *c, const unsigned char *data, size_t len)
{
	size_t at = 0;

	while (at < len && !c->other) {
		size_t n = len - at;

		switch (c->state) {
		case CPIO_BETWEEN: /* zeros may come after the last entry */
			if (!data[at]) {
				at++;
				break;
			}
			if (data[at] != '0') {
				c->other = true;
				break;
			}
			c->state = CPIO_IN_HEADER;
			c->have = 0;
			break;
		case CPIO_IN_HEADER:
			n = n < CPIO_HEADER - c->have ? n : CPIO_HEADER - c->have;
			memcpy(c->header + c->have, data + at, n);
			c->have += n;
			at += n;
			if (c->have == CPIO_HEADER && !take_header(c))
				c->other = true;
			break;
		case CPIO_IN_NAME:
			n = n < c->left ? n : (size_t)c->left;
			if (c->have < sizeof(c->name)) {
				size_t room = sizeof(c->name) - c->have;

				memcpy(c->name + c->have, data + at, n < room ? n : room);
				c->have += n < room ? n : room;
			}
			at += n;
			c->left -= n;
			if (!c->left) {
				take_name(c);
				c->left = c->data;
				c->state = c->left ? CPIO_IN_DATA : CPIO_BETWEEN;
			}
			break;
		case CPIO_IN_DATA:
			n = n < c->left ? n : (size_t)c->left;
			at += n;
			c->left -= n;
			if (!c->left)
				c->state = CPIO_BETWEEN;
			break;
		}
	}
	return at;
}

static int feed_unpacked(void *user, const unsigned char *data, size_t len, struct err *e)
{
	struct cpio *c = user;

	cpio_feed(c, data, len);
	return c->other ? err_set(e, -ENOEXEC, "what is packed in it is no cpio archive") : 0;
}

static int cut_short(const struct cpio *c, struct err *e)
{
	return c->state == CPIO_BETWEEN
		       ? 0
		       : err_set(e, -EBADMSG, "it is cut short, in the middle of a file");
}

static ssize_t read_some(int fd, uint64_t at, unsigned char *buf, size_t len)
{
	ssize_t n;

	do
		n = pread(fd, buf, len, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* The archives from @at on that are not packed. Return: where they end, or -errno. */
static int64_t read_plain(int fd, uint64_t at, struct initrd *i, unsigned char *buf, struct err *e)
{
	struct cpio c = { .i = i };

	for (;;) {
		ssize_t n = read_some(fd, at, buf, PIECE);

		if (n < 0)
			return err_set(e, (int)n, "%s", strerror((int)-n));
		if (!n)
			break;
		at += cpio_feed(&c, buf, (size_t)n);
		if (c.other)
			break;
	}
	if (c.other && c.state != CPIO_BETWEEN)
		return err_set(e, -EBADMSG, "it is damaged: no cpio header where one should be");
	if (!c.other && cut_short(&c, e) < 0)
		return -EBADMSG;
	return (int64_t)at;
}

/* The packed archive at @at. Return: where it ends, or -errno. */
static int64_t read_packed(int fd, uint64_t at, uint64_t len, struct initrd *i, struct err *e)
{
	_cleanup_free_ unsigned char *in = NULL;
	struct cpio c = { .i = i };
	size_t have = 0, used = 0;
	struct unpack u = {
		.max = INITRD_UNPACKED_MAX, .write = feed_unpacked, .user = &c, .used = &used
	};
	int r;

	if (len > INITRD_PACKED_MAX)
		return err_set(e, -EFBIG, "it is too large to be looked into");
	in = malloc((size_t)len);
	if (!in)
		return err_set(e, -ENOMEM, "not enough memory to look into it");
	while (have < len) {
		ssize_t n = read_some(fd, at + have, in + have, (size_t)len - have);

		if (n <= 0)
			return err_set(e, n < 0 ? (int)n : -EBADMSG,
				       "it cannot be read to its end");
		have += (size_t)n;
	}
	u.in = in;
	u.len = have;
	r = unpack(&u, e);
	if (r < 0)
		return r;
	return cut_short(&c, e) < 0 ? -EBADMSG : (int64_t)(at + used);
}

static int read_all(int fd, uint64_t size, struct initrd *i, struct err *e)
{
	_cleanup_free_ unsigned char *buf = malloc(PIECE);
	uint64_t at = 0;

	if (!buf)
		return err_set(e, -ENOMEM, "not enough memory to look into it");
	while (at < size) {
		int64_t end = read_plain(fd, at, i, buf, e);
		ssize_t n;

		if (end < 0)
			return (int)end;
		at = (uint64_t)end;
		if (at >= size)
			break;
		n = read_some(fd, at, buf, CPIO_HEADER);
		if (n <= 0 || !unpack_format(buf, (size_t)n))
			return err_set(e, -ENOEXEC,
				       "it is neither a cpio archive nor a packed one%s",
				       at ? " all through" : "");
		end = read_packed(fd, at, size - at, i, e);
		if (end < 0)
			return (int)end;
		at = (uint64_t)end;
	}
	return i->entries ? 0 : err_set(e, -ENOEXEC, "there is nothing in it");
}

int initrd_read(const char *path, struct initrd *i, struct err *e)
{
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(e, -errno, "initrd %s: %s", path, strerror(errno));
	r = read_all(fd, (uint64_t)st.st_size, i, e);
	if (r < 0)
		err_prefix(e, "initrd %s", path);
	return r;
}
