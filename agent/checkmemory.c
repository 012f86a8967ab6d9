// SPDX-License-Identifier: GPL-2.0-or-later

#include "checkmemory.h"

#include <stdio.h>
#include <sys/stat.h>

#include "findings.h"

#define PAGE 4096

/*
 * For each page memfd_luo_preserve_folios() of mm/memfd_luo.c (7.2) has a pointer while it works,
 * and in the end a struct memfd_luo_folio_ser. Huge pages need fewer of the latter:
 * this is the most.
 */
#define FOLIO_POINTER 8
#define FOLIO_SER 16

/* A guest's record and its devices' state: 16 KiB, and 0.1 to 0.9 MiB, have been seen. */
#define RECORD_AND_STATE (2ULL << 20)

void memory_need_block(struct memory_need *n, uint64_t size, uint64_t allocated)
{
	/* A memory file counts whole blocks, and some of its own. */
	if (allocated < size)
		n->holes += size - allocated;
	n->tables += size / PAGE * (FOLIO_POINTER + FOLIO_SER);
}

/* Return: bytes, 0 for a line that is not there. */
static uint64_t meminfo_value(const char *meminfo, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = meminfo; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, name, len) == 0 && p[len] == ':')
			return strtoull(p + len + 1, NULL, 10) * 1024;
	return 0;
}

void check_memory_need(json *all, const struct memory_need *n, const char *meminfo)
{
	uint64_t available = meminfo_value(meminfo, "MemAvailable");
	uint64_t cma = meminfo_value(meminfo, "CmaFree");
	uint64_t swap = meminfo_value(meminfo, "SwapFree");
	uint64_t need = n->holes + n->tables + n->rest;
	char a[32], b[32], holes[32], tables[32];
	_cleanup_free_ char *what = NULL;

	/* The scratch areas are that: what is preserved must not lie there, and is moved out. */
	available -= cma < available ? cma : available;
	if (need <= available)
		return;
	what = xasprintf(
		"an update takes up to %s of memory (%s for what guests have not used yet, %s for lists of their pages), and %s is available",
		format_size(need, a, sizeof(a)), format_size(n->holes, holes, sizeof(holes)),
		format_size(n->tables, tables, sizeof(tables)),
		format_size(available, b, sizeof(b)));
	if (need <= available + swap)
		found(all, NOTE, "host", what,
		      "the rest has to be swapped out first, which takes time",
		      "free some memory, to be sure");
	else
		found(all, BLOCKED, "host", what,
		      "`vmkeep prepare` would fail, or the kernel end a process for want of memory",
		      "free some memory, or stop a guest");
}

static uint64_t file_size(const char *path)
{
	struct stat st;

	return path && stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

void check_memory(json *all, const struct guest_set *guests, const struct target *t)
{
	_cleanup_free_ char *meminfo = NULL;
	struct memory_need n = { 0 };

	for (size_t i = 0; i < guests->n; i++) {
		const struct guest *g = guests->v[i];

		/* What is prepared has it all already. */
		for (size_t k = 0; !g->gone && !g->x.prepared && k < g->ram.size.n; k++) {
			struct stat st;

			if (fstat(g->ram.fd[k], &st) == 0)
				memory_need_block(&n, g->ram.size.v[k],
						  (uint64_t)st.st_blocks * 512);
		}
		n.rest += RECORD_AND_STATE;
	}
	/* The file as it was read, and the segments made of it. */
	n.rest += 2 * (file_size(t->kernel) + file_size(t->initrd));
	if (read_file("/proc/meminfo", 65536, &meminfo, NULL) < 0)
		found(all, UNKNOWN, "host", "/proc/meminfo cannot be read",
		      "whether there is memory enough is not known", "mount /proc");
	else
		check_memory_need(all, &n, meminfo);
}
