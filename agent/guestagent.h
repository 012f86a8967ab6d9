/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The agent inside a guest (QEMU's qemu-ga, docs/interop/qemu-ga-ref of QEMU), as far as it
 * sets the guest's wall clock. What it says is the guest's word and is only reported.
 */
#ifndef VMKEEP_GUESTAGENT_H
#define VMKEEP_GUESTAGENT_H

#include "guest.h"

/**
 * guestagent_chardev() - The character device through which a guest agent is talked to.
 * @path:	Where its socket is; caller frees.
 *
 * A virtserialport named org.qemu.guest_agent.0 on a Unix socket that QEMU listens on.
 *
 * Return: The chardev's id, caller frees; NULL when the command line has none.
 */
char *guestagent_chardev(const struct strv *argv, char **path);

/**
 * guestagent_set_time() - Give a guest that has just been resumed the host's wall clock.
 *
 * Only through a port that the guest has open and nobody else uses. Everything is bounded
 * in time; meant for a task of its own.
 *
 * Return: What to report, or NULL when there is no agent's port; caller puts it. Either "set_by" with "off_ms"
 * and "uncertain_ms" (how far it was off afterwards, and how well that is known), or "not_set" with why.
 * Without either the clock was right, as a guest's is that can see the host's.
 */
json *guestagent_set_time(struct guest *g);

/** guestagent_keep_time() - The same, logged; what came of it is x.clock. */
void guestagent_keep_time(struct guest *g);

/** guestagent_talk() - The conversation alone, on a connected non-blocking socket. As guestagent_set_time(). */
json *guestagent_talk(int fd);

#endif
