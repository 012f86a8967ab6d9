// SPDX-License-Identifier: GPL-2.0-or-later

#include "cmdline.h"

#include <stdio.h>

#include "kexec.h"

int cmdline_build(bool reuse, const char *append, char **ret, struct err *e)
{
	_cleanup_free_ char *running = NULL;
	char *line;
	int r;

	if (reuse) {
		r = read_file("/proc/cmdline", KEXEC_CMDLINE_MAX, &running, NULL);
		if (r < 0)
			return err_set(e, r, "/proc/cmdline: %s", strerror(-r));
		running[strcspn(running, "\n")] = '\0';
	}
	line = xasprintf("%s%s%s", running ? running : "", running && append ? " " : "", append ? append : "");
	if (strlen(line) >= KEXEC_CMDLINE_MAX) {
		free(line);
		return err_set(e, -E2BIG, "the next kernel's command line is longer than %d bytes", KEXEC_CMDLINE_MAX - 1);
	}
	*ret = line;
	return 0;
}

int cmdline_switch(const char *cmdline, const char *name)
{
	size_t len = strlen(name);
	int ret = -1;

	for (const char *p = cmdline; *p;) {
		size_t word = strcspn(p, " ");

		if (word > len && strncmp(p, name, len) == 0 && p[len] == '=') {
			const char *v = p + len + 1;

			ret = strchr("yYtT1", *v) != NULL || ((v[0] == 'o' || v[0] == 'O') && (v[1] == 'n' || v[1] == 'N'));
		}
		p += word;
		p += strspn(p, " ");
	}
	return ret;
}
