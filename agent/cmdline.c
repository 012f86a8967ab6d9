// SPDX-License-Identifier: GPL-2.0-or-later

#include "cmdline.h"

#include <stdio.h>

#include "kexec.h"

#define TSC_KHZ "tsc_early_khz="
#define OWN_INIT "init=" VMKEEP_INIT
/* The last of ro and rw counts. The kernel passes over names with a dot that it has no module for. */
#define WRITABLE "rw"
#define MARK "vmkeep.early=1"

static bool has_word(const char *line, const char *prefix)
{
	for (const char *p = line; *p; p += strcspn(p, " "), p += strspn(p, " "))
		if (begins(p, prefix))
			return true;
	return false;
}

static void add_words(char **line, const char *words)
{
	char *old = *line;

	*line = xasprintf("%s%s%s", old, *old && *words ? " " : "", words);
	free(old);
}

/* Take @line apart. */
static void split(char *line, struct strv *words)
{
	for (char *word; (word = strsep(&line, " "));)
		if (*word)
			strv_add(words, word);
}

/* What --early has put there, and with @all, what every update has. Caller frees. */
static char *without_own(const char *line, bool all)
{
	_cleanup_free_ char *copy = xstrdup(line);
	_cleanup_strv_ struct strv words = { 0 };
	char *ret = xstrdup("");
	const char *init = NULL;

	split(copy, &words);
	for (size_t i = 0; i < words.n; i++) {
		const char *word = words.v[i], *next = i + 1 < words.n ? words.v[i + 1] : "";

		if (begins(word, CMDLINE_REAL_INIT "=")) {
			init = word + strlen(CMDLINE_REAL_INIT) - strlen("init");
		} else if (strcmp(word, OWN_INIT) == 0) {
			if (init)
				add_words(&ret, init);
			init = NULL;
		} else if (strcmp(word, WRITABLE) == 0 && strcmp(next, MARK) == 0) {
			i++;
		} else if (strcmp(word, MARK) != 0 && !(all && begins(word, TSC_KHZ))) {
			add_words(&ret, word);
		}
	}
	return ret;
}

char *cmdline_strip(const char *line)
{
	return without_own(line, true);
}

/*
 * Ours in the place of the last init=, or first of all: what the kernel takes for init's arguments are the words behind
 * that. Only the last one counts, and only what is behind it.
 */
static char *with_own(const char *line)
{
	_cleanup_free_ char *copy = xstrdup(line);
	_cleanup_strv_ struct strv words = { 0 };
	char *ret = xstrdup("");
	size_t last = 0;

	split(copy, &words);
	for (size_t i = 0; i < words.n; i++)
		if (begins(words.v[i], "init="))
			last = i + 1;
	if (!last)
		add_words(&ret, OWN_INIT);
	for (size_t i = 0; i < words.n; i++) {
		_cleanup_free_ char *real = xasprintf(CMDLINE_REAL_INIT "%s " OWN_INIT,
						      words.v[i] + strcspn(words.v[i], "="));

		add_words(&ret, i + 1 == last ? real : words.v[i]);
	}
	add_words(&ret, WRITABLE " " MARK);
	return ret;
}

static void replace(char **line, char *by)
{
	free(*line);
	*line = by;
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
		replace(&line, cmdline_strip(line));
	} else {
		line = xstrdup("");
	}
	add_words(&line, append);
	if (tsc_khz && !has_word(append, TSC_KHZ)) {
		_cleanup_free_ char *word = xasprintf(TSC_KHZ "%u", tsc_khz);

		add_words(&line, word);
	}
	/* All after it is for init, and nothing of it for the kernel. */
	if (early && has_word(line, "-- "))
		return err_set(
			e, -EINVAL,
			"--early: the command line has \"--\", behind which nothing is the kernel's");
	/* Also from a line that somebody has copied. */
	replace(&line, without_own(line, false));
	if (early)
		replace(&line, with_own(line));
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
