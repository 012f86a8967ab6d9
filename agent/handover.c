// SPDX-License-Identifier: GPL-2.0-or-later

#include "handover.h"

#include <sys/stat.h>
#include <zlib.h>

#include "luo.h"
#include "memfd.h"

#define MAGIC "VMKEEPHO"
#define LATE_ALIGN 4096UL

/* On the wire: little-endian, as is every machine this runs on. */
struct header {
	char magic[8];
	uint32_t version;
	uint32_t oldest_reader;
	uint32_t payload_len;
	uint32_t payload_crc;
	uint32_t late_at;    /* where the late block is, from the start of the record */
	uint32_t header_crc; /* of all before it */
};

struct late_block {
	struct handover_late late;
	uint32_t crc;	  /* of all before it */
	uint32_t has_run; /* written by the reader */
};

_Static_assert(sizeof(struct header) == 32, "format");
_Static_assert(sizeof(struct late_block) == 96, "format");

static uint32_t crc(const void *p, size_t len)
{
	return (uint32_t)crc32(0, p, (unsigned int)len);
}

static int pwrite_all(int fd, const void *p, size_t len, size_t at)
{
	ssize_t n = pwrite(fd, p, len, (off_t)at);

	return n < 0 ? -errno : (size_t)n == len ? 0 : -EIO;
}

static int pread_all(int fd, void *p, size_t len, size_t at)
{
	ssize_t n = pread(fd, p, len, (off_t)at);

	return n < 0 ? -errno : (size_t)n == len ? 0 : -EBADMSG;
}

int handover_create_session(const char *name, struct err *e)
{
	int dev = luo_open(), session;

	if (dev < 0)
		return err_set(e, dev, LUO_DEVICE ": %s%s", strerror(-dev),
			       dev == -EBUSY ? " (another process has it open)" : "");
	session = luo_session_create(dev, name);
	close(dev);
	if (session < 0)
		return err_set(e, session, "session %s: %s", name, strerror(-session));
	return session;
}

int handover_create(const char *name, json *payload)
{
	const char *text = json_object_to_json_string_ext(payload, JSON_C_TO_STRING_PLAIN);
	size_t len = strlen(text);
	struct header h = { .version = HANDOVER_VERSION, .oldest_reader = HANDOVER_OLDEST_READER };
	struct handover_late nothing = { 0 };
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (len > HANDOVER_PAYLOAD_MAX)
		return -EMSGSIZE;
	memcpy(h.magic, MAGIC, sizeof(h.magic));
	h.payload_len = (uint32_t)len;
	h.payload_crc = crc(text, len);
	h.late_at = (uint32_t)((sizeof(h) + len + LATE_ALIGN - 1) & ~(LATE_ALIGN - 1));
	h.header_crc = crc(&h, offsetof(struct header, header_crc));
	/* All of it now: preserved memory can be written, but not grown. */
	fd = memfd_create_plain(name, h.late_at + LATE_ALIGN);
	if (fd < 0)
		return fd;
	r = pwrite_all(fd, &h, sizeof(h), 0);
	if (!r)
		r = pwrite_all(fd, text, len, sizeof(h));
	if (!r)
		r = handover_write_late(fd, &nothing);
	return r < 0 ? r : take_fd(&fd);
}

int handover_write_late(int fd, const struct handover_late *late)
{
	struct late_block b = { .late = *late };
	struct header h;
	int r = pread_all(fd, &h, sizeof(h), 0);

	if (r < 0)
		return r;
	b.crc = crc(&b, offsetof(struct late_block, crc));
	return pwrite_all(fd, &b, sizeof(b), h.late_at);
}

int handover_checksum(int fd, uint64_t bytes, uint64_t *ret)
{
	unsigned char buffer[16384];
	uint64_t at = 0;
	uLong sum = crc32(0, NULL, 0);

	while (at < bytes) {
		size_t want = bytes - at < sizeof(buffer) ? bytes - at : sizeof(buffer);
		int r = pread_all(fd, buffer, want, at);

		if (r < 0)
			return r;
		sum = crc32(sum, buffer, (unsigned int)want);
		at += want;
	}
	*ret = sum;
	return 0;
}

/* Where the word is that says whether a vCPU may have run; or -errno. */
static int64_t has_run_at(int fd)
{
	struct header h;
	struct stat st;
	int r = pread_all(fd, &h, sizeof(h), 0);

	if (r < 0)
		return r;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (memcmp(h.magic, MAGIC, sizeof(h.magic)) != 0 ||
	    h.header_crc != crc(&h, offsetof(struct header, header_crc)) ||
	    (uint64_t)h.late_at + sizeof(struct late_block) > (uint64_t)st.st_size)
		return -EBADMSG;
	return (int64_t)h.late_at + (int64_t)offsetof(struct late_block, has_run);
}

int handover_mark_run(int fd, bool run)
{
	int64_t at = has_run_at(fd);
	uint32_t word = run;

	return at < 0 ? (int)at : pwrite_all(fd, &word, sizeof(word), (size_t)at);
}

bool handover_has_run(int fd)
{
	int64_t at = has_run_at(fd);
	uint32_t word;

	return at < 0 || pread_all(fd, &word, sizeof(word), (size_t)at) < 0 || word != 0;
}

static int bad(struct err *e, const char *what)
{
	return err_set(e, -EBADMSG, "handover record: %s", what);
}

int handover_read(int fd, json **ret_payload, struct handover_late *late, struct err *e)
{
	_cleanup_json_ json *payload = NULL;
	_cleanup_free_ char *text = NULL;
	struct late_block b;
	struct header h;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_set(e, -errno, "handover record: %s", strerror(errno));
	if (pread_all(fd, &h, sizeof(h), 0) < 0 || memcmp(h.magic, MAGIC, sizeof(h.magic)) != 0)
		return bad(e, "not one (no magic)");
	if (h.header_crc != crc(&h, offsetof(struct header, header_crc)))
		return bad(e, "its header is damaged");
	if (h.oldest_reader > HANDOVER_VERSION)
		return err_set(
			e, -EPROTONOSUPPORT,
			"handover record: format %u, this vmkeep reads up to %d: install a newer one",
			h.version, HANDOVER_VERSION);
	if (h.payload_len > HANDOVER_PAYLOAD_MAX || h.late_at < sizeof(h) + h.payload_len ||
	    (uint64_t)h.late_at + sizeof(b) > (uint64_t)st.st_size)
		return bad(e, "its lengths make no sense");
	text = xmalloc0(h.payload_len + 1);
	if (pread_all(fd, text, h.payload_len, sizeof(h)) < 0 ||
	    h.payload_crc != crc(text, h.payload_len))
		return bad(e, "its payload is damaged");
	if (pread_all(fd, &b, sizeof(b), h.late_at) < 0 ||
	    b.crc != crc(&b, offsetof(struct late_block, crc)))
		return bad(e, "its late block is damaged");
	payload = json_tokener_parse(text);
	if (!json_object_is_type(payload, json_type_object))
		return bad(e, "its payload is no object");
	*late = b.late;
	*ret_payload = json_object_get(payload);
	return 0;
}
