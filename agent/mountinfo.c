// SPDX-License-Identifier: GPL-2.0-or-later

#include "mountinfo.h"

void mountinfo_unescape(char *s)
{
	char *to = s;

	while (*s) {
		if (s[0] == '\\' && s[1] && s[2] && s[3]) {
			*to++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0'));
			s += 4;
		} else {
			*to++ = *s++;
		}
	}
	*to = '\0';
}

char *mountinfo_field(const char *line, int nr)
{
	char *ret;

	for (; nr && line; nr--) {
		line = strchr(line, ' ');
		line += line != NULL;
	}
	ret = strndup(line ? line : "", line ? strcspn(line, " \n") : 0);
	mountinfo_unescape(ret);
	return ret;
}
