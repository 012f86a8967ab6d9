// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the agent needs in the host: /sys, /run, and channels to the outside with names in /dev/virtio-ports, as
 * udev gives them elsewhere, which everybody may use. One program, as guests stand still while it runs, and a
 * process for each step keeps an emulated host busy for most of a second.
 */
#include <dirent.h>
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
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
	struct dirent *de;
	DIR *d;

	if (mount("sysfs", "/sys", "sysfs", 0, NULL) < 0 ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=755") < 0)
		err(1, "mount");
	mkdir("/run/lab", 0755);
	mkdir("/dev/virtio-ports", 0755);
	d = opendir(PORTS);
	if (!d)
		err(1, PORTS);
	while ((de = readdir(d)))
		if (de->d_name[0] != '.')
			name_port(de->d_name);
	closedir(d);
	return 0;
}
