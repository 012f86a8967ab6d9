// SPDX-License-Identifier: GPL-2.0-or-later

#include "tapshare.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guestargs.h"
#include "nettap.h"
#include "optargs.h"

/* How QEMU opens one, which is of no use to a QEMU that gets it open (net_init_tap()). */
static const char *const opening[] = { "ifname", "script",   "downscript", "helper",
				       "br",	 "vnet_hdr", "queues" };

static int by_fd(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* Its open files in the order in which they were opened: queue by queue. */
static size_t list_fds(pid_t pid, int *fds, size_t max)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/fd", pid);
	DIR *dir = opendir(path);
	struct dirent *de;
	size_t n = 0;

	while (dir && n < max && (de = readdir(dir))) {
		char name[IFNAMSIZ];
		int fd = atoi(de->d_name), index;

		if (de->d_name[0] != '.' && nettap_of_fd(pid, fd, name, &index) == 0 && *name)
			fds[n++] = fd;
	}
	if (dir)
		closedir(dir);
	qsort(fds, n, sizeof(*fds), by_fd);
	return n;
}

/* proc_pid_fdinfo(5): flags as of open(2), in octal. */
static bool stays_open(pid_t pid, int fd)
{
	_cleanup_free_ char *path = xasprintf("/proc/%d/fdinfo/%d", pid, fd), *text = NULL;
	const char *flags;

	if (read_file(path, 4096, &text, NULL) < 0)
		return false;
	flags = strstr(text, "flags:");
	return flags && !(strtoul(flags + strlen("flags:"), NULL, 8) & O_CLOEXEC);
}

static bool is_persistent(int fd)
{
	struct ifreq ifr = { 0 };

	return ioctl(fd, TUNGETIFF, &ifr) == 0 && (unsigned short)ifr.ifr_flags & IFF_PERSIST;
}

int tapshare_take(pid_t pid, int pidfd, struct tap_share *ret, struct err *e)
{
	int fds[TAP_SHARE_MAX + 1];
	size_t n = list_fds(pid, fds, ARRAY_SIZE(fds));

	ret->n = 0;
	if (n > TAP_SHARE_MAX)
		return err_set(e, -E2BIG, "it has more than %d queues of taps", TAP_SHARE_MAX);
	for (size_t i = 0; i < n; i++) {
		int index;

		ret->v[i].fd = (int)syscall(SYS_pidfd_getfd, pidfd, fds[i], 0);
		if (ret->v[i].fd < 0) {
			int r = err_set(e, -errno, "its tap (file %d of process %d): %s", fds[i],
					pid, strerror(errno));

			tapshare_release(ret);
			return r;
		}
		ret->v[i].as = fds[i];
		ret->n++;
		if (nettap_of_fd(pid, fds[i], ret->v[i].name, &index) < 0 ||
		    ioctl(ret->v[i].fd, TUNGETVNETHDRSZ, &ret->v[i].header) < 0)
			ret->v[i].header = -1;
	}
	return 0;
}

void tapshare_release(struct tap_share *taps)
{
	for (size_t i = 0; i < taps->n; i++)
		fd_close(&taps->v[i].fd);
	taps->n = 0;
}

void tapshare_reset(const struct tap_share *taps)
{
	for (size_t i = 0; i < taps->n; i++)
		if (taps->v[i].header > 0)
			(void)ioctl(taps->v[i].fd, TUNSETVNETHDRSZ, &taps->v[i].header);
}

void tapshare_number(struct tap_share *taps, int first)
{
	for (size_t i = 0; i < taps->n; i++)
		taps->v[i].as = first + (int)i;
}

int tapshare_keep_open(struct tap_share *taps, pid_t pid, struct err *e)
{
	size_t n = 0;

	for (size_t i = 0; i < taps->n; i++) {
		if (stays_open(pid, taps->v[i].as)) {
			taps->v[n++] = taps->v[i];
			continue;
		}
		if (!is_persistent(taps->v[i].fd))
			return err_set(e, -EOPNOTSUPP, "its tap %s goes when QEMU closes it",
				       taps->v[i].name);
		fd_close(&taps->v[i].fd);
	}
	taps->n = n;
	return 0;
}

/* ",fd=32" or ",fds=32:33", or NULL: none of these taps. */
static char *fds_of(const struct tap_share *taps, const char *name)
{
	_cleanup_free_ char *list = NULL;
	size_t n = 0;

	for (size_t i = 0; name && i < taps->n; i++) {
		char *more;

		if (strcmp(taps->v[i].name, name) != 0)
			continue;
		more = n++ ? xasprintf("%s:%d", list, taps->v[i].as)
			   : xasprintf("%d", taps->v[i].as);
		free(list);
		list = more;
	}
	if (!n)
		return NULL;
	return xasprintf(n > 1 ? "fds=%s" : "fd=%s", list);
}

static bool is_opening(const char *word, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(opening); i++)
		if (strlen(opening[i]) == len && strncmp(word, opening[i], len) == 0)
			return true;
	return false;
}

/* @value, "tap,id=n,ifname=t0,…", without what opens the tap. */
static char *without_opening(const char *value)
{
	char *ret = xmalloc0(strlen(value) + 1), *to = ret;

	while (*value) {
		size_t len = 0;

		/* A comma in a value is written twice. */
		while (value[len] && (value[len] != ',' || value[len + 1] == ','))
			len += value[len] == ',' ? 2 : 1;
		if (!is_opening(value, strcspn(value, "=,"))) {
			if (to != ret)
				*to++ = ',';
			memcpy(to, value, len);
			to += len;
		}
		value += len + (value[len] == ',');
	}
	return ret;
}

static char *other_value(const struct tap_share *taps, const char *value)
{
	_cleanup_json_ json *j = optargs_parse(value, "type");
	const char *type = json_str(j, "type");
	_cleanup_free_ char *fds = NULL, *rest = NULL;

	if (!type || strcmp(type, "tap") != 0)
		return NULL;
	fds = fds_of(taps, json_str(j, "ifname"));
	if (!fds)
		return NULL;
	if (*value != '{') {
		rest = without_opening(value);
		return xasprintf("%s,%s", rest, fds);
	}
	/* Anew: a switch must stay one. */
	json_object_put(j);
	j = json_tokener_parse(value);
	for (size_t i = 0; i < ARRAY_SIZE(opening); i++)
		json_object_object_del(j, opening[i]);
	fds[strcspn(fds, "=")] = '\0';
	json_set_str(j, fds, fds + strlen(fds) + 1);
	return xstrdup(json_object_to_json_string(j));
}

void tapshare_args(const struct tap_share *taps, struct strv *argv)
{
	const char *name, *value;
	size_t at = 1;

	while (guestargs_next(argv, &at, &name, &value)) {
		char *other;

		if (!value || (strcmp(name, "netdev") != 0 && strcmp(name, "nic") != 0 &&
			       strcmp(name, "net") != 0))
			continue;
		other = other_value(taps, value);
		if (!other)
			continue;
		free(argv->v[at - 1]);
		argv->v[at - 1] = other;
	}
}
