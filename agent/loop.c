// SPDX-License-Identifier: GPL-2.0-or-later

#include "loop.h"

#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <ucontext.h>

#include "util.h"

#if defined(__SANITIZE_ADDRESS__)
#define TASK_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TASK_ASAN 1
#endif
#endif
#ifdef TASK_ASAN
#include <sanitizer/common_interface_defs.h>
#endif

#define RING_ENTRIES 256
/* Only pages that are touched cost memory; json-c's parser and snprintf() are the deepest users. */
#define STACK_SIZE (256UL * 1024)
#define GUARD_SIZE 4096UL
/* A tenth of the time of one that has 0, if both have enough to do: sched(7). */
#define BACKGROUND_NICE 10

struct task {
	ucontext_t ctx;
	void *stack;
	void (*fn)(void *arg);
	void *arg;
	struct task *next; /* in the ready or the dead list */
	bool ended;
};

/* A task that waits; lives on that task's stack. */
struct waiter {
	struct task *task;
	bool told;
	int64_t at_ms; /* when it gives up; INT64_MAX: never */
	struct wakeup *of;
	struct waiter *next; /* of the same wakeup */
	struct waiter *next_timer;
};

struct poll_op {
	struct wakeup done;
	int res;
};

static struct {
	struct io_uring ring;
	ucontext_t main;
	struct task *current;
	struct task *ready, **ready_tail;
	struct waiter *timers; /* those that will give up */
	bool quit;
#ifdef TASK_ASAN
	const void *main_stack;
	size_t main_stack_size;
#endif
} loop;

int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * MSEC_PER_SEC + ts.tv_nsec / NSEC_PER_MSEC;
}

int loop_init(void)
{
	loop.ready_tail = &loop.ready;
	loop.quit = false;
	return io_uring_queue_init(RING_ENTRIES, &loop.ring, 0);
}

void loop_quit(void)
{
	loop.quit = true;
}

static void make_ready(struct task *t)
{
	t->next = NULL;
	*loop.ready_tail = t;
	loop.ready_tail = &t->next;
}

/* AddressSanitizer must be told of every change of stack, or it takes one for an overflow. */
static void switch_to_main(struct task *t)
{
#ifdef TASK_ASAN
	void *fake = NULL;

	__sanitizer_start_switch_fiber(t->ended ? NULL : &fake, loop.main_stack,
				       loop.main_stack_size);
#endif
	swapcontext(&t->ctx, &loop.main);
#ifdef TASK_ASAN
	__sanitizer_finish_switch_fiber(fake, &loop.main_stack, &loop.main_stack_size);
#endif
}

static void switch_to_task(struct task *t)
{
#ifdef TASK_ASAN
	void *fake = NULL;

	__sanitizer_start_switch_fiber(&fake, (char *)t->stack + GUARD_SIZE, STACK_SIZE);
#endif
	loop.current = t;
	swapcontext(&loop.main, &t->ctx);
	loop.current = NULL;
#ifdef TASK_ASAN
	__sanitizer_finish_switch_fiber(fake, NULL, NULL);
#endif
}

static void task_entry(void)
{
	struct task *t = loop.current;

#ifdef TASK_ASAN
	__sanitizer_finish_switch_fiber(NULL, &loop.main_stack, &loop.main_stack_size);
#endif
	t->fn(t->arg);
	t->ended = true;
	switch_to_main(t);
}

void task_start(void (*fn)(void *arg), void *arg)
{
	struct task *t = xmalloc0(sizeof(*t));

	t->stack = mmap(NULL, STACK_SIZE + GUARD_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
	if (t->stack == MAP_FAILED)
		abort();
	mprotect(t->stack, GUARD_SIZE, PROT_NONE);
	t->fn = fn;
	t->arg = arg;
	getcontext(&t->ctx);
	t->ctx.uc_stack.ss_sp = (char *)t->stack + GUARD_SIZE;
	t->ctx.uc_stack.ss_size = STACK_SIZE;
	makecontext(&t->ctx, task_entry, 0);
	make_ready(t);
}

void wakeup_fire(struct wakeup *w)
{
	if (!w->waiters)
		w->fired = true;
	for (struct waiter *x = w->waiters; x; x = x->next) {
		x->told = true;
		make_ready(x->task);
	}
	w->waiters = NULL;
}

static void forget_timer(struct waiter *gone)
{
	for (struct waiter **at = &loop.timers; *at; at = &(*at)->next_timer) {
		if (*at == gone) {
			*at = gone->next_timer;
			return;
		}
	}
}

static void forget_waiter(struct wakeup *w, struct waiter *gone)
{
	for (struct waiter **at = &w->waiters; *at; at = &(*at)->next) {
		if (*at == gone) {
			*at = gone->next;
			return;
		}
	}
}

int wakeup_wait(struct wakeup *w, int timeout_ms)
{
	struct waiter self = {
		.task = loop.current, .at_ms = INT64_MAX, .of = w, .next = w->waiters
	};

	if (w->fired) {
		w->fired = false;
		return 0;
	}
	if (timeout_ms == 0)
		return -ETIMEDOUT;
	w->waiters = &self;
	if (timeout_ms > 0) {
		self.at_ms = now_ms() + timeout_ms;
		self.next_timer = loop.timers;
		loop.timers = &self;
	}
	switch_to_main(loop.current);
	if (timeout_ms > 0)
		forget_timer(&self);
	/* Whoever made this task ready took `self` off the wakeup's list first. */
	return self.told ? 0 : -ETIMEDOUT; /* NOLINT(clang-analyzer-core.StackAddressEscape) */
}

static struct io_uring_sqe *get_sqe(void)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&loop.ring);

	if (!sqe) {
		io_uring_submit(&loop.ring);
		sqe = io_uring_get_sqe(&loop.ring);
	}
	if (!sqe)
		abort(); /* the queue was just emptied: the ring is broken */
	return sqe;
}

int task_poll(int fd, unsigned int events, int timeout_ms)
{
	struct poll_op op = { 0 };
	struct io_uring_sqe *sqe = get_sqe();

	io_uring_prep_poll_add(sqe, fd, events);
	io_uring_sqe_set_data(sqe, &op);
	if (wakeup_wait(&op.done, timeout_ms) == 0)
		return op.res;

	/* The kernel still knows &op, which is on this stack: it must answer before we leave. */
	sqe = get_sqe();
	io_uring_prep_cancel(sqe, &op, 0);
	io_uring_sqe_set_data(sqe, NULL);
	wakeup_wait(&op.done, -1);
	return op.res == -ECANCELED ? -ETIMEDOUT : op.res;
}

void task_sleep(int ms)
{
	struct wakeup never = { 0 };

	wakeup_wait(&never, ms);
}

struct blocking {
	int (*fn)(void *arg);
	void *arg;
	bool background;
	int ret;
	int eventfd;
};

static void *blocking_thread(void *arg)
{
	struct blocking *b = arg;

	if (b->background)
		setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + BACKGROUND_NICE);
	b->ret = b->fn(b->arg);
	eventfd_write(b->eventfd, 1);
	return NULL;
}

static int run_thread(int (*fn)(void *arg), void *arg, bool background)
{
	struct blocking b = {
		.fn = fn, .arg = arg, .background = background, .eventfd = eventfd(0, EFD_CLOEXEC)
	};
	pthread_t thread;
	int ret;

	if (b.eventfd < 0)
		return -errno;
	ret = -pthread_create(&thread, NULL, blocking_thread, &b);
	if (!ret) {
		while (task_poll(b.eventfd, POLLIN, -1) == -EINTR)
			;
		pthread_join(thread, NULL);
		ret = b.ret;
	}
	fd_close(&b.eventfd);
	return ret;
}

int task_blocking(int (*fn)(void *arg), void *arg)
{
	return run_thread(fn, arg, false);
}

int task_background(int (*fn)(void *arg), void *arg)
{
	return run_thread(fn, arg, true);
}

struct group_member {
	struct task_group *group;
	void (*fn)(void *arg);
	void *arg;
};

static void group_member_run(void *arg)
{
	struct group_member m = *(struct group_member *)arg;

	free(arg);
	m.fn(m.arg);
	if (--m.group->running == 0)
		wakeup_fire(&m.group->done);
}

void task_group_start(struct task_group *g, void (*fn)(void *arg), void *arg)
{
	struct group_member *m = xmalloc0(sizeof(*m));

	*m = (struct group_member){ .group = g, .fn = fn, .arg = arg };
	g->running++;
	task_start(group_member_run, m);
}

void task_group_wait(struct task_group *g)
{
	while (g->running)
		wakeup_wait(&g->done, -1);
	g->done.fired = false;
}

static void run_ready(void)
{
	struct task *t;

	while ((t = loop.ready)) {
		loop.ready = t->next;
		if (!loop.ready)
			loop.ready_tail = &loop.ready;
		switch_to_task(t);
		if (t->ended) {
			munmap(t->stack, STACK_SIZE + GUARD_SIZE);
			free(t);
		}
	}
}

static void expire_timers(void)
{
	int64_t now = now_ms();

	for (struct waiter *x = loop.timers; x; x = x->next_timer) {
		if (x->at_ms > now)
			continue;
		x->at_ms = INT64_MAX; /* once */
		if (!x->told) {
			forget_waiter(x->of, x); /* or it would be made ready twice */
			make_ready(x->task);
		}
	}
}

static int64_t next_timer_ms(void)
{
	int64_t next = INT64_MAX;

	for (struct waiter *x = loop.timers; x; x = x->next_timer)
		if (x->at_ms < next)
			next = x->at_ms;
	return next;
}

static void reap_completions(void)
{
	struct io_uring_cqe *cqe;

	while (io_uring_peek_cqe(&loop.ring, &cqe) == 0) {
		struct poll_op *op = io_uring_cqe_get_data(cqe);

		if (op) {
			op->res = cqe->res;
			wakeup_fire(&op->done);
		}
		io_uring_cqe_seen(&loop.ring, cqe);
	}
}

int loop_run(void)
{
	while (!loop.quit) {
		struct __kernel_timespec ts = { .tv_sec = 3600 };
		int64_t next;
		struct io_uring_cqe *cqe;
		int ret;

		run_ready();
		if (loop.quit)
			break;
		next = next_timer_ms();
		if (next != INT64_MAX) {
			int64_t left = next - now_ms();

			left = left > 0 ? left : 0;
			ts.tv_sec = left / MSEC_PER_SEC;
			ts.tv_nsec = (left % MSEC_PER_SEC) * NSEC_PER_MSEC;
		}
		ret = io_uring_submit_and_wait_timeout(&loop.ring, &cqe, 1, &ts, NULL);
		if (ret < 0 && ret != -ETIME && ret != -EINTR && ret != -EAGAIN)
			return ret;
		reap_completions();
		expire_timers();
	}
	io_uring_queue_exit(&loop.ring);
	return 0;
}
