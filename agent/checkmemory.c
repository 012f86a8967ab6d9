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

/* "Name: 1 kB" of /proc/meminfo. Return: bytes, 0 for a line that is not there. */
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
	uint64_t need = n->holes + n->tables + n->records + n->rest;
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

/* --- the agent's cgroup --- */

#define NUMBER_MAX ((size_t)64)
#define STAT_MAX ((size_t)65536)

/* Return: whether @file of a cgroup holds a number; "max" is none. */
static bool cgroup_number(const char *dir, const char *file, uint64_t *ret)
{
	_cleanup_free_ char *path = xasprintf("%s/%s", dir, file), *s = NULL;
	char *end;

	if (read_file(path, NUMBER_MAX, &s, NULL) < 0)
		return false;
	*ret = strtoull(s, &end, 10);
	return end != s;
}

/* "name 1" of memory.stat. */
static uint64_t cgroup_stat(const char *dir, const char *name)
{
	_cleanup_free_ char *path = xasprintf("%s/memory.stat", dir), *s = NULL;
	size_t len = strlen(name);

	if (read_file(path, STAT_MAX, &s, NULL) < 0)
		return 0;
	for (const char *p = s; *p; p += strcspn(p, "\n"), p += *p == '\n')
		if (strncmp(p, name, len) == 0 && p[len] == ' ')
			return strtoull(p + len + 1, NULL, 10);
	return 0;
}

/* Swap is no help: what is preserved stays in memory, and that is nearly all there is in it. */
static void check_level(json *all, const char *dir, const char *name, uint64_t need)
{
	uint64_t max, used, files, left;
	char a[32], b[32], c[32];
	_cleanup_free_ char *what = NULL;

	if (!cgroup_number(dir, "memory.max", &max) || !cgroup_number(dir, "memory.current", &used))
		return;
	/* What was read from files goes when there is need for it; guests' memory is not among it. */
	files = cgroup_stat(dir, "active_file") + cgroup_stat(dir, "inactive_file");
	used -= files < used ? files : used;
	left = used < max ? max - used : 0;
	if (need <= left)
		return;
	what = xasprintf(
		"an update takes up to %s of memory in the agent's cgroup, and %s, with memory.max %s, has %s left",
		format_size(need, a, sizeof(a)), name, format_size(max, b, sizeof(b)),
		format_size(left, c, sizeof(c)));
	found(all, BLOCKED, "host", what,
	      "the kernel would end a process in it: the agent, or a guest that runs in it",
	      "raise the limit (systemctl set-property vmkeepd MemoryMax=…), or stop a guest");
}

/*
 * What guests have not used yet is filled by the agent, and counts as its cgroup's, as do its
 * records and the states' files. Lists of pages and what kexec loads count as nobody's.
 */
void check_memory_cgroup(json *all, const struct memory_need *n, const char *root,
			 const char *cgroups)
{
	const char *line = strncmp(cgroups, "0::/", 4) == 0 ? cgroups : strstr(cgroups, "\n0::/");
	_cleanup_free_ char *name = NULL;

	if (!line)
		return;
	line = strchr(line, '/');
	name = strndup(line, strcspn(line, "\n"));
	/* From "/a/b" over "/a" to "", the root, which has no limit. */
	while (name && name[0] && name[1]) {
		_cleanup_free_ char *dir = xasprintf("%s%s", root, name);

		check_level(all, dir, name, n->holes + n->records);
		*strrchr(name, '/') = '\0';
	}
}

static uint64_t file_size(const char *path)
{
	struct stat st;

	return path && stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

void check_memory(json *all, const struct guest_set *guests, const struct target *t)
{
	_cleanup_free_ char *meminfo = NULL, *cgroups = NULL;
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
		n.records += RECORD_AND_STATE;
	}
	/* The file as it was read, and the segments made of it. */
	n.rest += 2 * (file_size(t->kernel) + file_size(t->initrd));
	if (read_file("/proc/meminfo", 65536, &meminfo, NULL) < 0)
		found(all, UNKNOWN, "host", "/proc/meminfo cannot be read",
		      "whether there is memory enough is not known", "mount /proc");
	else
		check_memory_need(all, &n, meminfo);
	if (read_file("/proc/self/cgroup", 65536, &cgroups, NULL) == 0)
		check_memory_cgroup(all, &n, "/sys/fs/cgroup", cgroups);
}
