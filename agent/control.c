// SPDX-License-Identifier: GPL-2.0-or-later

#include "control.h"

#include <grp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "log.h"
#include "loop.h"
#include "unixsock.h"

#define NO_GROUP (~(gid_t)0)

/* What cannot be accepted now (no fd, no memory) is not asked for again at once. */
#define ACCEPT_RETRY_MS 100

struct control_client {
	struct jsonio io;
	int fd;
	bool may_change;
};

static struct {
	struct control c;
	int sock;
	gid_t group;
	unsigned int clients; /* that may change things */
	unsigned int readers; /* that may not */
} ctl;

bool control_may_change(const struct control_client *c)
{
	return c->may_change;
}

void control_progress(struct control_client *c, const char *text)
{
	_cleanup_json_ json *msg = json_object_new_object();

	json_set_str(msg, "progress", text);
	/*
	 * Sent without waiting: nobody who reads slowly may hold up an update, least
	 * of all in the blackout. What does not fit into the socket is not shown.
	 */
	jsonio_write(c->fd, msg, -1, 0);
}

json *control_error(const char *text, enum exit_status status)
{
	json *reply = json_object_new_object();

	json_set_str(reply, "error", text);
	json_set_int(reply, "status", status);
	return reply;
}

static void serve_client(void *arg)
{
	struct control_client *c = arg;
	_cleanup_json_ json *request = NULL, *reply = NULL;
	int r = jsonio_read(&c->io, ctl.c.patience_ms, &request);

	if (r == 1)
		reply = ctl.c.answer(c, request);
	else if (r == -EMSGSIZE)
		reply = control_error("the request is too long", EXIT_BAD_USAGE);
	else if (r == -EBADMSG)
		reply = control_error("the request is not a line with a JSON object",
				      EXIT_BAD_USAGE);
	jsonio_free(&c->io);
	if (reply)
		jsonio_write(c->fd, reply, -1, ctl.c.patience_ms);
	*(c->may_change ? &ctl.clients : &ctl.readers) -= 1;
	fd_close(&c->fd);
	free(c);
}

void control_serve(int fd, bool may_change)
{
	struct control_client *c = xmalloc0(sizeof(*c));

	c->fd = c->io.fd = fd;
	c->io.max = may_change ? CONTROL_LINE_MAX : CONTROL_READER_LINE_MAX;
	c->may_change = may_change;
	*(may_change ? &ctl.clients : &ctl.readers) += 1;
	task_start(serve_client, c);
}

/* Of the peer at the time it connected, as its uid is. */
static bool in_group(int fd, const struct ucred *peer, gid_t group)
{
	_cleanup_free_ gid_t *groups = NULL;
	socklen_t len = 0;

	if (group == NO_GROUP)
		return false;
	if (peer->gid == group)
		return true;
	/* The kernel says how many there are (at most NGROUPS_MAX) when there is no room for them. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 || errno != ERANGE)
		return false;
	groups = xmalloc0(len);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups, &len) < 0)
		return false;
	for (size_t i = 0; i < len / sizeof(*groups); i++)
		if (groups[i] == group)
			return true;
	return false;
}

/* A new socket has room for one line: nobody is waited for. */
static void turn_away(int fd, const char *text, enum exit_status status)
{
	_cleanup_json_ json *reply = control_error(text, status);

	jsonio_write(fd, reply, -1, 0);
}

static void welcome(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);
	bool may_change;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0) {
		fd_close(&fd);
		return;
	}
	may_change = peer.uid == 0 || peer.uid == geteuid() || in_group(fd, &peer, ctl.group);
	if (!may_change && !ctl.c.allow_read)
		turn_away(fd, "only root and the members of group " CONTROL_GROUP " may do this",
			  EXIT_NO_AGENT);
	else if (may_change ? ctl.clients >= CONTROL_CLIENTS_MAX
			    : ctl.readers >= CONTROL_READERS_MAX)
		turn_away(fd, "vmkeepd has too many clients: try again", EXIT_FAILED);
	else
		control_serve(take_fd(&fd), may_change);
	fd_close(&fd);
}

static void serve(void *arg)
{
	(void)arg;
	for (;;) {
		int r = task_poll(ctl.sock, POLLIN, -1), fd = -EBADF;

		if (r > 0)
			fd = accept4(ctl.sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			welcome(fd);
		else if (r < 0 || (errno != EAGAIN && errno != ECONNABORTED))
			task_sleep(ACCEPT_RETRY_MS);
	}
}

/* Those who may connect must get as far as the socket; what else is in there is the agent's own. */
static int open_dir(const char *dir)
{
	struct stat st;
	mode_t mode;

	if (stat(dir, &st) < 0)
		return -errno;
	if ((st.st_mode & S_IXOTH) || (!ctl.c.allow_read && ctl.group == NO_GROUP))
		return 0;
	mode = (st.st_mode & 07700) | S_IXGRP | (ctl.c.allow_read ? S_IXOTH : 0);
	if (ctl.group != NO_GROUP && chown(dir, (uid_t)-1, ctl.group) < 0)
		return -errno;
	return chmod(dir, mode) < 0 ? -errno : 0;
}

static int open_socket(const char *path)
{
	if (ctl.group != NO_GROUP && chown(path, (uid_t)-1, ctl.group) < 0)
		return -errno;
	if (ctl.c.allow_read)
		return chmod(path, 0666) < 0 ? -errno : 0;
	if (ctl.group != NO_GROUP)
		return chmod(path, 0660) < 0 ? -errno : 0;
	return 0;
}

int control_start(const struct control *c, struct err *e)
{
	_cleanup_free_ char *path = xasprintf("%s/" CONTROL_SOCKET, c->dir);
	/* Once: asking for a name may take long, and a name server must not hold the agent up. */
	const struct group *group = getgrnam(c->group);
	_cleanup_close_ int sock = -EBADF;
	int r;

	ctl.c = *c;
	ctl.group = group ? group->gr_gid : NO_GROUP;
	/* For nobody but us, until it has its group. */
	sock = unixsock_listen(path, 0600);
	r = sock < 0 ? sock : open_socket(path);
	if (!r)
		r = open_dir(c->dir);
	if (r < 0)
		return err_set(e, r, "control socket %s: %s", path, strerror(-r));
	ctl.sock = take_fd(&sock);
	log_debug("control socket: root%s%s%s", group ? " and group " : "", group ? c->group : "",
		  c->allow_read ? ", others may read" : "");
	task_start(serve, NULL);
	return 0;
}
