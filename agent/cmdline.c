// SPDX-License-Identifier: GPL-2.0-or-later

#include "cmdline.h"

#include <stdio.h>

#include "kexec.h"

#define TSC_KHZ "tsc_early_khz="
#define EARLY " rw init=" VMKEEP_INIT

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

void cmdline_strip(char *line)
{
	char *early;

	drop_words(line, TSC_KHZ);
	early = strstr(line, EARLY);
	if (early)
		memmove(early, early + strlen(EARLY), strlen(early + strlen(EARLY)) + 1);
	drop_words(line, CMDLINE_REAL_INIT "=");
	for (size_t n = strlen(line); n && line[n - 1] == ' '; n--)
		line[n - 1] = '\0';
}

static void add_words(char **line, const char *words)
{
	char *old = *line;

	*line = xasprintf("%s%s%s", old, *old && *words ? " " : "", words);
	free(old);
}

int cmdline_build(bool reuse, const char *append, unsigned int tsc_khz, bool early, char **ret,
		  struct err *e)
{
	_cleanup_free_ char *line = NULL;

	append = append ? append : "";
	if (reuse) {
		int r = read_file("/proc/cmdline", KEXEC_CMDLINE_MAX, &line, NULL);

		if (r < 0)
			return err_set(e, r, "/proc/cmdline: %s", strerror(-r));
		line[strcspn(line, "\n")] = '\0';
		cmdline_strip(line);
	} else {
		line = xstrdup("");
	}
	add_words(&line, append);
	if (tsc_khz && !has_word(append, TSC_KHZ)) {
		_cleanup_free_ char *word = xasprintf(TSC_KHZ "%u", tsc_khz);

		add_words(&line, word);
	}
	if (early) {
		_cleanup_free_ char *init = cmdline_value(line, "init");
		_cleanup_free_ char *words = NULL;

		/* All after it is for init, and nothing of it for the kernel. */
		if (has_word(line, "-- "))
			return err_set(
				e, -EINVAL,
				"--early: the command line has \"--\", behind which nothing is the kernel's");
		words = xasprintf(CMDLINE_REAL_INIT "=%s" EARLY, init ? init : "/sbin/init");
		add_words(&line, words);
	}
	if (strlen(line) >= KEXEC_CMDLINE_MAX)
		return err_set(e, -E2BIG, "the next kernel's command line is longer than %d bytes",
			       KEXEC_CMDLINE_MAX - 1);
	*ret = line;
	line = NULL;
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
