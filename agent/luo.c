// SPDX-License-Identifier: GPL-2.0-or-later

#include "luo.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "liveupdate-abi.h"

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
