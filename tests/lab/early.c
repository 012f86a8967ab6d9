// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * early: what the host is to have before the agent: mounts, and channels to the outside with names in /dev/virtio-ports, as
 * udev gives them elsewhere, which everybody may use. One program, as guests stand still while it runs, and a
 * process for each step keeps an emulated host busy for most of a second.
 * early FILE SECONDS: wait until the file is there, no longer than that.
 */
#include <dirent.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
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

static const struct where {
	const char *on, *type, *options;
} mounts[] = {
	{ "/sys", "sysfs", NULL },
	{ "/sys/kernel/debug", "debugfs", NULL },
	{ "/sys/fs/cgroup", "cgroup2", NULL },
	{ "/run", "tmpfs", "mode=755" },
	{ "/tmp", "tmpfs", NULL },
	{ "/dev/pts", "devpts", NULL },
	{ "/dev/shm", "tmpfs", NULL },
	{ "/out", "9p", "trans=virtio,version=9p2000.L,msize=131072" },
};

/* vmkeep-init(8) may have been here. */
static int is_mount(const char *path)
{
	char parent[100];
	struct stat st, up;

	snprintf(parent, sizeof(parent), "%s/..", path);
	return stat(path, &st) == 0 && stat(parent, &up) == 0 && st.st_dev != up.st_dev;
}

static void mount_one(const struct where *w)
{
	mkdir(w->on, 0755);
	if (is_mount(w->on))
		return;
	if (mount(w->type[0] == '9' ? "out" : w->type, w->on, w->type, 0, w->options) < 0)
		err(1, "%s", w->on);
}

/* Looks every 20 ms, without a process for each look. */
static int wait_for(const char *path, int seconds)
{
	for (int i = 0; i < seconds * 50; i++) {
		if (access(path, F_OK) == 0)
			return 0;
		usleep(20 * 1000);
	}
	return 1;
}

int main(int argc, char **argv)
{
	struct dirent *de;
	DIR *d;

	if (argc == 3)
		return wait_for(argv[1], atoi(argv[2]));

	for (size_t i = 0; i < sizeof(mounts) / sizeof(*mounts); i++)
		mount_one(&mounts[i]);
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
