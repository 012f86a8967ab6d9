// SPDX-License-Identifier: GPL-2.0-or-later

#include "log.h"

#include <stdarg.h>
#include <stdio.h>

static enum log_level log_max = LOG_LEVEL_INFO;
static bool log_prefix;
static const char *log_name = "";

void log_setup(enum log_level max, bool prefix, const char *name)
{
	log_max = max;
	log_prefix = prefix;
	log_name = name;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	int saved = errno, n = 0;
	char line[2048];
	va_list ap;

	if (level > log_max)
		return;
	if (log_prefix)
		n = snprintf(line, sizeof(line), "<%d>%s", level, log_name);
	va_start(ap, fmt);
	n += vsnprintf(line + n, sizeof(line) - (size_t)n - 1, fmt, ap);
	va_end(ap);
	if (n > (int)sizeof(line) - 2)
		n = sizeof(line) - 2;
	/* Words of QEMU's or a client's must not look like lines of ours. */
	for (int i = 0; i < n; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[n++] = '\n';
	/* One write, so that lines of several processes do not mix. A log that is full or gone must not stop us. */
	(void)!write(STDERR_FILENO, line, (size_t)n);
	errno = saved;
}
