// SPDX-License-Identifier: GPL-2.0-or-later

#include "fuzz.h"

#include <sanitizer/lsan_interface.h>
#include <stdio.h>

#include "log.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len);

static const char *seeds_dir;

void fuzz_seed(const char *name, unsigned char kind, const void *data, size_t len)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", seeds_dir, name);
	_cleanup_free_ char *all = xmalloc0(len + 1);

	all[0] = (char)kind;
	memcpy(all + 1, data, len);
	if (write_file_atomic(path, all, len + 1) < 0) {
		perror(path);
		exit(1);
	}
}

void fuzz_must_explain(const struct err *e)
{
	fuzz_must(e->text[0]);
	for (const char *p = e->text; *p; p++)
		fuzz_must((unsigned char)*p >= ' ');
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	log_setup((enum log_level)0, false, "");
	/* What lives as long as the process may be known to nobody but a task that never ends. */
	__lsan_disable();
	fuzz_init();
	__lsan_enable();
	seeds_dir = getenv("FUZZ_SEEDS");
	if (seeds_dir) {
		fuzz_seeds();
		exit(0);
	}
	return 0;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t len)
{
	if (len)
		fuzz_one(data, len);
	return 0;
}
