// SPDX-License-Identifier: GPL-2.0-or-later

#include "unixsock.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "util.h"

static int address(const char *path, struct sockaddr_un *sa)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(sa->sun_path))
		return -ENAMETOOLONG;
	memcpy(sa->sun_path, path, strlen(path));
	return 0;
}

int unixsock_listen(const char *path, mode_t mode)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un sa;
	int r = address(path, &sa);

	if (r < 0)
		return r;
	if (fd < 0)
		return -errno;
	unlink(path);
	/* The mode before anybody can connect: on the unbound socket, which bind() gives to the file. */
	if (fchmod(fd, mode) < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    listen(fd, 16) < 0)
		return -errno;
	return take_fd(&fd);
}

static int connect_to(const char *path, int flags)
{
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	struct sockaddr_un sa;
	int r = address(path, &sa);

	if (r < 0)
		return r;
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		return -errno;
	return take_fd(&fd);
}

int unixsock_connect(const char *path)
{
	return connect_to(path, 0);
}

int unixsock_connect_now(const char *path)
{
	return connect_to(path, SOCK_NONBLOCK);
}
