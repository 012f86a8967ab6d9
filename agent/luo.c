// SPDX-License-Identifier: GPL-2.0-or-later

#include "luo.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "liveupdate-abi.h"

/* luo_session_getfile() in kernel/liveupdate/luo_session.c, 7.2 and 7.3 */
#define SESSION_LINK "anon_inode:[luo_session] "

int luo_open(void)
{
	int fd = open(LUO_DEVICE, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int session_ioctl(int dev, unsigned long cmd, const char *name)
{
	struct vk_luo_session arg = { .size = sizeof(arg), .fd = -1 };

	if (strlen(name) >= sizeof(arg.name))
		return -ENAMETOOLONG;
	memcpy(arg.name, name, strlen(name));
	return ioctl(dev, cmd, &arg) < 0 ? -errno : arg.fd;
}

int luo_session_create(int dev, const char *name)
{
	return session_ioctl(dev, VK_LUO_CREATE_SESSION, name);
}

int luo_session_retrieve(int dev, const char *name)
{
	return session_ioctl(dev, VK_LUO_RETRIEVE_SESSION, name);
}

int luo_take(const char *name)
{
	int dev = luo_open(), session;

	if (dev < 0)
		return dev;
	session = luo_session_retrieve(dev, name);
	close(dev);
	return session;
}

int luo_preserve(int session, int fd, uint64_t token)
{
	struct vk_luo_fd arg = { .size = sizeof(arg), .fd = fd, .token = token };

	return ioctl(session, VK_LUO_PRESERVE_FD, &arg) < 0 ? -errno : 0;
}

int luo_retrieve(int session, uint64_t token)
{
	struct vk_luo_fd arg = { .size = sizeof(arg), .fd = -1, .token = token };

	return ioctl(session, VK_LUO_RETRIEVE_FD, &arg) < 0 ? -errno : arg.fd;
}

int luo_finish(int session)
{
	struct vk_luo_finish arg = { .size = sizeof(arg) };

	return ioctl(session, VK_LUO_FINISH, &arg) < 0 ? -errno : 0;
}

static size_t list_held_by(const char *pid, struct luo_held *ret, size_t max, size_t n)
{
	char dir[64], link[256];
	struct dirent *de;
	DIR *d;

	snprintf(dir, sizeof(dir), "/proc/%.20s/fd", pid);
	d = opendir(dir);
	while (d && (de = readdir(d))) {
		ssize_t len = readlinkat(dirfd(d), de->d_name, link, sizeof(link) - 1);

		if (len < 0)
			continue;
		link[len] = '\0';
		if (strncmp(link, SESSION_LINK, strlen(SESSION_LINK)) != 0)
			continue;
		if (n < max) {
			ret[n].pid = (pid_t)strtol(pid, NULL, 10);
			snprintf(ret[n].name, sizeof(ret[n].name), "%.63s",
				 link + strlen(SESSION_LINK));
		}
		n++;
	}
	if (d)
		closedir(d);
	return n;
}

size_t luo_list_held(struct luo_held *ret, size_t max)
{
	DIR *d = opendir("/proc");
	struct dirent *de;
	size_t n = 0;

	while (d && (de = readdir(d)))
		if (isdigit((unsigned char)de->d_name[0]))
			n = list_held_by(de->d_name, ret, max, n);
	if (d)
		closedir(d);
	return n < max ? n : max;
}
