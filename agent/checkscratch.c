// SPDX-License-Identifier: GPL-2.0-or-later

#include "checkscratch.h"

#include <ctype.h>
#include <stdio.h>
#include <unistd.h>

#include "cmdline.h"
#include "findings.h"

#define GIB (1024 * MIB)

/* struct page, for each 4 KiB, of whole sections of 128 MiB. */
#define PAGE_LIST(ram) (((ram) / (128 * MIB) + 2) * (2 * MIB))
/* IO_TLB_DEFAULT_SIZE, in one piece below 4 GiB. */
#define BOUNCE (64 * MIB)
/* Of directory entries and inodes: alloc_large_system_hash(), which grows slowly beyond 64 GiB. */
#define HASHES_MAX GIB
/* A first chunk is made of huge pages. */
#define PER_CPU (2 * MIB)
/* The log, page tables, what drivers take so early, and pieces too small to be of use. */
#define REST (32 * MIB)

/* What ",high" takes below 4 GiB besides (DEFAULT_CRASH_KERNEL_LOW_SIZE), unless there is a ",low". */
#define CRASH_LOW (256 * MIB)

#define IOMEM_MAX ((size_t)1 << 20)
#define AREA_STEP (64 * MIB)

void host_size_read(const char *iomem, struct host_size *ret)
{
	_cleanup_free_ char *text = NULL;
	char *line, *save = NULL;

	*ret = (struct host_size){ .cpus = (unsigned int)sysconf(_SC_NPROCESSORS_CONF) };
	if (read_file(iomem, IOMEM_MAX, &text, NULL) < 0)
		return;
	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		unsigned long long from, to;

		/* What is nested in a range is indented. */
		if (line[0] != ' ' && strstr(line, " : System RAM") &&
		    sscanf(line, "%llx-%llx", &from, &to) == 2 && to > from)
			ret->ram += to - from + 1;
	}
}

/* As memparse() of the kernel. */
static uint64_t size_at(const char **at)
{
	static const char units[] = "KMGT";
	char *end;
	uint64_t size = strtoull(*at, &end, 0);
	const char *unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;

	*at = end + (unit ? 1 : 0);
	return unit ? size << (10 * (unit - units + 1)) : size;
}

/* "FROM-[TO]:SIZE,…": of the first range that @ram is in. */
static uint64_t size_for(const char *ranges, uint64_t ram)
{
	while (*ranges) {
		uint64_t from = size_at(&ranges), to = UINT64_MAX, size;

		if (*ranges++ != '-')
			return 0;
		if (*ranges != ':')
			to = size_at(&ranges);
		if (*ranges++ != ':')
			return 0;
		size = size_at(&ranges);
		if (ram >= from && ram < to)
			return size;
		if (*ranges++ != ',')
			return 0;
	}
	return 0;
}

uint64_t scratch_crash(const char *cmdline, uint64_t ram)
{
	_cleanup_free_ char *copy = xstrdup(cmdline);
	bool high = false, low = false;
	uint64_t all = 0;
	char *word, *save = NULL;

	for (word = strtok_r(copy, " \t\n", &save); word; word = strtok_r(NULL, " \t\n", &save)) {
		const char *at = word + strlen("crashkernel=");

		if (!begins(word, "crashkernel="))
			continue;
		all += strchr(at, ':') ? size_for(at, ram) : size_at(&at);
		high = high || strstr(word, ",high");
		low = low || strstr(word, ",low");
	}
	return all + (high && !low ? CRASH_LOW : 0);
}

struct scratch_need scratch_need(const struct kimage *k, uint64_t initrd, uint64_t crash,
				 const struct host_size *host)
{
	struct scratch_need n = { .vital = k->memory + initrd + crash + REST };
	uint64_t hashes = host->ram / 256;

	if (!k->facts.extends_scratch)
		n.vital += PAGE_LIST(host->ram) + host->cpus * PER_CPU;
	n.useful = n.vital;
	if (!k->facts.extends_scratch)
		n.useful += BOUNCE + (hashes < HASHES_MAX ? hashes : HASHES_MAX);
	return n;
}

/* "kho_scratch=LOW,GLOBAL,NODE": what is below 4 GiB, the rest, and a little on each node. */
static char *proposal(uint64_t need)
{
	uint64_t global = need + need / 4;

	global += (AREA_STEP - global % AREA_STEP) % AREA_STEP;
	return xasprintf("boot with kho_scratch=128M,%lluM,64M or more",
			 (unsigned long long)(global / MIB));
}

void check_scratch(json *all, const struct kimage *k, uint64_t initrd, const char *next,
		   const struct kho_scratch *s, const struct host_size *host, const char *cmdline)
{
	char kernel_size[32], initrd_size[32], has_size[32], need_size[32];
	struct scratch_need need = scratch_need(k, initrd, scratch_crash(next, host->ram), host);
	uint64_t has = 0;
	_cleanup_free_ char *cure = proposal(need.useful), *what = NULL, *chosen = NULL;

	/* kexec_file_load(2) would refuse what it has no image of, in prepare. */
	if (!k->memory)
		return;
	for (unsigned int i = 0; i < s->n; i++)
		has += s->size[i];
	if (!s->n || !host->ram) {
		chosen = cmdline_value(cmdline, "kho_scratch");
		/* Those that the kernel itself sizes are twice what it needed. */
		if (chosen && !strchr(chosen, '%') && !k->facts.extends_scratch)
			found(all, UNKNOWN, "host",
			      "cannot tell how large the scratch areas of Kexec HandOver are",
			      "if the next kernel cannot start in them all guests are lost",
			      "mount debugfs on /sys/kernel/debug (CONFIG_KEXEC_HANDOVER_DEBUGFS)");
		return;
	}
	if (!kho_scratch_fits(s, k->memory, initrd)) {
		what = xasprintf("no scratch area has room for the kernel (%s) and its initrd (%s)",
				 format_size(k->memory, kernel_size, sizeof(kernel_size)),
				 format_size(initrd, initrd_size, sizeof(initrd_size)));
		found(all, BLOCKED, "host", what, "the next kernel cannot be loaded", cure);
	} else if (has < need.useful) {
		bool dies = has < need.vital;

		what = xasprintf(
			"the scratch areas have %s, and kernel %s may take %s to start",
			format_size(has, has_size, sizeof(has_size)), k->release,
			format_size(dies ? need.vital : need.useful, need_size, sizeof(need_size)));
		found(all, dies ? BLOCKED : NOTE, "host", what,
		      dies ? "it would die before it has a console: all guests would be lost"
			   : "it may have to do without bounce buffers, or with small hash tables",
		      cure);
	}
}
