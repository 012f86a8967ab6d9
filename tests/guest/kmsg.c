// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Repeats on the console what the kernel warns of after the start, and that it was told
 * by vmgenid to be a copy of itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "guest.h"

#define LEVEL_WARNING 4

static int kmsg_fd = -1;

void kmsg_open(void)
{
	kmsg_fd = open("/dev/kmsg", O_RDONLY | O_CLOEXEC);
	if (kmsg_fd < 0)
		die("/dev/kmsg");
	/* Only what comes from now on. */
	if (lseek(kmsg_fd, 0, SEEK_END) < 0)
		die("/dev/kmsg");
}

void *kmsg_thread(void *unused)
{
	char record[8192];

	(void)unused;
	for (;;) {
		ssize_t len = read(kmsg_fd, record, sizeof(record) - 1);
		unsigned long prio;
		char *text;

		if (len < 0) {
			/* EPIPE: records were overwritten before we read them. */
			if (errno == EPIPE)
				say("kmsg %s (records lost)\n", config.name);
			else if (errno != EINTR)
				die("/dev/kmsg");
			continue;
		}
		/* "PRIO,SEQ,USEC,FLAGS;TEXT\n", then " KEY=VALUE" lines. */
		record[len] = '\0';
		prio = strtoul(record, NULL, 10);
		text = strchr(record, ';');
		if (!text || (prio > LEVEL_WARNING && !strstr(text, "virtual machine fork")))
			continue;
		text++;
		text[strcspn(text, "\n")] = '\0';
		say("kmsg %s %s\n", config.name, text);
	}
	return NULL;
}
