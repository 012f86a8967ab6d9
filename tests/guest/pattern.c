// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The content of a page: 512 words counting up in steps of an odd constant from a
 * seed that depends on key, page number and generation. So a page that is stale, in
 * another's place, of another boot, or damaged in any bit is told from a good one,
 * and checking costs one addition per word.
 */
#include <string.h>

#include "guest.h"

#define STEP 0x9e3779b97f4a7c15ULL
#define WORDS (GUEST_PAGE / sizeof(uint64_t))

static uint64_t mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

uint64_t pattern_key(const char *boot_id, const char *purpose)
{
	uint64_t key = STEP;

	for (; *boot_id; boot_id++)
		key = mix(key + (uint8_t)*boot_id);
	for (; *purpose; purpose++)
		key = mix(key + (uint8_t)*purpose);
	return key;
}

uint64_t pattern_seed(uint64_t key, uint64_t page, uint64_t gen)
{
	return mix(mix(key + page) + gen);
}

void pattern_fill(void *page, uint64_t seed)
{
	uint64_t *word = page;

	for (size_t i = 0; i < WORDS; i++, seed += STEP)
		word[i] = seed;
}

bool pattern_match(const void *page, uint64_t seed)
{
	const uint64_t *word = page;
	uint64_t bad = 0;

	for (size_t i = 0; i < WORDS; i++, seed += STEP)
		bad |= word[i] ^ seed;
	return !bad;
}

/**
 * pattern_diff() - Count the wrong bytes of a page
 * @page:	What is there
 * @seed:	Seed of what should be there
 * @first:	Set to the offset of the first wrong byte, if any
 * @want:	Set to what it should be
 *
 * Return: number of wrong bytes
 */
size_t pattern_diff(const void *page, uint64_t seed, size_t *first, uint8_t *want)
{
	uint8_t good[GUEST_PAGE];
	const uint8_t *got = page;
	size_t wrong = 0;

	pattern_fill(good, seed);
	for (size_t i = 0; i < GUEST_PAGE; i++) {
		if (got[i] == good[i])
			continue;
		if (!wrong++) {
			*first = i;
			*want = good[i];
		}
	}
	return wrong;
}
