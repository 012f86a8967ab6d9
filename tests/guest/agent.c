// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A guest agent, as far as its clock: what docs/interop/qemu-ga-ref of QEMU calls guest-sync,
 * guest-set-time and guest-get-time, on the virtio port of that name. One message a line.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "guest.h"

#define PORT "org.qemu.guest_agent.0"
#define PORTS "/sys/class/virtio-ports"

/* Return: the port, open; or -1 when there is none of that name. */
static int open_port(void)
{
	DIR *dir = opendir(PORTS);
	struct dirent *entry;
	int found = -1;

	while (dir && found < 0 && (entry = readdir(dir))) {
		char path[300], name[64] = "";
		int fd;

		snprintf(path, sizeof(path), PORTS "/%s/name", entry->d_name);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, name, sizeof(name) - 1) > 0 && !strncmp(name, PORT, strlen(PORT))) {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			found = open(path, O_RDWR | O_CLOEXEC);
		}
		close(fd);
	}
	if (dir)
		closedir(dir);
	return found;
}

static unsigned long long number_after(const char *line, const char *key)
{
	const char *at = strstr(line, key);

	if (!at)
		return 0;
	at += strlen(key);
	at += strspn(at, "\": ");
	return strtoull(at, NULL, 10);
}

static void answer(int fd, const char *line)
{
	struct timespec ts = { 0 };
	unsigned long long n;
	char text[96];
	int len;

	if (strstr(line, "\"guest-sync\"")) {
		len = snprintf(text, sizeof(text), "{\"return\": %llu}\n",
			       number_after(line, "\"id\""));
	} else if (strstr(line, "\"guest-set-time\"")) {
		n = number_after(line, "\"time\"");
		ts.tv_sec = (time_t)(n / 1000000000ULL);
		ts.tv_nsec = (long)(n % 1000000000ULL);
		len = snprintf(text, sizeof(text), "%s\n",
			       clock_settime(CLOCK_REALTIME, &ts)
				       ? "{\"error\": {\"class\": \"GenericError\"}}"
				       : "{\"return\": {}}");
	} else if (strstr(line, "\"guest-get-time\"")) {
		clock_gettime(CLOCK_REALTIME, &ts);
		len = snprintf(text, sizeof(text), "{\"return\": %lld%09ld}\n",
			       (long long)ts.tv_sec, ts.tv_nsec);
	} else {
		len = snprintf(text, sizeof(text),
			       "{\"error\": {\"class\": \"CommandNotFound\"}}\n");
	}
	if (write(fd, text, (size_t)len) != len)
		say("fatal %s agent's port: %s\n", config.name, strerror(errno));
}

void *agent_thread(void *unused)
{
	char line[4096];
	size_t have = 0;
	int fd = open_port();

	(void)unused;
	if (fd < 0)
		return NULL;
	for (;;) {
		ssize_t n = read(fd, line + have, sizeof(line) - 1 - have);
		char *end;

		/* Nobody is connected. */
		if (n <= 0) {
			sleep_ns(50000000);
			continue;
		}
		have += (size_t)n;
		line[have] = '\0';
		while ((end = strchr(line, '\n'))) {
			*end = '\0';
			answer(fd, line);
			have -= (size_t)(end + 1 - line);
			memmove(line, end + 1, have + 1);
		}
		if (have == sizeof(line) - 1)
			have = 0;
	}
}
