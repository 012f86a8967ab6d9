// SPDX-License-Identifier: GPL-2.0-or-later

#include "nettap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <sys/ioctl.h>

#define TUN_DEVICE "/dev/net/tun"

int nettap_create(const char *name, const struct nettap *tap)
{
	_cleanup_close_ int fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC);
	unsigned int flags = IFF_TAP | IFF_TUN_EXCL; /* not one that has come meanwhile */
	struct ifreq ifr = { 0 };

	if (fd < 0)
		return -errno;
	/* The kernel takes a name with a % for a pattern. */
	if (!*name || strlen(name) >= sizeof(ifr.ifr_name) || strchr(name, '%'))
		return -EINVAL;
	memcpy(ifr.ifr_name, name, strlen(name));
	if (tap->multi_queue)
		flags |= IFF_MULTI_QUEUE;
	if (tap->vnet_hdr)
		flags |= IFF_VNET_HDR;
	if (!tap->pi)
		flags |= IFF_NO_PI;
	ifr.ifr_flags = (short)flags;
	/* Persistent last: until then it goes when the fd is closed. */
	if (ioctl(fd, TUNSETIFF, &ifr) < 0 ||
	    (tap->owner >= 0 && ioctl(fd, TUNSETOWNER, (unsigned long)tap->owner) < 0) ||
	    (tap->group >= 0 && ioctl(fd, TUNSETGROUP, (unsigned long)tap->group) < 0) ||
	    ioctl(fd, TUNSETPERSIST, 1UL) < 0)
		return -errno;
	return 0;
}

int nettap_of_fd(pid_t pid, int fd, char name[IFNAMSIZ], int *index)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/fd/%d", pid, fd);
	_cleanup_free_ char *info_path = xasprintf("/proc/%d/fdinfo/%d", pid, fd);
	_cleanup_free_ char *info = NULL;
	char target[64], *at;
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return -ENODEV;
	target[n] = '\0';
	name[0] = '\0';
	*index = 0;
	/* /dev/tap42 is the macvtap with number 42. */
	if (sscanf(target, "/dev/tap%d", index) == 1 && *index > 0)
		return 0;
	if (strcmp(target, TUN_DEVICE) != 0 || read_file(info_path, 4096, &info, NULL) < 0)
		return -ENODEV;
	at = strstr(info, "iff:\t");
	if (!at || sscanf(at, "iff:\t%15s", name) != 1)
		return -ENODEV;
	return 0;
}
