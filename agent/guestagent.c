// SPDX-License-Identifier: GPL-2.0-or-later

#include "guestagent.h"

#include <stdio.h>
#include <sys/socket.h>

#include "clock.h"
#include "guestargs.h"
#include "log.h"
#include "optargs.h"
#include "plugargs.h"
#include "unixsock.h"

#define PORT_NAME "org.qemu.guest_agent.0"
#define LINE_MAX_BYTES 65536UL
/* A guest has much to do when it has stood for a while. */
#define REPLY_TIMEOUT_MS 10000
#define OPEN_TRIES 20
#define OPEN_POLL_MS 500
/* Before the first answer: for an earlier client, or no JSON. */
#define STRAY_LINES 16
/* What is aimed at, and how long: a guest that has just been resumed answers slowly at first. */
#define GOOD_ENOUGH_NS (10 * NSEC_PER_MSEC)
#define SURE_ENOUGH_NS (25 * NSEC_PER_MSEC)
#define AIM_MS 30000
#define PAUSE_MS 500
#define SAMPLES 3
#define SETS_MAX 12
/* Every so many tries, as much more is good enough. */
#define CONTENT_AFTER 3

/* --- where it is --- */

static bool is_on(json *opts, const char *key)
{
	const char *s = json_str(opts, key);

	return s && (strcmp(s, "on") == 0 || strcmp(s, "yes") == 0 || strcmp(s, "true") == 0);
}

char *guestagent_chardev(const struct strv *argv, char **path)
{
	const char *name, *value;

	for (size_t at = 1; guestargs_next(argv, &at, &name, &value);) {
		_cleanup_json_ json *port = NULL, *chardev = NULL;
		const char *id;

		if (!value || strcmp(name, "device") != 0)
			continue;
		port = optargs_parse(value, "driver");
		id = json_str(port, "chardev");
		if (!json_str(port, "name") || strcmp(json_str(port, "name"), PORT_NAME) != 0 ||
		    !id)
			continue;
		chardev = plugargs_find(argv, "chardev", id);
		if (!json_str(chardev, "path") || !json_str(chardev, "backend") ||
		    strcmp(json_str(chardev, "backend"), "socket") != 0 ||
		    !is_on(chardev, "server"))
			continue;
		*path = xstrdup(json_str(chardev, "path"));
		return xstrdup(id);
	}
	return NULL;
}

/* --- the conversation --- */

static json *number(const char *key, int64_t n)
{
	json *j = json_object_new_object();

	json_set_int(j, key, n);
	return j;
}

static int send_command(struct jsonio *io, const char *command, json *args)
{
	_cleanup_json_ json *msg = qmp_args("execute", command, NULL);

	if (args)
		json_object_object_add(msg, "arguments", args);
	return jsonio_write(io->fd, msg, -1, REPLY_TIMEOUT_MS);
}

/*
 * Until our own number comes back, what comes was for somebody else, or is no JSON. Asked for
 * once: a second answer would be taken for that to the next question.
 */
static int synchronize(struct jsonio *io)
{
	int64_t id = clock_realtime_ns() & 0x7fffffff;
	int r = send_command(io, "guest-sync", number("id", id));

	for (int i = 0; !r && i < STRAY_LINES; i++) {
		_cleanup_json_ json *reply = NULL;

		r = jsonio_read(io, REPLY_TIMEOUT_MS, &reply);
		if (r == 1 && json_int(reply, "return", -1) == id)
			return 0;
		if (r == 0)
			return -ECONNRESET;
		if (r == 1 || r == -EBADMSG)
			r = 0;
	}
	return r < 0 ? r : -EBADMSG;
}

/* Return: 0 and what came back in @ret; -EREMOTEIO for an error of the agent's; or -errno. */
static int call(struct jsonio *io, const char *command, json *args, json **ret)
{
	_cleanup_json_ json *reply = NULL;
	json *value = NULL;
	int r = send_command(io, command, args);

	if (!r)
		r = jsonio_read(io, REPLY_TIMEOUT_MS, &reply);
	if (r <= 0)
		return r < 0 ? r : -ECONNRESET;
	if (!json_object_object_get_ex(reply, "return", &value))
		return -EREMOTEIO;
	*ret = json_object_get(value);
	return 0;
}

/* What guest-get-time has told. */
struct reading {
	int64_t off_ns;	      /* how far the guest is ahead, */
	int64_t uncertain_ns; /* give or take half of what the answer took */
};

static int read_once(struct jsonio *io, struct reading *to)
{
	_cleanup_json_ json *ret = NULL;
	int64_t before = clock_realtime_ns(), after;
	int r = call(io, "guest-get-time", NULL, &ret);

	if (r < 0)
		return r;
	after = clock_realtime_ns();
	if (!json_object_is_type(ret, json_type_int))
		return -EBADMSG;
	to->uncertain_ns = (after - before) / 2;
	to->off_ns = json_object_get_int64(ret) - (before + to->uncertain_ns);
	return 0;
}

/* The quickest answer is the surest. */
static int read_clock(struct jsonio *io, struct reading *best)
{
	int r = read_once(io, best);

	for (int i = 1; !r && i < SAMPLES; i++) {
		struct reading another;

		r = read_once(io, &another);
		if (!r && another.uncertain_ns < best->uncertain_ns)
			*best = another;
	}
	return r;
}

static bool is_within(int64_t ns, int64_t bound)
{
	return ns <= bound && ns >= -bound;
}

static void set_ms(json *j, const char *key, int64_t ns)
{
	char text[32];
	double ms = (double)ns / NSEC_PER_MSEC;

	snprintf(text, sizeof(text), "%.3f", ms);
	json_object_object_add(j, key, json_object_new_double_s(ms, text));
}

static json *not_set(const char *why)
{
	return qmp_args("not_set", why, NULL);
}

static int set_clock(struct jsonio *io, int64_t ahead_ns)
{
	_cleanup_json_ json *ret = NULL;

	return call(io, "guest-set-time", number("time", clock_realtime_ns() + ahead_ns), &ret);
}

/* What ways to the guest have taken; sorted. */
struct ways {
	int64_t ns[SETS_MAX + 1];
	size_t n;
};

static void add_way(struct ways *w, int64_t ns)
{
	size_t i = w->n++;

	for (; i && w->ns[i - 1] > ns; i--)
		w->ns[i] = w->ns[i - 1];
	w->ns[i] = ns;
}

/*
 * The time grows old on its way: by half of what an answer takes, as far as can be known at
 * first. What is off afterwards tells how long that way was; the next one takes as long as most, and
 * not as the last. What lies within what is not known is no reason to set the clock again, but to
 * look again. Return: 0 or -errno; how far it got in @now.
 */
static int aim(struct jsonio *io, struct reading *now, int *sets)
{
	int64_t deadline = now_ms() + AIM_MS, way;
	struct ways ways = { 0 };
	int r = read_clock(io, now);

	if (r < 0)
		return r;
	add_way(&ways, now->uncertain_ns);
	for (;;) {
		/* Where ways differ much, a next try may well be worse. */
		int64_t enough = GOOD_ENOUGH_NS * (1 + *sets / CONTENT_AFTER);
		bool good = is_within(now->off_ns, enough) ||
			    is_within(now->off_ns, now->uncertain_ns);
		bool set = !good && *sets < SETS_MAX;

		if (!set && now->uncertain_ns <= SURE_ENOUGH_NS)
			return 0;
		way = ways.ns[(ways.n - 1) / 2];
		if (set) {
			r = set_clock(io, way);
			*sets += !r;
		} else {
			task_sleep(PAUSE_MS);
		}
		if (!r)
			r = read_clock(io, now);
		if (r < 0 || now_ms() > deadline)
			return r;
		if (set)
			add_way(&ways, way - now->off_ns);
	}
}

json *guestagent_talk(int fd)
{
	struct jsonio io = { .fd = fd, .max = LINE_MAX_BYTES };
	struct reading now = { 0 };
	int sets = 0, r = synchronize(&io);
	bool known = false;
	json *j;

	if (!r) {
		r = aim(&io, &now, &sets);
		known = !r;
		/* One that does not tell the time may take it. */
		if (r == -EREMOTEIO && !sets) {
			r = set_clock(&io, 0);
			sets = !r;
		}
	}
	jsonio_free(&io);
	if (!sets && !known)
		return not_set(r == -ETIMEDOUT	 ? "the guest agent does not answer"
			       : r == -EREMOTEIO ? "the guest agent refuses to"
						 : "the guest agent went away");
	j = sets ? qmp_args("set_by", "guest agent", NULL) : json_object_new_object();
	if (known) {
		set_ms(j, "off_ms", now.off_ns);
		set_ms(j, "uncertain_ms", now.uncertain_ns);
	}
	return j;
}

/* --- getting there --- */

/* Return: 1 when the port is open in the guest, and nobody else talks through it; 0; or -errno. */
static int is_free(struct guest *g, const char *id, const char **why)
{
	_cleanup_json_ json *list = NULL;
	int r = qmp_call(g->qmp, "query-chardev", NULL, -1, GUEST_QMP_TIMEOUT_MS, &list, NULL);

	*why = "its QEMU does not answer";
	if (r < 0)
		return r;
	for (size_t i = 0;
	     json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
	     i++) {
		json *c = json_object_array_get_idx(list, i);
		const char *label = json_str(c, "label"), *file = json_str(c, "filename");

		if (!label || strcmp(label, id) != 0)
			continue;
		*why = "no guest agent runs in it";
		if (!json_flag(c, "frontend-open"))
			return 0;
		*why = "somebody else is connected to its guest agent";
		return file && strncmp(file, "disconnected:", 13) == 0;
	}
	*why = "its guest agent's port is not there";
	return -ENOENT;
}

/* Nobody but this guest's QEMU is told anything: its user may have put another socket there. */
static int connect_qemu(struct guest *g, const char *path)
{
	_cleanup_free_ char *whole = *path == '/' ? xstrdup(path)
						  : xasprintf("%s/%s", g->cwd ? g->cwd : "", path);
	_cleanup_close_ int fd = unixsock_connect_now(whole);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (fd < 0)
		return fd;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || peer.pid != g->pid)
		return -EPERM;
	return take_fd(&fd);
}

json *guestagent_set_time(struct guest *g)
{
	_cleanup_free_ char *path = NULL, *id = guestagent_chardev(&g->argv, &path);
	_cleanup_close_ int fd = -EBADF;
	const char *why = NULL;
	int r = 0;

	if (!id)
		return NULL;
	for (int i = 0; i < OPEN_TRIES && !r && !g->gone; i++) {
		if (i)
			task_sleep(OPEN_POLL_MS);
		r = is_free(g, id, &why);
	}
	if (r <= 0 || g->gone)
		return not_set(why);
	fd = connect_qemu(g, path);
	if (fd < 0)
		return not_set(fd == -EPERM ? "its guest agent's socket is not its QEMU's"
					    : "its guest agent's socket cannot be reached");
	return guestagent_talk(fd);
}

void guestagent_keep_time(struct guest *g)
{
	const char *why;

	json_object_put(g->x.clock);
	g->x.clock = guestagent_set_time(g);
	if (!g->x.clock)
		return;
	why = json_str(g->x.clock, "not_set");
	if (why)
		log_warn("%s: its wall clock is behind: %s", g->name, why);
	else
		log_info("%s: its wall clock %s", g->name,
			 json_str(g->x.clock, "set_by") ? "was set by the guest agent"
							: "is right");
}
