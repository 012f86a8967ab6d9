/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file descriptor on its way to a QEMU must not meet a hang-up there: QEMU's monitor thread closes what came
 * with the last message when the client is gone, while its main thread takes it, and neither locks the other out
 * (tcp_chr_free_connection() and tcp_get_msgfds() in QEMU's chardev/char-socket.c): QEMU crashes, and its
 * guest with it. An agent may be killed at any moment. So a second process keeps our end of the socket open until
 * QEMU has answered, whoever is left to read it.
 */
#ifndef VMKEEP_KEEPOPEN_H
#define VMKEEP_KEEPOPEN_H

#include "util.h"

/** struct keepopen - Who keeps a socket open, until which message is answered. Zero is nobody. */
struct keepopen {
	pid_t pid;
	int done;
	int64_t id;
};

/**
 * keepopen_start() - Have @sock kept open past the end of this process.
 * @id:		Of the message that is about to be sent. If this process ends first, the other one reads from
 *		@sock until a line has come that answers it (docs/interop/qmp-spec.rst of QEMU), for ten seconds at most.
 *
 * Forks; safe beside threads. The other process holds nothing else of ours.
 *
 * Return: 0 and what to give keepopen_end(), or -errno.
 */
int keepopen_start(int sock, int64_t id, struct keepopen *ret);

/** keepopen_end() - It was answered, or the socket is closed anyway: no longer needed. */
void keepopen_end(struct keepopen *k);

#endif
