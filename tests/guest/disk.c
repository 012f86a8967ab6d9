// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Disk verifier: keyed blocks in the first SLOTS blocks of /dev/vda, past the page
 * cache. What each block must hold is remembered in RAM, so a block that was lost, torn
 * or rolled back while the guest was stopped is seen when it is read again.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "guest.h"

#define DISK "/dev/vda"
#define SLOTS 1024
#define DETAILS 8
/* Every so many writes the disk's own cache is flushed too. */
#define FLUSH_EVERY 16

static int disk_fd = -1;
static size_t slots;
static uint64_t key;
/* Generation in each slot; 0: never written. */
static uint32_t generation[SLOTS];

static void bad(const char *what, size_t slot, long detail)
{
	static unsigned int told;

	counts.disk_bad++;
	if (told++ < DETAILS)
		say("disk %s %s slot=%zu gen=%u detail=%ld\n", config.name, what, slot,
		    generation[slot], detail);
}

static void check(void *block, size_t slot)
{
	uint64_t seed = pattern_seed(key, slot, generation[slot]);
	ssize_t got = pread(disk_fd, block, GUEST_PAGE, (off_t)slot * GUEST_PAGE);
	size_t off = 0;
	uint8_t want = 0;

	if (got != GUEST_PAGE) {
		bad("unread", slot, got < 0 ? -errno : got);
	} else if (!pattern_match(block, seed)) {
		pattern_diff(block, seed, &off, &want);
		bad("differs", slot, (long)off);
	}
}

bool disk_open(void)
{
	uint64_t size;

	disk_fd = open(DISK, O_RDWR | O_DIRECT | O_CLOEXEC);
	if (disk_fd < 0)
		return false;
	if (ioctl(disk_fd, BLKGETSIZE64, &size))
		die(DISK);
	slots = size / GUEST_PAGE < SLOTS ? size / GUEST_PAGE : SLOTS;
	return slots > 0;
}

void *disk_thread(void *unused)
{
	void *block = aligned_alloc(GUEST_PAGE, GUEST_PAGE);
	size_t used = 0;

	(void)unused;
	if (!block)
		die("disk buffer");
	/* It may be plugged in later. */
	while (!slots && !disk_open())
		sleep_ns(500000000);
	key = pattern_key(config.boot_id, "disk");

	for (uint64_t n = 0;; n++) {
		size_t slot = n % slots;
		/* One of those written so far, old and new alike. */
		size_t old;

		pattern_fill(block, pattern_seed(key, slot, generation[slot] + 1));
		if (pwrite(disk_fd, block, GUEST_PAGE, (off_t)slot * GUEST_PAGE) != GUEST_PAGE ||
		    (n % FLUSH_EVERY == 0 && fdatasync(disk_fd))) {
			bad("unwritten", slot, -errno);
		} else {
			generation[slot]++;
			if (slot == used)
				used++;
			check(block, slot);
			counts.disk_ok++;
		}
		if (used) {
			old = pattern_seed(key, n, 1) % used;
			if (generation[old])
				check(block, old);
		}
		sleep_ns(config.disk_ms * 1000000ULL);
	}
	return NULL;
}
