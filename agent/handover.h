/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The handover record: what the old agent tells the new one. The format is
 * described in docs/handover.md; this file owns it.
 *
 * A record is a memfd. It is written and preserved while the guests run; in the
 * blackout only its late block is filled in, in place, which preserved memory
 * allows. Everything read from one is untrusted: the agent that wrote it may have
 * been older, newer or broken.
 */
#ifndef VMKEEP_HANDOVER_H
#define VMKEEP_HANDOVER_H

#include "jsonio.h"

/* Names and tokens of what is preserved. */
#define HANDOVER_INDEX_SESSION "vmkeep"
#define HANDOVER_GUEST_SESSION "vmkeep:%s" /* the guest's uuid */
#define HANDOVER_TOKEN_RECORD 0
#define HANDOVER_TOKEN_STATE 1
#define HANDOVER_TOKEN_RAM 2 /* and up, one a block */

#define HANDOVER_VERSION 1
#define HANDOVER_OLDEST_READER 1
#define HANDOVER_PAYLOAD_MAX (1024 * 1024)

/**
 * struct handover_late - What only the blackout knows.
 * @complete:	1 when the writer got to the end; anything else: do not use.
 * @running:	Whether the guest ran before it was stopped, and is to run again.
 * @state_bytes: Length of the device state.
 * @state_crc:	handover_checksum() of it.
 * @tsc_stop:	Time-stamp counter when the guest was told to stop,
 * @tsc_stopped: had stopped,
 * @tsc_saved:	had its device state saved,
 * @tsc_preserved: had it preserved.
 * @tsc_jump:	Index only: right before reboot(2).
 * @tsc_hz:	Index only: the counter's rate as the old kernel saw it.
 * @realtime_ns: Index only: CLOCK_REALTIME at @tsc_jump.
 */
struct handover_late {
	uint64_t complete;
	uint64_t running;
	uint64_t state_bytes;
	uint64_t state_crc;
	uint64_t tsc_stop;
	uint64_t tsc_stopped;
	uint64_t tsc_saved;
	uint64_t tsc_preserved;
	uint64_t tsc_jump;
	uint64_t tsc_hz;
	int64_t realtime_ns;
};

/**
 * handover_create_session() - Make a session of the next update.
 *
 * Closing it un-preserves all that is in it. Return: The session or -errno with the reason in @e.
 */
int handover_create_session(const char *name, struct err *e);

/**
 * handover_create() - Make a record.
 * @name:	The memfd's name.
 * @payload:	What is known before the blackout.
 *
 * Return: The memfd or -errno, -EMSGSIZE for a payload over HANDOVER_PAYLOAD_MAX.
 */
int handover_create(const char *name, json *payload);

/** handover_write_late() - Fill in the late block. Return: 0 or -errno. */
int handover_write_late(int fd, const struct handover_late *late);

/**
 * handover_checksum() - CRC-32 (zlib's) of the first bytes of a file.
 * @fd:		The file.
 * @bytes:	How many.
 *
 * Return: 0 or -errno, -EBADMSG when there are fewer.
 */
int handover_checksum(int fd, uint64_t bytes, uint64_t *ret);

/**
 * handover_mark_run() - Write into a record that came over whether a vCPU may have run since.
 *
 * From then on memory is ahead of the saved device state, which must never be loaded
 * again, by this agent or another. Return: 0 or -errno.
 */
int handover_mark_run(int fd, bool run);

/** handover_has_run() - Whether a vCPU may have run; also true when the record cannot be read. */
bool handover_has_run(int fd);

/**
 * handover_read() - Read and check a record.
 * @ret_payload: The payload; caller puts it.
 * @late:	The late block.
 *
 * Return: 0 or -errno with what is wrong in @e: -EPROTONOSUPPORT for a record
 * that only a newer vmkeep reads, -EBADMSG for a damaged or unfinished one.
 */
int handover_read(int fd, json **ret_payload, struct handover_late *late, struct err *e);

#endif
