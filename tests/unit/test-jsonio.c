// SPDX-License-Identifier: GPL-2.0-or-later

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "jsonio.h"
#include "loop.h"

#include "kselftest_harness.h"

/* What a peer sends, in pieces, and what comes of it: 1 per object, then the code that ended it. */
struct feed {
	const char *pieces[6];
	size_t max;
	int objects;
	int end;
};

static void writer(void *arg)
{
	struct {
		struct feed *f;
		int fd;
	} *w = arg;

	for (size_t i = 0; w->f->pieces[i]; i++) {
		(void)!write(w->fd, w->f->pieces[i], strlen(w->f->pieces[i]));
		task_sleep(2);
	}
	shutdown(w->fd, SHUT_WR);
}

static void reader(void *arg)
{
	struct feed *f = arg;
	int fds[2];
	struct {
		struct feed *f;
		int fd;
	} w;
	struct jsonio io = { .max = f->max };
	struct task_group g = { 0 };
	int r;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) < 0)
		abort();
	io.fd = fds[0];
	w.f = f;
	w.fd = fds[1];
	task_group_start(&g, writer, &w);
	for (;;) {
		json *j = NULL;

		r = jsonio_read(&io, 1000, &j);
		json_object_put(j);
		if (r != 1)
			break;
		f->objects++;
	}
	f->end = r;
	task_group_wait(&g);
	jsonio_free(&io);
	close(fds[0]);
	close(fds[1]);
	loop_quit();
}

static void feed(struct feed *f)
{
	if (!f->max)
		f->max = 10000;
	if (loop_init() < 0)
		abort();
	task_start(reader, f);
	loop_run();
}

TEST(objects_in_any_pieces)
{
	struct feed f = { .pieces = { "{\"a\":1}\n{\"b\"", ":2}", "\n{\"c\":\"\\n\"}\r\n" } };

	feed(&f);
	EXPECT_EQ(f.objects, 3);
	EXPECT_EQ(f.end, 0);
}

TEST(a_line_without_an_end_is_bounded)
{
	char big[3000];
	struct feed f = { .pieces = { big, big }, .max = 4000 };

	memset(big, ' ', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	feed(&f);
	EXPECT_EQ(f.objects, 0);
	EXPECT_EQ(f.end, -EMSGSIZE);
}

TEST(what_is_no_object_is_refused)
{
	static const char *const bad[] = {
		"hello\n",
		"[1]\n",
		"1\n",
		"{\"a\":\n",
		"{\"a\":1\n",
		"\n",
		"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
		"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":"
		"{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1"
		"}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}}\n"
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct feed f = { .pieces = { bad[i] } };

		feed(&f);
		EXPECT_EQ(f.end, -EBADMSG)
		{
			TH_LOG("%s", bad[i]);
		}
		EXPECT_EQ(f.objects, 0);
	}
}

TEST(an_unfinished_line_is_the_end)
{
	struct feed f = { .pieces = { "{\"a\":1}\n{\"b\":" } };

	feed(&f);
	EXPECT_EQ(f.objects, 1);
	EXPECT_EQ(f.end, 0);
}

/* --- one who never stops --- */

static int stream[2];
static int ticks;

static void read_all(void *arg)
{
	struct jsonio io = { .fd = stream[0], .max = 10000 };
	json *j = NULL;

	(void)arg;
	while (jsonio_read(&io, -1, &j) == 1)
		json_object_put(j);
	jsonio_free(&io);
}

static void tick(void *arg)
{
	(void)arg;
	for (ticks = 0; ticks < 20; ticks++)
		task_sleep(10);
	loop_quit();
}

TEST(one_who_never_stops_leaves_others_their_turn)
{
	char block[64 * 1024];
	int64_t begin = now_ms();
	pid_t pid;

	ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, stream), 0);
	pid = fork();
	if (pid == 0) {
		close(stream[0]);
		for (size_t i = 0; i < sizeof(block); i += 8)
			memcpy(block + i, "{\"a\":1}\n", 8);
		while (now_ms() < begin + 6000)
			(void)!write(stream[1], block, sizeof(block));
		_exit(0);
	}
	close(stream[1]);
	ASSERT_EQ(loop_init(), 0);
	task_start(read_all, NULL);
	task_start(tick, NULL);
	loop_run();
	EXPECT_LT(now_ms() - begin, 4000); /* 0.2 s if nothing else ran here */
	close(stream[0]);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

TEST(wrong_types_read_as_absent)
{
	_cleanup_json_ json *j = json_tokener_parse(
		"{\"s\":1,\"n\":\"x\",\"b\":\"true\",\"a\":{},\"l\":[\"x\",1]}");
	_cleanup_strv_ struct strv sv = { 0 };

	EXPECT_EQ(json_str(j, "s"), NULL);
	EXPECT_EQ(json_int(j, "n", -7), -7);
	EXPECT_FALSE(json_flag(j, "b"));
	EXPECT_EQ(json_get(j, "a", json_type_array), NULL);
	EXPECT_EQ(json_get_strv(j, "l", &sv), -EBADMSG);
	EXPECT_EQ(json_str(NULL, "s"), NULL);
}

TEST_HARNESS_MAIN
