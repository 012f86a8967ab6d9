// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What QEMU sends: to the client of its protocol, and to the conversations that save and
 * load a guest's state. Bytes go out as they are; 0xff waits for the next command, so that
 * an answer can come to a question. The first byte says whether the guest's QEMU is one
 * with cpr-reboot.
 */

#include "fuzz.h"

#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "guest.h"
#include "keepopen.h"
#include "guestfiles.h"
#include "memfd.h"
#include "unixsock.h"

#define WAIT 0xff
/* A command that has not come by then does not: the agent waits for us. */
#define WAIT_MS 2

static char dir[32] = "/tmp/vmkeep-fuzz-XXXXXX";
static int listener, ready;
static struct guest *guest;

static struct {
	const unsigned char *data;
	size_t len;
} input;

static void clean_up(void)
{
	_cleanup_free_ char *guests = xasprintf("%s/guests", dir);

	guest_remove(guest);
	rmdir(guests);
	rmdir(dir);
}

void fuzz_init(void)
{
	_cleanup_free_ char *path = NULL;
	struct err e;
	off_t start;
	int log;

	fuzz_must(mkdtemp(dir));
	guest_setup(dir, "/dev");
	guest = guest_new("null", "0b9e8f1c-5d1e-4d7e-9a53-4b7a6f3f2c11");
	fuzz_must(guestfiles_make(guest, &log, &start, &e) == 0);
	fd_close(&log);
	path = guestfiles_qmp(guest->name);
	listener = unixsock_listen(path, 0600);
	guest->x.state = memfd_create_plain("state", 0);
	ready = eventfd(1, EFD_CLOEXEC);
	fuzz_must(listener >= 0 && guest->x.state >= 0 && ready >= 0);
	atexit(clean_up);
}

#define GREETING "{\"QMP\":{\"version\":{\"qemu\":{\"major\":10}},\"capabilities\":[\"oob\"]}}\n"
#define ANSWER(id, value) "\xff{\"return\":" value ",\"id\":" #id "}\n"
#define EVENT(name, data) \
	"{\"timestamp\":{\"seconds\":1},\"event\":\"" name "\",\"data\":" data "}\n"
#define DONE EVENT("MIGRATION", "{\"status\":\"completed\"}")
#define STATUS "{\"status\":\"running\",\"running\":true}"

void fuzz_seeds(void)
{
	static const char good[] = GREETING ANSWER(1, "{}") ANSWER(2, STATUS) ANSWER(3, "{}")
		ANSWER(4, "{}") ANSWER(5, "{}") ANSWER(6, "{\"fdset-id\":900,\"fd\":12}")
			ANSWER(7, "{}") EVENT("STOP", "{}") DONE ANSWER(8, "{}") ANSWER(9, "{}")
				ANSWER(10, "{}") ANSWER(11, "{}") ANSWER(12, "{}")
					DONE ANSWER(13, "{}") EVENT("RESUME", "{}");
	static const char failing[] = GREETING
		"\xff{\"return\":{},\"id\":1}\n"
		"\xff{\"error\":{\"class\":\"GenericError\",\"desc\":\"no\\n\\u001b[2J\"},\"id\":2}\n"
		"\xff{\"id\":3,\"error\":{}}\n\xff{\"id\":4}\n\xff{\"return\":[1,null],\"id\":5}\n" EVENT(
			"MIGRATION", "{\"status\":\"failed\"}");
	static const char odd[] =
		GREETING EVENT("STOP", "null") "{\"return\":{},\"id\":1}\n" ANSWER(1, "{}")
			ANSWER(1, "{}") "{\"event\":1}\n{}\n[]\n";

	fuzz_seed("good", 1, good, sizeof(good) - 1);
	fuzz_seed("old-qemu", 0, good, sizeof(good) - 1);
	fuzz_seed("failing", 1, failing, sizeof(failing) - 1);
	fuzz_seed("odd", 1, odd, sizeof(odd) - 1);
}

/* Read what there is; an fd that came along is the kernel's to close. */
static bool drain(int fd)
{
	char buf[4096];

	return recv(fd, buf, sizeof(buf), MSG_DONTWAIT) > 0;
}

static void send_piece(int fd, const unsigned char *p, size_t len)
{
	while (len) {
		ssize_t n = send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN || task_poll(fd, POLLOUT, 100) < 0) {
			return;
		}
	}
}

static void qemu(void *arg)
{
	const unsigned char *p = input.data, *end = p + input.len;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	(void)arg;
	fuzz_must(fd >= 0);
	while (p < end) {
		const unsigned char *wait = memchr(p, WAIT, (size_t)(end - p));

		send_piece(fd, p, (size_t)((wait ? wait : end) - p));
		p = wait ? wait + 1 : end;
		if (wait && (task_poll(fd, POLLIN, WAIT_MS) < 0 || !drain(fd)))
			break;
	}
	/* The end of it: whoever still waits for an answer is told. */
	shutdown(fd, SHUT_WR);
	while (task_poll(fd, POLLIN, 1000) > 0 && drain(fd))
		;
	close(fd);
}

static void must_explain(int r, const struct err *e)
{
	if (r < 0)
		fuzz_must_explain(e);
}

/* A process for each execution leaves few of them; it has tests of its own. */
int keepopen_start(int sock, int64_t id, struct keepopen *ret)
{
	(void)sock, (void)id, (void)ret;
	return 0;
}

void keepopen_end(struct keepopen *k)
{
	(void)k;
}

static void converse(void)
{
	char status[GUEST_STATUS_MAX];
	struct err e = { "" };
	int r;

	r = guest_query_status(guest, status, &e);
	must_explain(r, &e);
	if (r >= 0)
		fuzz_must(strlen(status) < sizeof(status));
	must_explain(guest_arm(guest, &e), &e);
	must_explain(guest_give_state(guest, &e), &e);
	must_explain(guest_save(guest, 5, &e), &e);
	guest_take_state(guest);
	guest_disarm(guest);
	must_explain(guest_load(guest, 5, &e), &e);
	must_explain(guest_cont(guest, 5, &e), &e);
	fuzz_must(!guest->x.state_in_qemu && !guest->x.armed);
}

static void agent(void *arg)
{
	struct task_group peer = { 0 };
	struct err e = { "" };

	(void)arg;
	guest->state = GUEST_RUNNING;
	guest->event = (struct wakeup){ 0 };
	task_group_start(&peer, qemu, NULL);
	if (guest_connect(guest, &e) < 0) {
		fuzz_must_explain(&e);
	} else {
		converse();
		qmp_close(guest->qmp);
		guest->qmp = NULL;
	}
	task_group_wait(&peer);
	/* Two turns of the loop, in which the connection's reader ends. */
	task_poll(ready, POLLIN, -1);
	task_poll(ready, POLLIN, -1);
	loop_quit();
}

void fuzz_one(const unsigned char *data, size_t len)
{
	guest->cpr_reboot = data[0] & 1;
	input.data = data + 1;
	input.len = len - 1;
	fuzz_must(loop_init() == 0);
	task_start(agent, NULL);
	fuzz_must(loop_run() == 0);
}
