// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Gives the channels to the outside their names in /dev/virtio-ports, as udev does elsewhere, and everybody the
 * right to use them. One program, as guests stand still while it runs, and a process for each of two dozen would
 * keep an emulated host busy for most of a second.
 */
#include <dirent.h>
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PORTS "/sys/class/virtio-ports"

static void name_port(const char *port)
{
	char path[600], name[100], link[200], target[300];
	FILE *f;

	snprintf(path, sizeof(path), PORTS "/%s/name", port);
	f = fopen(path, "r");
	if (!f || !fgets(name, sizeof(name), f))
		errx(1, "%s: a port without a name", port);
	fclose(f);
	name[strcspn(name, "\n")] = '\0';
	snprintf(link, sizeof(link), "/dev/virtio-ports/%s", name);
	snprintf(target, sizeof(target), "../%s", port);
	if (symlink(target, link) < 0)
		err(1, "%s", link);
	snprintf(path, sizeof(path), "/dev/%s", port);
	if (chmod(path, 0666) < 0)
		err(1, "%s", path);
}

int main(void)
{
	DIR *d = opendir(PORTS);
	struct dirent *de;

	if (!d)
		err(1, PORTS);
	mkdir("/dev/virtio-ports", 0755);
	while ((de = readdir(d)))
		if (de->d_name[0] != '.')
			name_port(de->d_name);
	closedir(d);
	return 0;
}
