// SPDX-License-Identifier: GPL-2.0-or-later

#include "cmdline.h"

#include <stdio.h>

#include "kexec.h"

#define TSC_KHZ "tsc_early_khz="

/* Drop every word of @line that begins with @prefix. */
static void drop_words(char *line, const char *prefix)
{
	char *out = line;

	for (char *p = line; *p;) {
		size_t word = strcspn(p, " "), gap = strspn(p + word, " ");

		if (strncmp(p, prefix, strlen(prefix)) != 0) {
			memmove(out, p, word + gap);
			out += word + gap;
		}
		p += word + gap;
	}
	*out = '\0';
}

static bool has_word(const char *line, const char *prefix)
{
	for (const char *p = line; *p; p += strcspn(p, " "), p += strspn(p, " "))
		if (strncmp(p, prefix, strlen(prefix)) == 0)
			return true;
	return false;
}

int cmdline_build(bool reuse, const char *append, unsigned int tsc_khz, char **ret, struct err *e)
{
	_cleanup_free_ char *running = NULL;
	char *line;
	int r;

	append = append ? append : "";
	if (reuse) {
		r = read_file("/proc/cmdline", KEXEC_CMDLINE_MAX, &running, NULL);
		if (r < 0)
			return err_set(e, r, "/proc/cmdline: %s", strerror(-r));
		running[strcspn(running, "\n")] = '\0';
		/* Ours, from the last update: it must not pile up. */
		drop_words(running, TSC_KHZ);
	}
	if (tsc_khz && !has_word(append, TSC_KHZ))
		line = xasprintf("%s%s%s%s" TSC_KHZ "%u", running ? running : "",
				 running && *append ? " " : "", append,
				 running || *append ? " " : "", tsc_khz);
	else
		line = xasprintf("%s%s%s", running ? running : "", running && *append ? " " : "",
				 append);
	if (strlen(line) >= KEXEC_CMDLINE_MAX) {
		free(line);
		return err_set(e, -E2BIG, "the next kernel's command line is longer than %d bytes",
			       KEXEC_CMDLINE_MAX - 1);
	}
	*ret = line;
	return 0;
}

/* Where the value of the last "NAME=" begins, or NULL. */
static const char *last_value(const char *cmdline, const char *name)
{
	size_t len = strlen(name);
	const char *ret = NULL;

	for (const char *p = cmdline; *p;) {
		size_t word = strcspn(p, " ");

		if (word > len && strncmp(p, name, len) == 0 && p[len] == '=')
			ret = p + len + 1;
		p += word;
		p += strspn(p, " ");
	}
	return ret;
}

int cmdline_switch(const char *cmdline, const char *name)
{
	const char *v = last_value(cmdline, name);

	if (!v)
		return -1;
	return strchr("yYtT1", *v) != NULL ||
	       ((v[0] == 'o' || v[0] == 'O') && (v[1] == 'n' || v[1] == 'N'));
}

char *cmdline_value(const char *cmdline, const char *name)
{
	const char *v = last_value(cmdline, name);

	return v ? strndup(v, strcspn(v, " ")) : NULL;
}
