// SPDX-License-Identifier: GPL-2.0-or-later
/* A QEMU's taps for another one, with real taps in a network namespace of each test's own. */

#include "tapshare.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "jsonio.h"

#include "kselftest_harness.h"

static int open_tap(const char *name, short flags)
{
	struct ifreq ifr = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | flags) };
	int fd = open("/dev/net/tun", O_RDWR), size = 12;

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	if (fd >= 0 && (ioctl(fd, TUNSETIFF, &ifr) < 0 || ioctl(fd, TUNSETVNETHDRSZ, &size) < 0))
		fd_close(&fd);
	return fd;
}

static char *args(const struct tap_share *taps, const char *option, const char *value)
{
	_cleanup_strv_ struct strv argv = { 0 };

	strv_add(&argv, "qemu");
	strv_add(&argv, option);
	strv_add(&argv, value);
	tapshare_args(taps, &argv);
	return xstrdup(argv.v[2]);
}

#define EXPECT_ARGS(taps, option, value, expected)                    \
	do {                                                          \
		_cleanup_free_ char *got = args(taps, option, value); \
		EXPECT_STREQ(got, expected);                          \
	} while (0)

TEST(arguments)
{
	struct tap_share taps = {
		.n = 3, .v = { { .name = "t0" }, { .name = "many" }, { .name = "many" } }
	};

	tapshare_number(&taps, 32);
	EXPECT_ARGS(&taps, "-netdev", "tap,id=n,ifname=t0,script=no,downscript=no,vhost=on",
		    "tap,id=n,vhost=on,fd=32");
	EXPECT_ARGS(&taps, "-netdev", "tap,ifname=many,queues=2,id=n", "tap,id=n,fds=33:34");
	EXPECT_ARGS(&taps, "-nic", "tap,model=virtio,ifname=t0,mac=52:54:00:00:00:01",
		    "tap,model=virtio,mac=52:54:00:00:00:01,fd=32");
	EXPECT_ARGS(&taps, "-netdev", "tap,id=n,,ifname=x,ifname=t0", "tap,id=n,,ifname=x,fd=32");
	/* A switch stays one. */
	EXPECT_ARGS(&taps, "-netdev",
		    "{\"type\":\"tap\",\"id\":\"n\",\"ifname\":\"t0\",\"vhost\":true}",
		    "{ \"type\": \"tap\", \"id\": \"n\", \"vhost\": true, \"fd\": \"32\" }");
	/* Not its. */
	EXPECT_ARGS(&taps, "-netdev", "tap,id=n,ifname=other", "tap,id=n,ifname=other");
	EXPECT_ARGS(&taps, "-netdev", "user,id=t0", "user,id=t0");
	EXPECT_ARGS(&taps, "-append", "tap,ifname=t0", "tap,ifname=t0");
}

TEST(the_same_open_file)
{
	struct tap_share taps = { 0 };
	struct err e = { "" };
	int one, queue[2], pidfd, header = 10;

	if (geteuid() != 0)
		SKIP(return, "needs root");
	ASSERT_EQ(unshare(CLONE_NEWNET), 0);
	one = open_tap("one", 0);
	queue[0] = open_tap("two", IFF_MULTI_QUEUE);
	queue[1] = open_tap("two", IFF_MULTI_QUEUE);
	ASSERT_GE(one, 0);
	ASSERT_GE(queue[1], 0);
	EXPECT_LT(open_tap("one", 0), 0); /* what all this is for */
	pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
	ASSERT_EQ(tapshare_take(getpid(), pidfd, &taps, &e), 0);
	ASSERT_EQ(taps.n, 3);
	EXPECT_STREQ(taps.v[0].name, "one");
	EXPECT_STREQ(taps.v[1].name, "two");
	EXPECT_STREQ(taps.v[2].name, "two");
	/* Another QEMU sets the device up for itself, and fails. */
	ASSERT_EQ(ioctl(taps.v[0].fd, TUNSETVNETHDRSZ, &header), 0);
	tapshare_reset(&taps);
	ASSERT_EQ(ioctl(one, TUNGETVNETHDRSZ, &header), 0);
	EXPECT_EQ(header, 12);
	/* What a QEMU that replaces itself would still have. */
	ASSERT_EQ(tapshare_keep_open(&taps, getpid(), &e), 0);
	EXPECT_EQ(taps.n, 3);
	ASSERT_EQ(fcntl(one, F_SETFD, FD_CLOEXEC), 0);
	EXPECT_EQ(tapshare_keep_open(&taps, getpid(), &e), -EOPNOTSUPP);
	EXPECT_NE(strstr(e.text, "tap one"), NULL);
	ASSERT_EQ(ioctl(one, TUNSETPERSIST, 1UL), 0);
	ASSERT_EQ(tapshare_keep_open(&taps, getpid(), &e), 0);
	ASSERT_EQ(taps.n, 2);
	EXPECT_STREQ(taps.v[0].name, "two");
	EXPECT_EQ(taps.v[0].as, queue[0]);
	tapshare_number(&taps, 32);
	EXPECT_EQ(taps.v[1].as, 33);
	tapshare_release(&taps);
	EXPECT_EQ(taps.n, 0);
	close(one);
	EXPECT_GE(open_tap("one", 0), 0); /* nobody has it any more */
}

TEST_HARNESS_MAIN
