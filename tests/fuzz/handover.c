// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A handover record, and what is made of it: a guest, its network, the index, the report.
 * The first byte says how much of it is put right first: its checksums would else keep the
 * fuzzer from what comes after them.
 */

#include "fuzz.h"

#include <sys/mman.h>
#include <zlib.h>

#include "guest.h"
#include "netargs.h"
#include "netrecord.h"
#include "report.h"

enum {
	RAW,	 /* a whole record */
	CHECKED, /* the same, and its header's checksum and that of its payload are made right */
	PAYLOAD, /* the payload of a good record */
};

#define HEADER_LEN 32
#define LATE_LEN 96
#define LATE_CRC_AT 88

/* docs/handover.md */
static void put32(unsigned char *at, uint32_t v)
{
	memcpy(at, &v, sizeof(v));
}

static uint32_t get32(const unsigned char *at)
{
	uint32_t v;

	memcpy(&v, at, sizeof(v));
	return v;
}

static uint32_t crc(const unsigned char *p, size_t len)
{
	return (uint32_t)crc32(0, p, (unsigned int)len);
}

static void make_right(unsigned char *record, size_t len)
{
	uint32_t payload, late;

	if (len < HEADER_LEN)
		return;
	payload = get32(record + 16);
	late = get32(record + 24);
	memcpy(record, "VMKEEPHO", 8);
	if (payload <= len - HEADER_LEN)
		put32(record + 20, crc(record + HEADER_LEN, payload));
	if (late <= len && len - late >= LATE_LEN)
		put32(record + late + LATE_CRC_AT, crc(record + late, LATE_CRC_AT));
	put32(record + 28, crc(record, 28));
}

/* A record with this payload; caller frees. */
static unsigned char *record_of(const unsigned char *payload, size_t len, size_t *ret_len)
{
	size_t late = (HEADER_LEN + len + 4095) & ~4095UL;
	unsigned char *record = xmalloc0(late + 4096);

	put32(record + 8, HANDOVER_VERSION);
	put32(record + 12, HANDOVER_OLDEST_READER);
	put32(record + 16, (uint32_t)len);
	put32(record + 24, (uint32_t)late);
	memcpy(record + HEADER_LEN, payload, len);
	record[late] = 1; /* complete */
	*ret_len = late + 4096;
	make_right(record, *ret_len);
	return record;
}

static const char guest_record[] =
	"{\"name\":\"web-1\",\"uuid\":\"0b9e8f1c-5d1e-4d7e-9a53-4b7a6f3f2c11\",\"user\":\"nobody\","
	"\"cwd\":\"/srv\",\"user_argv\":[\"/usr/bin/qemu-system-x86_64\",\"-machine\",\"q35\"],"
	"\"argv\":[\"/usr/bin/qemu-system-x86_64\",\"-machine\",\"pc-q35-10.0\",\"-netdev\","
	"\"tap,id=n0,ifname=vk0,script=no\",\"-netdev\",\"{\\\"type\\\":\\\"user\\\",\\\"id\\\":\\\"n1\\\"}\","
	"\"-nic\",\"bridge,br=br0\",\"-append\",\"-x\"],\"machine\":\"pc-q35-10.0\",\"qemu_version\":"
	"\"10.0.3\",\"ram_path\":\"fdset\",\"cpr_reboot\":true,\"memory\":268435456,\"ram\":[134217728,134217728],\"started_ms\":1,\"priority\":5,"
	"\"net\":{\"devices\":[{\"name\":\"vk0\",\"kind\":\"tun\",\"mac\":\"52:54:00:12:34:56\","
	"\"mtu\":1500,\"txqlen\":1000,\"up\":true,\"settings\":{\"persist\":1,\"multi_queue\":0,"
	"\"vnet_hdr\":1,\"pi\":0},\"master\":\"br0\",\"port\":{\"isolated\":0},\"vlans\":[{\"first\":1,"
	"\"last\":1,\"untagged\":true,\"pvid\":true}]},{\"name\":\"mv0\",\"kind\":\"macvtap\",\"mac\":"
	"\"52:54:00:12:34:57\",\"mtu\":1500,\"txqlen\":500,\"lower\":\"eth0\",\"mode\":\"bridge\"}],"
	"\"bridges\":[{\"name\":\"br0\",\"kind\":\"bridge\",\"mac\":\"52:54:00:12:34:58\",\"mtu\":1500,"
	"\"txqlen\":1000,\"settings\":{\"ageing_time\":30000,\"stp_state\":0}}]}}";

static const char index_record[] =
	"{\"guests\":[{\"name\":\"web-1\",\"uuid\":\"0b9e8f1c-5d1e-4d7e-9a53-4b7a6f3f2c11\",\"priority\":5}],"
	"\"from_kernel\":\"7.2.12\",\"to_kernel\":\"7.3.4\",\"committed_ms\":1,"
	"\"prepare_ms\":{\"load\":120,\"preserve\":31}}";

void fuzz_init(void)
{
	guest_setup("/nonexistent/fuzz", "/nonexistent/fuzz");
	report_setup("/nonexistent/fuzz");
}

void fuzz_seeds(void)
{
	const struct {
		const char *name;
		const char *text;
	} all[] = { { "guest", guest_record }, { "index", index_record } };

	for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
		_cleanup_free_ char *whole = xasprintf("record-%s", all[i].name);
		size_t len = strlen(all[i].text);
		_cleanup_free_ unsigned char *record = record_of((const unsigned char *)all[i].text,
								 len, &len);

		fuzz_seed(all[i].name, PAYLOAD, all[i].text, strlen(all[i].text));
		fuzz_seed(whole, i ? RAW : CHECKED, record, len);
	}
}

/* Nothing that comes of it may lead out of the agent's directories. */
static void check_guest(const struct guest *g)
{
	fuzz_must(g->name[0] && g->name[0] != '.' && !strchr(g->name, '/'));
	fuzz_must(strlen(g->name) <= GUEST_NAME_MAX && uuid_valid(g->uuid));
	fuzz_must(g->argv.n && g->argv.v[0][0] == '/' && !g->argv.v[g->argv.n]);
	fuzz_must(g->ram.size.n > 0 && g->ram.size.n <= RAM_BLOCKS_MAX);
	for (size_t i = 0; i < RAM_BLOCKS_MAX; i++)
		fuzz_must(g->ram.fd[i] < 0 && (i >= g->ram.size.n || g->ram.size.v[i]));
}

static void use_guest(json *payload, const struct handover_late *late)
{
	struct err e = { "" };
	struct guest *g, *again;
	_cleanup_json_ json *net = NULL, *first = NULL, *second = NULL;
	const char *name, *value;

	if (guest_from_json(payload, &g, &e) < 0) {
		fuzz_must_explain(&e);
		return;
	}
	check_guest(g);
	if (g->net && netrecord_check(g->net, &e) < 0)
		fuzz_must_explain(&e);
	net = netargs_parse(&g->argv);
	for (size_t at = 1; guestargs_next(&g->argv, &at, &name, &value);)
		fuzz_must(at <= g->argv.n);
	/* Its name is taken. */
	fuzz_must(guest_from_json(payload, &again, &e) == -EEXIST);
	g->x.late = *late;
	report_guest(g);
	/* The agent's own record of it gives the same guest. */
	first = guest_to_json(g);
	guest_remove(g);
	fuzz_must(guest_from_json(first, &g, &e) == 0);
	second = guest_to_json(g);
	fuzz_must(json_object_equal(first, second));
	guest_remove(g);
}

static void use(const unsigned char *record, size_t len)
{
	_cleanup_close_ int fd = memfd_create("record", MFD_CLOEXEC);
	_cleanup_json_ json *payload = NULL;
	struct handover_late late;
	struct err e = { "" };

	fuzz_must(fd >= 0 && write_all(fd, record, len) == 0);
	/* One that cannot be read counts as one whose guest has run. */
	if (!handover_has_run(fd))
		fuzz_must(handover_mark_run(fd, true) == 0 && handover_has_run(fd));
	if (handover_read(fd, &payload, &late, &e) < 0) {
		fuzz_must(!payload);
		fuzz_must_explain(&e);
		return;
	}
	if (!late.tsc_hz)
		late.tsc_hz = 2000000000; /* or it is measured, which takes its time */
	report_begin(payload, &late);
	use_guest(payload, &late);
}

void fuzz_one(const unsigned char *data, size_t len)
{
	_cleanup_free_ unsigned char *record = NULL;

	switch (data[0]) {
	case RAW:
		use(data + 1, len - 1);
		break;
	case CHECKED:
		record = xmalloc0(len);
		memcpy(record, data + 1, len - 1);
		make_right(record, len - 1);
		use(record, len - 1);
		break;
	case PAYLOAD:
		record = record_of(data + 1, len - 1, &len);
		use(record, len);
		break;
	}
}
