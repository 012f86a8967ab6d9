// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Disk verifier: keyed blocks in the first SLOTS blocks of each disk, past the page
 * cache. What each block must hold is remembered in RAM, so a block that was lost, torn
 * or rolled back while the guest was stopped is seen when it is read again. What lies
 * behind them is somebody else's, and must never change.
 *
 * With diskkey= blocks are keyed by that instead of by this boot, and a later boot finds
 * out, before it writes, how many writes each disk holds: block after block was written,
 * round after round, so that one that went back, or is missing, does not fit in.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "guest.h"

#define SLOTS 1024
#define DETAILS 8
/* Every so many writes the disk's own cache is flushed too. */
#define FLUSH_EVERY 16
/* Blocks of others that are read. */
#define SAMPLES 32
/* The most rounds a later boot looks for. */
#define ROUNDS 256

struct disk {
	char name[8];
	int fd;
	size_t slots, samples, blocks;
	uint64_t key;
	uint64_t begun; /* writes in all */
	atomic_ullong flushed;
	uint32_t generation[SLOTS]; /* in each slot; 0: never written */
	uint64_t sample[SAMPLES];   /* what was there at the start */
};

static struct disk disks[DISKS_MAX];
static size_t n_disks, n_taken;

static void bad(const struct disk *d, const char *what, size_t slot, long detail)
{
	static atomic_uint told;

	counts.disk_bad++;
	if (told++ < DETAILS)
		say("disk %s %s %s slot=%zu gen=%u detail=%ld\n", config.name, d->name, what, slot,
		    slot < SLOTS ? d->generation[slot] : 0, detail);
}

static bool get(const struct disk *d, void *block, size_t nr)
{
	ssize_t got = pread(d->fd, block, GUEST_PAGE, (off_t)nr * GUEST_PAGE);

	if (got != GUEST_PAGE)
		bad(d, "unread", nr, got < 0 ? -errno : got);
	return got == GUEST_PAGE;
}

static void check(const struct disk *d, void *block, size_t slot)
{
	uint64_t seed = pattern_seed(d->key, slot, d->generation[slot]);
	size_t off = 0;
	uint8_t want = 0;

	if (get(d, block, slot) && !pattern_match(block, seed)) {
		pattern_diff(block, seed, &off, &want);
		bad(d, "differs", slot, (long)off);
	}
}

/* The number of the block that is looked at as the @i-th of others'. */
static size_t sample_at(const struct disk *d, size_t i)
{
	return d->slots + (d->blocks - d->slots) / d->samples * i;
}

static uint64_t sum(const void *block)
{
	const uint64_t *word = block;
	uint64_t s = 0;

	for (size_t i = 0; i < GUEST_PAGE / sizeof(*word); i++)
		s = pattern_seed(s, word[i], i);
	return s;
}

static bool holds(const struct disk *d, const void *block, size_t slot, uint32_t gen)
{
	static const uint8_t empty[GUEST_PAGE];

	if (!gen)
		return memcmp(block, empty, GUEST_PAGE) == 0;
	return pattern_match(block, pattern_seed(d->key, slot, gen));
}

/* How far an earlier boot came: as many rounds as the first block holds, the last maybe in part. */
static void recover(struct disk *d, uint8_t *all)
{
	size_t len = d->slots * GUEST_PAGE;
	uint32_t round = 0;
	bool in_part = false;
	ssize_t got = pread(d->fd, all, len, 0);

	if (got != (ssize_t)len) {
		bad(d, "unread", 0, got < 0 ? -errno : got);
		return;
	}
	while (round < ROUNDS && !holds(d, all, 0, round))
		round++;
	for (size_t slot = 0; slot < d->slots; slot++) {
		const uint8_t *block = all + slot * GUEST_PAGE;

		in_part |= !holds(d, block, slot, round);
		d->generation[slot] = round - (in_part && round);
		if (!holds(d, block, slot, d->generation[slot])) {
			bad(d, "is-of-no-round", slot, round);
			return;
		}
		d->begun += d->generation[slot];
	}
}

static void look_around(struct disk *d, void *block)
{
	uint64_t all = 0;

	d->samples = d->blocks - d->slots < SAMPLES ? d->blocks - d->slots : SAMPLES;
	for (size_t i = 0; i < d->samples; i++) {
		if (!get(d, block, sample_at(d, i)))
			return;
		d->sample[i] = sum(block);
		all = pattern_seed(all, d->sample[i], i);
	}
	if (*config.disk_key) {
		uint8_t *whole = aligned_alloc(GUEST_PAGE, d->slots * GUEST_PAGE);

		if (!whole)
			die("disk buffer");
		recover(d, whole);
		free(whole);
	}
	say("found %s %s writes=%llu others=%016llx\n", config.name, d->name,
	    (unsigned long long)d->begun, (unsigned long long)all);
}

/* SCSI disks get their letters as they come; the same one has the same number on its bus at each boot. */
static char lasting_letter(const char *stem, char letter)
{
	char link[64], to[128] = "", *at;
	unsigned int target;

	snprintf(link, sizeof(link), "/sys/block/%s%c/device", stem, letter);
	if (readlink(link, to, sizeof(to) - 1) <= 0)
		return letter;
	at = strrchr(to, '/');
	if (sscanf(at ? at + 1 : to, "%*u:%*u:%u:", &target) != 1 || target > 'z' - 'a')
		return letter;
	return (char)('a' + target);
}

static bool open_one(const char *stem, char letter)
{
	struct disk *d = &disks[n_disks];
	char path[16];
	uint64_t size;

	snprintf(path, sizeof(path), "/dev/%s%c", stem, letter);
	snprintf(d->name, sizeof(d->name), "%s%c", stem, lasting_letter(stem, letter));
	d->fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (d->fd < 0)
		return false;
	if (ioctl(d->fd, BLKGETSIZE64, &size))
		die(path);
	d->blocks = size / GUEST_PAGE;
	d->slots = d->blocks < SLOTS ? d->blocks : SLOTS;
	n_disks += d->slots > 0;
	return true;
}

int disks_tell(char *to, size_t size)
{
	int n = 0;

	for (size_t i = 0; i < n_disks && n < (int)size; i++)
		n += snprintf(to + n, size - (size_t)n, " %s=%llu", disks[i].name,
			      (unsigned long long)disks[i].flushed);
	return n;
}

static void write_one(struct disk *d, void *block)
{
	size_t slot = d->begun % d->slots;

	pattern_fill(block, pattern_seed(d->key, slot, d->generation[slot] + 1));
	if (pwrite(d->fd, block, GUEST_PAGE, (off_t)slot * GUEST_PAGE) != GUEST_PAGE) {
		bad(d, "unwritten", slot, -errno);
		return;
	}
	d->generation[slot]++;
	d->begun++;
	if (d->begun % FLUSH_EVERY == 0) {
		if (fdatasync(d->fd))
			bad(d, "unflushed", slot, -errno);
		else
			d->flushed = d->begun;
	}
	check(d, block, slot);
	counts.disk_ok++;
}

static void *disk_thread(void *unused)
{
	void *block = aligned_alloc(GUEST_PAGE, GUEST_PAGE);
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct disk *d;

	(void)unused;
	if (!block)
		die("disk buffer");
	pthread_mutex_lock(&lock);
	d = &disks[n_taken++];
	pthread_mutex_unlock(&lock);
	d->key = pattern_key(*config.disk_key ? config.disk_key : config.boot_id, d->name);
	look_around(d, block);

	for (uint64_t n = 0;; n++) {
		size_t used = d->begun < d->slots ? d->begun : d->slots;

		write_one(d, block);
		/* One of those written so far, old and new alike; and one of others'. */
		if (used)
			check(d, block, pattern_seed(d->key, n, 1) % used);
		if (d->samples && get(d, block, sample_at(d, n % d->samples)) &&
		    sum(block) != d->sample[n % d->samples])
			bad(d, "changed", sample_at(d, n % d->samples), 0);
		sleep_ns(config.disk_ms * 1000000ULL);
	}
	return NULL;
}

void disks_start(void)
{
	static bool opened[2][DISKS_MAX / 2];
	size_t had = n_disks;

	for (int i = 0; i < DISKS_MAX / 2; i++) {
		if (!opened[0][i])
			opened[0][i] = open_one("vd", (char)('a' + i));
		if (!opened[1][i])
			opened[1][i] = open_one("sd", (char)('a' + i));
	}
	for (; had < n_disks; had++)
		start_thread(disk_thread, 0);
}
