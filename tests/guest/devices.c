// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Devices that a guest may have besides disks and cards. Each that works soon after the start is
 * put to work again and again; what no longer does what it did is told of, once.
 *
 * has NAME vda=N … cpus=N nics=N ram=MIB kept=MIB rng=READS tpm=PCR; without what is not there.
 * A virtio-serial port named "echo" gives back what it gets.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "guest.h"

#define EVERY_NS 2000000000ULL
#define PORT_LOOK_NS 2000000000
/* A device, and who emulates it, may be slow to start. */
#define TRIES 10
/* One for debugging, that nobody else extends. */
#define TPM_PCR "/sys/class/tpm/tpm0/pcr-sha256/16"
/* Where an answer has its code. */
#define TPM_CODE_AT 6

static ssize_t read_at(const char *path, void *to, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, to, size);

	if (fd >= 0)
		close(fd);
	return n;
}

/* --- virtio-rng --- */

static unsigned int rng_reads;

static bool rng(void)
{
	uint64_t word[2] = { 0, 0 };

	if (read_at("/dev/hwrng", word, sizeof(word)) != sizeof(word) || (!word[0] && !word[1]))
		return false;
	rng_reads++;
	return true;
}

/* --- TPM --- */

static char pcr[128];

/* TPM2_PCR_Extend with an empty password: what it holds then is not what a TPM begins with. */
static bool tpm_extend(void)
{
	static const char command[65] =
		"\x80\x02\0\0\0\x41\0\0\x01\x82"   /* sessions, length, command */
		"\0\0\0\x10"			   /* register 16 */
		"\0\0\0\x09\x40\0\0\x09\0\0\0\0\0" /* by whom */
		"\0\0\0\x01\0\x0b"		   /* one digest, SHA-256 */
		"what the guest has put into its"; /* and a 0 */
	uint8_t answer[256] = { 0 };
	int fd = open("/dev/tpm0", O_RDWR | O_CLOEXEC);
	static unsigned int failed;
	bool good = fd >= 0 && write(fd, command, sizeof(command)) == sizeof(command) &&
		    read(fd, answer, sizeof(answer)) >= TPM_CODE_AT + 4 &&
		    memcmp(answer + TPM_CODE_AT, "\0\0\0", 4) == 0;

	if (fd >= 0 && !good && ++failed == TRIES)
		say("lost %s tpm: error %d, code %02x%02x\n", config.name, errno,
		    answer[TPM_CODE_AT + 2], answer[TPM_CODE_AT + 3]);
	if (fd >= 0)
		close(fd);
	return good;
}

static bool tpm(void)
{
	char now[sizeof(pcr)] = "";

	if ((!*pcr && !tpm_extend()) || read_at(TPM_PCR, now, sizeof(now) - 1) <= 0)
		return false;
	now[strcspn(now, "\n")] = '\0';
	if (!*pcr)
		memcpy(pcr, now, sizeof(pcr));
	return strcmp(now, pcr) == 0;
}

/* --- a port that echoes --- */

static int open_port(void)
{
	DIR *dir = opendir("/sys/class/virtio-ports");
	char path[300], named[16];
	struct dirent *de;
	int fd = -1;

	while (dir && fd < 0 && (de = readdir(dir))) {
		ssize_t n;

		snprintf(path, sizeof(path), "/sys/class/virtio-ports/%s/name", de->d_name);
		n = read_at(path, named, sizeof(named));
		if (n != 5 || memcmp(named, "echo\n", 5) != 0)
			continue;
		snprintf(path, sizeof(path), "/dev/%s", de->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
	}
	if (dir)
		closedir(dir);
	return fd;
}

static void *echo_thread(void *unused)
{
	char text[256];
	int fd;

	(void)unused;
	/* There may be none, and one gets its name only after the device is there. */
	while ((fd = open_port()) < 0)
		sleep_ns(PORT_LOOK_NS);
	for (;;) {
		ssize_t n = read(fd, text, sizeof(text));

		if (n > 0)
			n = write(fd, text, (size_t)n);
		if (n <= 0) /* nobody at the other end */
			sleep_ns(100000000);
	}
	return NULL;
}

/* --- all of them --- */

static struct device {
	const char *name;
	bool (*works)(void);
	bool here;
} devices[] = {
	{ "rng", rng, false },
	{ "tpm", tpm, false },
};

static unsigned int count_nics(void)
{
	DIR *dir = opendir("/sys/class/net");
	struct dirent *de;
	unsigned int n = 0;

	while (dir && (de = readdir(dir)))
		n += !strncmp(de->d_name, "eth", 3);
	if (dir)
		closedir(dir);
	return n;
}

static void tell(void)
{
	char line[512];
	struct sysinfo si;
	int n = disks_tell(line, sizeof(line));

	sysinfo(&si);
	n += snprintf(line + n, sizeof(line) - (size_t)n, " cpus=%ld nics=%u ram=%lu",
		      sysconf(_SC_NPROCESSORS_ONLN), count_nics(), si.totalram * si.mem_unit >> 20);
	if (config.plug)
		n += snprintf(line + n, sizeof(line) - (size_t)n, " kept=%zu", plug_kept_mib());
	if (rng_reads)
		n += snprintf(line + n, sizeof(line) - (size_t)n, " rng=%u", rng_reads);
	if (*pcr)
		snprintf(line + n, sizeof(line) - (size_t)n, " tpm=%s", pcr);
	say("has %s%s\n", config.name, line);
}

void *devices_thread(void *unused)
{
	(void)unused;
	start_thread(echo_thread, 0);
	for (unsigned int round = 0;; round++) {
		disks_start();
		for (size_t i = 0; !config.plug && i < sizeof(devices) / sizeof(devices[0]); i++) {
			struct device *d = &devices[i];

			if (!d->here) {
				d->here = round < TRIES && d->works();
				continue;
			}
			if (d->works())
				continue;
			say("lost %s %s: it does not do any more what it did\n", config.name,
			    d->name);
			d->here = false;
		}
		tell();
		sleep_ns(EVERY_NS);
	}
	return NULL;
}
