/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What each fuzzer has: a libFuzzer target (https://llvm.org/docs/LibFuzzer.html) that
 * feeds one kind of input from outside, and seeds of it that it writes itself.
 */
#ifndef VMKEEP_FUZZ_H
#define VMKEEP_FUZZ_H

#include "util.h"

/** fuzz_init() - The target's own: called once, before any input. */
void fuzz_init(void);

/** fuzz_seeds() - The target's own: give each seed to fuzz_seed(). */
void fuzz_seeds(void);

/** fuzz_one() - The target's own: take one input. */
void fuzz_one(const unsigned char *data, size_t len);

/** fuzz_seed() - Write a seed: a byte that tells what the rest is, and the rest. */
void fuzz_seed(const char *name, unsigned char kind, const void *data, size_t len);

/** fuzz_must() - What is not so is a finding. */
#define fuzz_must(what)          \
	do {                     \
		if (!(what))     \
			abort(); \
	} while (0)

/** fuzz_must_explain() - An error has come: it has words, and they are one line. */
void fuzz_must_explain(const struct err *e);

#endif
