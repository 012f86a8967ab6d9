// SPDX-License-Identifier: GPL-2.0-or-later

#include "client.h"

#include <stdio.h>
#include <sys/socket.h>

#include "unixsock.h"

static bool progress_shown;

/* On a terminal the line is written over; elsewhere each step is a line of its own. */
static void show_progress(const char *command, const char *text)
{
	if (!isatty(STDERR_FILENO)) {
		fprintf(stderr, "vmkeep: %s: %s\n", command, text);
		return;
	}
	fprintf(stderr, "\r\033[K%s: %s …", command, text);
	progress_shown = true;
}

static void end_progress(void)
{
	if (progress_shown)
		fputs("\r\033[K", stderr);
	progress_shown = false;
}

static enum exit_status no_agent(int r, struct err *e)
{
	if (r == -EACCES)
		err_set(e, 0,
			"only root and the members of group " CONTROL_GROUP
			" may command vmkeepd (" RUN_DIR "/" CONTROL_SOCKET ")");
	else
		err_set(e, 0, "vmkeepd does not run: start it (systemctl start vmkeepd)");
	return EXIT_NO_AGENT;
}

/* An agent that turns us away does so at once, without reading: its words are there all the same. */
static int send_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EPIPE)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		p += n > 0 ? n : 0;
		len -= n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static int send_request(int fd, const char *command, json *args)
{
	_cleanup_json_ json *req = json_object_new_object();
	_cleanup_free_ char *line = NULL;

	json_set_str(req, "command", command);
	json_object_object_add(req, "arguments", args ? args : json_object_new_object());
	line = xasprintf("%s\n", json_object_to_json_string_ext(req, JSON_C_TO_STRING_PLAIN));
	return send_all(fd, line, strlen(line));
}

enum exit_status client_ask(const char *command, json *args, json **ret, struct err *e)
{
	int fd = unixsock_connect(RUN_DIR "/" CONTROL_SOCKET);
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	FILE *in;

	if (fd < 0) {
		json_object_put(args);
		return no_agent(fd, e);
	}
	in = fdopen(fd, "r");
	if (!in || send_request(fd, command, args) < 0) {
		err_set(e, 0, "cannot talk to vmkeepd: %s", strerror(errno));
		return EXIT_NO_AGENT;
	}
	while (getline(&line, &cap, in) > 0) {
		_cleanup_json_ json *msg = json_tokener_parse(line);
		const char *progress = json_str(msg, "progress"), *error = json_str(msg, "error");
		json *value = NULL;

		if (progress) {
			show_progress(command, progress);
			continue;
		}
		end_progress();
		fclose(in);
		if (error) {
			err_set(e, 0, "%s", error);
			return (enum exit_status)json_int(msg, "status", EXIT_FAILED);
		}
		if (json_object_object_get_ex(msg, "return", &value))
			*ret = json_object_get(value);
		return EXIT_OK;
	}
	end_progress();
	fclose(in);
	err_set(e, 0, "vmkeepd ended before it answered");
	return EXIT_NO_AGENT;
}

enum exit_status client_request(const char *command, json *args, json **ret)
{
	struct err e;
	enum exit_status st = client_ask(command, args, ret, &e);

	if (st != EXIT_OK)
		fprintf(stderr, "vmkeep: %s\n", e.text);
	return st;
}
