/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listening Unix sockets, unix(7). */
#ifndef VMKEEP_UNIXSOCK_H
#define VMKEEP_UNIXSOCK_H

#include <sys/types.h>

/**
 * unixsock_listen() - Bind and listen at a path, replacing a socket that lies there.
 * @path:	Refused with -ENAMETOOLONG when it does not fit a socket address.
 * @mode:	The socket file's permissions.
 *
 * Return: A non-blocking fd with close-on-exec set or -errno.
 */
int unixsock_listen(const char *path, mode_t mode);

/** unixsock_connect() - Connect, blocking. Return: A blocking fd or -errno. */
int unixsock_connect(const char *path);

/** unixsock_connect_now() - Connect without waiting. Return: A non-blocking fd, or -errno: -EAGAIN when there is a queue. */
int unixsock_connect_now(const char *path);

#endif
