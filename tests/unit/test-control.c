// SPDX-License-Identifier: GPL-2.0-or-later
/* The control socket against clients of every kind: each is a process of its own. */

#include <dirent.h>
#include <grp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "control.h"
#include "loop.h"
#include "unixsock.h"

#include "kselftest_harness.h"

/* Long beside what an answer takes on a busy machine. */
#define PATIENCE_MS 1000
#define GROUP "games" /* any that there is everywhere, and that nobody is in */
#define NOBODY 65534
#define BIG (4UL * 1024 * 1024)

static char dir[64];
static char path[96];

/* In a client: what is not so ends it, and with it the test. */
#define MUST(what)                                                                   \
	do {                                                                         \
		if (!(what)) {                                                       \
			fprintf(stderr, "# line %d: not so: %s\n", __LINE__, #what); \
			_exit(1);                                                    \
		}                                                                    \
	} while (0)

static json *answer(struct control_client *c, json *request)
{
	const char *command = json_str(request, "command");
	json *reply = json_object_new_object();

	json_set_bool(reply, "return", control_may_change(c));
	if (command && strcmp(command, "big") == 0) {
		char *big = xmalloc0(BIG);

		memset(big, 'x', BIG - 1);
		json_set_str(reply, "big", big);
		free(big);
	}
	if (command && strcmp(command, "progress") == 0) {
		int64_t begin = now_ms();

		for (int i = 0; i < 5000; i++)
			control_progress(c, "there is much to tell, and nobody who listens to it");
		json_set_int(reply, "ms", now_ms() - begin);
	}
	if (command && strcmp(command, "wait") == 0)
		task_sleep(300);
	return reply;
}

static int dial(void)
{
	struct timeval tv = { .tv_sec = 5 };
	int fd = unixsock_connect(path);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	return fd;
}

/* The whole answer up to the end of the connection; NULL: an error, or none in time. */
static char *hear(int fd)
{
	char *all = xmalloc0(2 * BIG);
	size_t len = 0;

	for (;;) {
		ssize_t n = recv(fd, all + len, 2 * BIG - len - 1, 0);

		/* After an answer, that what we sent was not read is no error. */
		if (n == 0 || (n < 0 && errno == ECONNRESET && len))
			return all;
		if (n < 0) {
			free(all);
			return NULL;
		}
		len += (size_t)n;
	}
}

static void tell(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static bool answers(const char *request, const char *expected)
{
	int fd = dial();
	_cleanup_free_ char *got = NULL;

	if (fd < 0)
		return false;
	tell(fd, request);
	got = hear(fd);
	close(fd);
	if (!got || !strstr(got, expected))
		fprintf(stderr, "# to %.40s came %.200s\n", request, got ? got : "nothing");
	return got && strstr(got, expected);
}

#define ANY "{\"command\":\"any\"}\n"
#define MAY "{\"return\":true}\n"
#define MAY_READ "{\"return\":false}\n"

static void become(uid_t uid, gid_t gid, gid_t other)
{
	MUST(setgroups(other ? 1 : 0, &other) == 0);
	MUST(setgid(gid) == 0 && setuid(uid) == 0);
}

static void watch(void *arg)
{
	task_poll((int)(intptr_t)arg, POLLIN, -1);
	loop_quit();
}

/* Serve @client until it ends. Return: its exit status. */
static int serve(bool allow_read, void (*client)(void))
{
	const struct control c = { .dir = dir,
				   .group = GROUP,
				   .allow_read = allow_read,
				   .patience_ms = PATIENCE_MS,
				   .answer = answer };
	int status = -1;
	struct err e;
	pid_t pid;

	snprintf(dir, sizeof(dir), "/tmp/vmkeep-control-XXXXXX");
	umask(077); /* as the agent does */
	if (!mkdtemp(dir) || loop_init() < 0)
		abort();
	snprintf(path, sizeof(path), "%s/" CONTROL_SOCKET, dir);
	if (control_start(&c, &e) < 0) {
		fprintf(stderr, "# %s\n", e.text);
		abort();
	}
	pid = fork();
	if (pid == 0) {
		client();
		_exit(0);
	}
	task_start(watch, (void *)(intptr_t)syscall(SYS_pidfd_open, pid, 0));
	loop_run();
	waitpid(pid, &status, 0);
	unlink(path);
	rmdir(dir);
	return status;
}

#define NEEDS_ROOT()        \
	if (geteuid() != 0) \
	SKIP(return, "needs root")

static unsigned int mode_of(const char *p, gid_t *gid)
{
	struct stat st;

	MUST(stat(p, &st) == 0);
	*gid = st.st_gid;
	return st.st_mode & 07777;
}

/* --- who may --- */

static void group_modes(void)
{
	gid_t games = getgrnam(GROUP)->gr_gid, gid;

	MUST(mode_of(path, &gid) == 0660 && gid == games);
	MUST(mode_of(dir, &gid) == 0710 && gid == games);
	MUST(answers(ANY, MAY));
}

TEST(the_socket_is_roots_and_the_groups)
{
	NEEDS_ROOT();
	EXPECT_EQ(serve(false, group_modes), 0);
}

static void open_modes(void)
{
	gid_t gid;

	MUST(mode_of(path, &gid) == 0666);
	MUST(mode_of(dir, &gid) == 0711);
}

TEST(the_socket_is_open_when_all_may_read)
{
	NEEDS_ROOT();
	EXPECT_EQ(serve(true, open_modes), 0);
}

static void stranger_at_the_door(void)
{
	become(NOBODY, NOBODY, 0);
	MUST(dial() == -EACCES);
}

static void stranger_inside(void)
{
	/* Somebody was careless with the modes: who asks is looked at all the same. */
	MUST(chmod(dir, 0777) == 0 && chmod(path, 0666) == 0);
	become(NOBODY, NOBODY, 0);
	MUST(answers(ANY, "\"status\":3"));
	MUST(answers(ANY, "only root and the members of group"));
}

TEST(others_may_not)
{
	NEEDS_ROOT();
	EXPECT_EQ(serve(false, stranger_at_the_door), 0);
	EXPECT_EQ(serve(false, stranger_inside), 0);
}

static void reader(void)
{
	become(NOBODY, NOBODY, 0);
	MUST(answers(ANY, MAY_READ));
}

TEST(others_may_read_if_asked_for)
{
	NEEDS_ROOT();
	EXPECT_EQ(serve(true, reader), 0);
}

static void member(void)
{
	become(NOBODY, getgrnam(GROUP)->gr_gid, 0);
	MUST(answers(ANY, MAY));
}

static void member_by_another_group(void)
{
	become(NOBODY, NOBODY, getgrnam(GROUP)->gr_gid);
	MUST(answers(ANY, MAY));
}

static void member_of_others(void)
{
	become(NOBODY, NOBODY, getgrnam(GROUP)->gr_gid + 1);
	MUST(answers(ANY, MAY_READ));
}

TEST(members_of_the_group_may)
{
	NEEDS_ROOT();
	EXPECT_EQ(serve(false, member), 0);
	EXPECT_EQ(serve(false, member_by_another_group), 0);
	EXPECT_EQ(serve(true, member), 0);
	EXPECT_EQ(serve(true, member_of_others), 0);
}

/* --- what they send --- */

static void garbage(void)
{
	MUST(answers("hello\n", "\"status\":64"));
	MUST(answers("[1]\n", "\"status\":64"));
	MUST(answers("{\"command\":\n", "\"status\":64"));
	MUST(answers(ANY ANY, MAY));
	MUST(answers(ANY, MAY));
}

TEST(garbage_is_refused_in_words)
{
	EXPECT_EQ(serve(false, garbage), 0);
}

/* A line of @n bytes and its end. */
static char *long_line(size_t n)
{
	char *line = xmalloc0(n + 2);

	memset(line, ' ', n);
	line[n] = '\n';
	return line;
}

static void long_request(void)
{
	_cleanup_free_ char *line = long_line(3 * CONTROL_LINE_MAX);

	MUST(answers(line, "too long"));
	memcpy(line + CONTROL_LINE_MAX / 2, ANY, strlen(ANY));
	MUST(answers(line, MAY));
}

static void long_request_of_a_reader(void)
{
	_cleanup_free_ char *line = long_line(CONTROL_LINE_MAX / 2);

	become(NOBODY, NOBODY, 0);
	MUST(answers(line, "too long"));
	MUST(answers(ANY, MAY_READ));
}

TEST(a_request_is_bounded)
{
	EXPECT_EQ(serve(false, long_request), 0);
	NEEDS_ROOT();
	EXPECT_EQ(serve(true, long_request_of_a_reader), 0);
}

/* --- slow, dead and many --- */

static int64_t begin;

/* The agent hangs up, in time, without an answer. */
static bool is_given_up(int fd)
{
	char c;
	ssize_t n = recv(fd, &c, 1, 0);
	int64_t took = now_ms() - begin;

	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return took >= PATIENCE_MS / 2 && took < 4L * PATIENCE_MS;
	fprintf(stderr, "# recv: %zd, errno %d, after %lld ms\n", n, errno, (long long)took);
	return false;
}

static void half_a_frame(void)
{
	int silent = dial(), half = dial();

	begin = now_ms();
	tell(half, "{\"command\":\"an");
	/* Nobody waits for those two. */
	MUST(answers(ANY, MAY));
	MUST(now_ms() - begin < PATIENCE_MS);
	MUST(is_given_up(half) && is_given_up(silent));
}

TEST(half_a_frame_is_given_up)
{
	EXPECT_EQ(serve(false, half_a_frame), 0);
}

static void byte_by_byte(void)
{
	struct pollfd slow = { .fd = dial(), .events = POLLRDHUP };

	begin = now_ms();
	for (int i = 0; i < 200 && poll(&slow, 1, 20) == 0; i++)
		tell(slow.fd, i ? " " : "{");
	MUST(is_given_up(slow.fd));
}

TEST(one_byte_at_a_time_is_given_up)
{
	EXPECT_EQ(serve(false, byte_by_byte), 0);
}

static void deaf(void)
{
	_cleanup_free_ char *got = NULL;
	int fd = dial();

	tell(fd, "{\"command\":\"big\"}\n");
	begin = now_ms();
	MUST(answers(ANY, MAY));
	MUST(now_ms() - begin < PATIENCE_MS);
	usleep(3000L * PATIENCE_MS);
	got = hear(fd);
	MUST(got && strlen(got) < BIG / 2);
	/* One who listens gets it all. */
	MUST(answers("{\"command\":\"big\"}\n", "\"}\n"));
}

TEST(who_does_not_read_the_answer_is_given_up)
{
	EXPECT_EQ(serve(false, deaf), 0);
}

static void deaf_to_progress(void)
{
	_cleanup_free_ char *got = NULL;
	int fd = dial();
	char *last;

	tell(fd, "{\"command\":\"progress\"}\n");
	usleep(100000);
	got = hear(fd);
	MUST(got);
	/* What came is whole, and less than was sent; the answer is the last of it. */
	last = strstr(got, "{\"return\"");
	MUST(last && last > got && last[-1] == '\n');
	MUST(strlen(got) < 5000L * 40);
	MUST(json_int(json_tokener_parse(last), "ms", 9999) < PATIENCE_MS);
}

TEST(progress_waits_for_nobody)
{
	EXPECT_EQ(serve(false, deaf_to_progress), 0);
}

static int fds_of_agent(void)
{
	_cleanup_free_ char *proc = xasprintf("/proc/%d/fd", getppid());
	DIR *d = opendir(proc);
	int n = 0;

	MUST(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void gone(void)
{
	int before;

	MUST(answers(ANY, MAY));
	usleep(20000);
	before = fds_of_agent();
	for (int i = 0; i < 200; i++) {
		int fd = dial();

		MUST(fd >= 0);
		tell(fd, i % 2 ? "{\"command\":\"wait\"}\n" : "{\"command\":\"big\"}\n");
		close(fd);
	}
	for (int i = 0; i < 50 && fds_of_agent() != before; i++)
		usleep(100000);
	MUST(fds_of_agent() == before);
	MUST(answers(ANY, MAY));
}

TEST(who_leaves_without_waiting_leaves_nothing)
{
	EXPECT_EQ(serve(false, gone), 0);
}

/* How many of these connections are the agent's still, or have been turned away with words. */
static void count(const int *fds, int n, int *open, int *refused)
{
	*open = *refused = 0;
	for (int i = 0; i < n; i++) {
		char buf[256] = "";
		ssize_t got = recv(fds[i], buf, sizeof(buf) - 1, MSG_DONTWAIT);

		*open += got < 0 && errno == EAGAIN;
		*refused += got > 0 && strstr(buf, "too many clients");
	}
}

#define MANY 1000

static void many(void)
{
	static int fds[MANY];
	struct rlimit lim = { MANY + 100, MANY + 100 };
	int still, refused;

	MUST(setrlimit(RLIMIT_NOFILE, &lim) == 0);
	for (int i = 0; i < MANY; i++)
		MUST((fds[i] = dial()) >= 0);
	usleep(100000);
	count(fds, MANY, &still, &refused);
	fprintf(stderr, "# of %d connections %d are served, %d turned away\n", MANY, still,
		refused);
	MUST(still <= CONTROL_CLIENTS_MAX && refused >= MANY / 2);
	/* With patience there is a place again. */
	usleep(2000L * PATIENCE_MS);
	MUST(answers(ANY, MAY));
}

TEST(connections_are_bounded)
{
	EXPECT_EQ(serve(false, many), 0);
}

static void many_readers(void)
{
	static int fds[200];
	int still, refused;
	pid_t pid = fork();

	MUST(pid >= 0);
	if (pid == 0) {
		become(NOBODY, NOBODY, 0);
		for (int i = 0; i < 200; i++)
			MUST((fds[i] = dial()) >= 0);
		usleep(100000);
		count(fds, 200, &still, &refused);
		_exit(still <= CONTROL_READERS_MAX && refused > 0 ? 0 : 1);
	}
	usleep(50000);
	for (int i = 0; i < 20; i++)
		MUST(answers(ANY, MAY));
	MUST(waitpid(pid, &still, 0) == pid && still == 0);
}

TEST(many_readers_keep_nobody_out)
{
	NEEDS_ROOT();
	EXPECT_EQ(serve(true, many_readers), 0);
}

static void patient(void)
{
	struct rlimit lim = { 100, 4096 }; /* ours, not the agent's */
	int fds[40];

	MUST(setrlimit(RLIMIT_NOFILE, &lim) == 0);
	for (int i = 0; i < 40; i++)
		MUST((fds[i] = dial()) >= 0);
	usleep(2500L * PATIENCE_MS);
	for (int i = 0; i < 40; i++)
		close(fds[i]);
	usleep(1000L * PATIENCE_MS);
	MUST(answers(ANY, MAY));
}

/* An agent without a free fd must neither spin nor be deaf for ever. */
TEST(no_fd_for_a_client)
{
	struct rlimit lim = { 20, 4096 };
	struct rusage used;

	ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &lim), 0);
	EXPECT_EQ(serve(false, patient), 0);
	getrusage(RUSAGE_SELF, &used);
	EXPECT_LT(used.ru_utime.tv_sec * 1000 + used.ru_utime.tv_usec / 1000 +
			  used.ru_stime.tv_sec * 1000 + used.ru_stime.tv_usec / 1000,
		  300);
}

TEST_HARNESS_MAIN
