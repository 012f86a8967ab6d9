/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The control socket: what `vmkeep` asks, the agent answers.
 *
 * One JSON object a line. A request is {"command": NAME, "arguments": {…}}; to it
 * come any number of {"progress": TEXT} and then one {"return": VALUE} or
 * {"error": TEXT, "status": EXIT STATUS}. One request a connection.
 *
 * This file knows who asks, and sees to it that nobody who is slow, dead or many holds
 * the agent up: connections, the length of a request and the time it may take are
 * bounded, an answer is only as long in memory as its reader is borne, progress that
 * does not fit into the socket is dropped. What a request means is server.c's.
 */
#ifndef VMKEEP_CONTROL_H
#define VMKEEP_CONTROL_H

#include "jsonio.h"

#define CONTROL_SOCKET "control"
#define CONTROL_GROUP "vmkeep"
#define RUN_DIR "/run/vmkeep"

#define CONTROL_LINE_MAX (1024UL * 1024)
#define CONTROL_CLIENTS_MAX 64
#define CONTROL_PATIENCE_MS 5000

/* Of those who may only read: so few that the others always find a place. */
#define CONTROL_READERS_MAX 16
#define CONTROL_READER_LINE_MAX 4096UL

/* Exit statuses of `vmkeep`, also in an error reply. */
enum exit_status {
	EXIT_OK = 0,
	EXIT_FAILED = 1,  /* refused or failed; what was begun is undone. check: blocked */
	EXIT_UNKNOWN = 2, /* check: could not tell */
	EXIT_NO_AGENT = 3,
	EXIT_KEPT = 4, /* finish: a guest is still kept */
	EXIT_BAD_USAGE = 64,
};

struct control_client;

/**
 * struct control - The socket, and what answers on it.
 * @dir:	Where it is made, as CONTROL_SOCKET; this directory is opened to those who may connect.
 * @group:	Its members may do what root may. When there is none of that name: root alone.
 * @allow_read:	All others may ask too; control_may_change() is false for them.
 * @patience_ms: How long a request, and an answer, may take on its way.
 * @answer:	Makes the reply to a request, in a task of its own; never NULL.
 */
struct control {
	const char *dir;
	const char *group;
	bool allow_read;
	int patience_ms;
	json *(*answer)(struct control_client *c, json *request);
};

/**
 * control_start() - Listen, until the end of the process. Once a process.
 *
 * Return: 0, or -errno with the reason in @e.
 */
int control_start(const struct control *c, struct err *e);

/** control_serve() - Answer one request on @fd, which is taken over. Starts a task. */
void control_serve(int fd, bool may_change);

/** control_may_change() - Whether @c is root's or the group's, and may do more than read. */
bool control_may_change(const struct control_client *c);

/** control_progress() - Tell @c how far it is; drops what does not fit into the socket. */
void control_progress(struct control_client *c, const char *text);

/** control_error() - An error reply. Caller puts it. */
json *control_error(const char *text, enum exit_status status);

#endif
