// SPDX-License-Identifier: GPL-2.0-or-later

#include "tapshare.h"

#include <dirent.h>
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

/* ",fd=32" or ",fds=32:33", or NULL: none of these taps. */
static char *fds_of(const struct tap_share *taps, int first, const char *name)
{
	_cleanup_free_ char *list = NULL;
	size_t n = 0;

	for (size_t i = 0; name && i < taps->n; i++) {
		char *more;

		if (strcmp(taps->v[i].name, name) != 0)
			continue;
		more = n++ ? xasprintf("%s:%d", list, first + (int)i)
			   : xasprintf("%d", first + (int)i);
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

static char *other_value(const struct tap_share *taps, int first, const char *value)
{
	_cleanup_json_ json *j = optargs_parse(value, "type");
	const char *type = json_str(j, "type");
	_cleanup_free_ char *fds = NULL, *rest = NULL;

	if (!type || strcmp(type, "tap") != 0)
		return NULL;
	fds = fds_of(taps, first, json_str(j, "ifname"));
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

void tapshare_args(const struct tap_share *taps, int first, struct strv *argv)
{
	const char *name, *value;
	size_t at = 1;

	while (guestargs_next(argv, &at, &name, &value)) {
		char *other;

		if (!value || (strcmp(name, "netdev") != 0 && strcmp(name, "nic") != 0 &&
			       strcmp(name, "net") != 0))
			continue;
		other = other_value(taps, first, value);
		if (!other)
			continue;
		free(argv->v[at - 1]);
		argv->v[at - 1] = other;
	}
}
