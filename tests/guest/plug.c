// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What is plugged in while it runs: brings CPUs online, takes memory into use and looks whether
 * it keeps what is in it, and says what there is: "has NAME cpus=N nics=N mem=MIB kept=MIB".
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "guest.h"

#define CPUS 8
#define MIB (1UL << 20)
/* Of memory that came. A DIMM is above 4 GiB: the kernel takes from there first. */
#define SHARE_PERCENT 25

static uint8_t *extra;
static size_t extra_pages;
static bool extra_bad;

static void bring_cpus_online(void)
{
	for (int cpu = 1; cpu < CPUS; cpu++) {
		char path[64], state = '1';
		int fd;

		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d/online", cpu);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, &state, 1) == 1 && state == '0' && write(fd, "1", 1) != 1)
			say("fatal %s cpu%d does not come online\n", config.name, cpu);
		close(fd);
	}
}

static unsigned int count_nics(void)
{
	DIR *dir = opendir("/sys/class/net");
	struct dirent *entry;
	unsigned int n = 0;

	while (dir && (entry = readdir(dir)))
		n += !strncmp(entry->d_name, "eth", 3);
	if (dir)
		closedir(dir);
	return n;
}

static uint64_t *page(size_t nr)
{
	return (uint64_t *)(extra + nr * GUEST_PAGE);
}

static void use_memory(size_t bytes)
{
	extra_pages = bytes / GUEST_PAGE;
	extra = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (extra == MAP_FAILED)
		die("mmap");
	for (size_t nr = 0; nr < extra_pages; nr++)
		*page(nr) = pattern_seed(extra_pages, nr, 1);
}

static size_t kept_mib(void)
{
	for (size_t nr = 0; nr < extra_pages && !extra_bad; nr++) {
		if (*page(nr) == pattern_seed(extra_pages, nr, 1))
			continue;
		extra_bad = true;
		say("wrong %s page=%zu of memory that was plugged in\n", config.name, nr);
	}
	return extra_bad ? 0 : extra_pages * GUEST_PAGE / MIB;
}

static size_t total(void)
{
	struct sysinfo si;

	if (sysinfo(&si))
		die("sysinfo");
	return (size_t)si.totalram * si.mem_unit;
}

void *plug_thread(void *unused)
{
	size_t at_start = total();
	char said[128] = "";

	(void)unused;
	for (unsigned int n = 0;; n++) {
		size_t now = total();
		char line[128];

		bring_cpus_online();
		if (!extra && now > at_start + 32 * MIB)
			use_memory((now - at_start) / 100 * SHARE_PERCENT);
		snprintf(line, sizeof(line), "cpus=%ld nics=%u mem=%zu kept=%zu",
			 sysconf(_SC_NPROCESSORS_ONLN), count_nics(), now / MIB, kept_mib());
		/* Now and then also what is known: somebody may wait for it. */
		if (strcmp(line, said) != 0 || n % 10 == 0)
			say("has %s %s\n", config.name, line);
		memcpy(said, line, sizeof(said));
		sleep_ns(500000000);
	}
	return NULL;
}
