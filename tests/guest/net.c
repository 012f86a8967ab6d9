// SPDX-License-Identifier: GPL-2.0-or-later
/* Its network: eth0 gets an address, and what comes in on TCP port 7 goes back (RFC 862). */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guest.h"

#define ECHO_PORT 7
#define CONNECTIONS 16

/* What came in and has not gone out yet; nothing more is read meanwhile. */
struct connection {
	char data[16384];
	size_t len;
};

static struct pollfd polled[1 + CONNECTIONS];
static struct connection connections[1 + CONNECTIONS];

static void set_address(int fd, unsigned long request, struct in_addr a)
{
	struct ifreq ifr = { .ifr_name = "eth0" };
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_addr = a };

	memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
	if (ioctl(fd, request, &ifr))
		die("eth0");
}

static void set_up(const char *address)
{
	struct ifreq ifr = { .ifr_name = "eth0" };
	char text[32];
	struct in_addr a, mask;
	const char *slash = strchr(address, '/');
	int fd = socket(AF_INET, SOCK_DGRAM, 0), bits = slash ? atoi(slash + 1) : 24;

	snprintf(text, sizeof(text), "%.*s", (int)strcspn(address, "/"), address);
	if (fd < 0 || !inet_aton(text, &a) || bits < 1 || bits > 31)
		die(address);
	mask.s_addr = htonl(~0U << (32 - bits));
	set_address(fd, SIOCSIFADDR, a);
	set_address(fd, SIOCSIFNETMASK, mask);
	if (ioctl(fd, SIOCGIFFLAGS, &ifr))
		die("eth0");
	ifr.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &ifr))
		die("eth0");
	close(fd);
}

static int open_echo(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET, .sin_port = htons(ECHO_PORT) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), one = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&any, sizeof(any)) || listen(fd, CONNECTIONS))
		die("echo");
	return fd;
}

static void take(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK), one = 1;

	for (int i = 1; fd >= 0 && i <= CONNECTIONS; i++) {
		if (polled[i].fd >= 0)
			continue;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		polled[i] = (struct pollfd){ .fd = fd, .events = POLLIN };
		connections[i].len = 0;
		return;
	}
	if (fd >= 0)
		close(fd);
}

static bool would_block(ssize_t n)
{
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Return: whether the connection goes on. */
static bool serve(struct connection *c, int fd)
{
	ssize_t n;

	if (!c->len) {
		n = read(fd, c->data, sizeof(c->data));
		if (n <= 0)
			return would_block(n);
		c->len = (size_t)n;
	}
	n = write(fd, c->data, c->len);
	if (n < 0)
		return would_block(n);
	c->len -= (size_t)n;
	memmove(c->data, c->data + n, c->len);
	return true;
}

void *net_thread(void *unused)
{
	(void)unused;
	set_up(config.net);
	for (int i = 1; i <= CONNECTIONS; i++)
		polled[i].fd = -1;
	polled[0] = (struct pollfd){ .fd = open_echo(), .events = POLLIN };
	for (;;) {
		if (poll(polled, 1 + CONNECTIONS, -1) < 0 && errno != EINTR)
			die("poll");
		if (polled[0].revents)
			take(polled[0].fd);
		for (int i = 1; i <= CONNECTIONS; i++) {
			if (polled[i].fd < 0 || !polled[i].revents)
				continue;
			if (serve(&connections[i], polled[i].fd)) {
				polled[i].events = connections[i].len ? POLLOUT : POLLIN;
				continue;
			}
			close(polled[i].fd);
			polled[i].fd = -1;
		}
	}
}
