// SPDX-License-Identifier: GPL-2.0-or-later

#include <sys/mman.h>
#include <sys/stat.h>
#include <zlib.h>

#include "handover.h"

#include "kselftest_harness.h"

FIXTURE(record)
{
	int fd;
	json *payload;
	struct handover_late late;
};

FIXTURE_SETUP(record)
{
	self->payload = json_object_new_object();
	json_set_str(self->payload, "name", "g1");
	json_set_int(self->payload, "memory", 1 << 28);
	self->fd = handover_create("test-record", self->payload);
	ASSERT_GE(self->fd, 0);
	self->late = (struct handover_late){
		.complete = 1, .running = 1, .state_bytes = 290000, .tsc_jump = ~0ULL
	};
	ASSERT_EQ(handover_write_late(self->fd, &self->late), 0);
}

FIXTURE_TEARDOWN(record)
{
	json_object_put(self->payload);
	close(self->fd);
}

static int read_record(int fd, struct handover_late *late, struct err *e)
{
	_cleanup_json_ json *back = NULL;

	return handover_read(fd, &back, late, e);
}

TEST_F(record, comes_back_as_it_was)
{
	_cleanup_json_ json *back = NULL;
	struct handover_late late;
	struct err e;

	ASSERT_EQ(handover_read(self->fd, &back, &late, &e), 0)
	{
		TH_LOG("%s", e.text);
	}
	EXPECT_TRUE(json_object_equal(back, self->payload));
	EXPECT_EQ(memcmp(&late, &self->late, sizeof(late)), 0);
}

TEST_F(record, late_block_is_filled_in_place)
{
	struct stat before, after;

	/* Preserved memory can neither grow nor shrink. */
	fstat(self->fd, &before);
	self->late.state_bytes = 1;
	EXPECT_EQ(handover_write_late(self->fd, &self->late), 0);
	fstat(self->fd, &after);
	EXPECT_EQ(before.st_size, after.st_size);
}

TEST_F(record, every_damaged_byte_is_found)
{
	struct handover_late late;
	struct stat st;
	struct err e;
	unsigned char b;

	fstat(self->fd, &st);
	for (off_t at = 0; at < st.st_size; at++) {
		/* between payload and late block, and after it, lies nothing */
		bool used = at < 32 + (off_t)strlen(json_object_to_json_string_ext(
					      self->payload, JSON_C_TO_STRING_PLAIN)) ||
			    (at >= st.st_size - 4096 && at < st.st_size - 4096 + 92);
		int r;

		ASSERT_EQ(pread(self->fd, &b, 1, at), 1);
		b ^= 0x40;
		ASSERT_EQ(pwrite(self->fd, &b, 1, at), 1);
		r = read_record(self->fd, &late, &e);
		EXPECT_EQ(r < 0, used)
		{
			TH_LOG("byte %lld", (long long)at);
		}
		b ^= 0x40;
		ASSERT_EQ(pwrite(self->fd, &b, 1, at), 1);
	}
}

TEST(checksum_is_of_the_first_bytes)
{
	int fd = memfd_create("state", MFD_CLOEXEC);
	unsigned char text[40000];
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)(i * 7);
	ASSERT_EQ(pwrite(fd, text, sizeof(text), 0), (ssize_t)sizeof(text));
	EXPECT_EQ(handover_checksum(fd, sizeof(text), &sum), 0);
	EXPECT_EQ(sum, crc32(0, text, sizeof(text)));
	EXPECT_EQ(handover_checksum(fd, 20000, &sum), 0);
	EXPECT_EQ(sum, crc32(0, text, 20000));
	EXPECT_EQ(handover_checksum(fd, sizeof(text) + 1, &sum), -EBADMSG);
	close(fd);
}

TEST_F(record, every_truncation_is_found)
{
	struct handover_late late;
	struct stat st;
	struct err e;

	fstat(self->fd, &st);
	for (off_t size = st.st_size - 4096 + 87; size >= 0; size -= 13) {
		ASSERT_EQ(ftruncate(self->fd, size), 0);
		EXPECT_LT(read_record(self->fd, &late, &e), 0)
		{
			TH_LOG("size %lld", (long long)size);
		}
	}
}

/* Rewrite one 32-bit word of the header and make its checksum right again. */
static void forge(int fd, off_t at, uint32_t value)
{
	unsigned char header[28];
	uint32_t crc;

	(void)!pwrite(fd, &value, sizeof(value), at);
	(void)!pread(fd, header, sizeof(header), 0);
	crc = (uint32_t)crc32(0, header, sizeof(header));
	(void)!pwrite(fd, &crc, sizeof(crc), 28);
}

TEST_F(record, a_newer_format_says_so)
{
	struct handover_late late;
	struct err e;

	forge(self->fd, 8, HANDOVER_VERSION + 1); /* newer, but still readable by us */
	EXPECT_EQ(read_record(self->fd, &late, &e), 0);
	forge(self->fd, 12, HANDOVER_VERSION + 1); /* oldest reader */
	EXPECT_EQ(read_record(self->fd, &late, &e), -EPROTONOSUPPORT);
	EXPECT_NE(strstr(e.text, "newer"), NULL);
}

TEST_F(record, absurd_lengths_are_refused)
{
	static const uint32_t absurd[] = { 0x7fffffff, 0xffffffff, 0xffffffe0,
					   HANDOVER_PAYLOAD_MAX + 1, 4096 };
	struct handover_late late;
	struct err e;

	for (size_t i = 0; i < ARRAY_SIZE(absurd); i++) {
		int fd = handover_create("forged", self->payload);

		forge(fd, 16, absurd[i]); /* payload length */
		EXPECT_EQ(read_record(fd, &late, &e), -EBADMSG)
		{
			TH_LOG("payload_len %u", absurd[i]);
		}
		close(fd);
		fd = handover_create("forged", self->payload);
		forge(fd, 24, i ? absurd[i] - 4096 + 8000 : 0); /* where the late block is */
		EXPECT_EQ(read_record(fd, &late, &e), -EBADMSG)
		{
			TH_LOG("late_at %zu", i);
		}
		close(fd);
	}
}

TEST_F(record, tells_whether_a_vcpu_may_have_run)
{
	int fd = handover_create("run", self->payload);
	struct handover_late late = { .complete = 1 };
	struct err e;

	EXPECT_EQ(handover_write_late(fd, &late), 0);
	EXPECT_FALSE(handover_has_run(fd));
	EXPECT_EQ(handover_mark_run(fd, true), 0);
	EXPECT_TRUE(handover_has_run(fd));
	/* and can be read as before */
	EXPECT_EQ(read_record(fd, &late, &e), 0);
	EXPECT_EQ(late.complete, 1);
	EXPECT_EQ(handover_mark_run(fd, false), 0);
	EXPECT_FALSE(handover_has_run(fd));
	/* One that cannot tell counts as one that has. */
	forge(fd, 24, 0x7ffff000);
	EXPECT_TRUE(handover_has_run(fd));
	EXPECT_LT(handover_mark_run(fd, true), 0);
	close(fd);
}

TEST(a_payload_that_is_too_long_is_refused)
{
	char *big = xmalloc0(HANDOVER_PAYLOAD_MAX + 2);
	json *j = json_object_new_object();

	memset(big, 'a', HANDOVER_PAYLOAD_MAX + 1);
	json_set_str(j, "x", big);
	EXPECT_EQ(handover_create("big", j), -EMSGSIZE);
	json_object_put(j);
	free(big);
}

TEST_HARNESS_MAIN
