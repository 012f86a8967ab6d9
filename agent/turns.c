// SPDX-License-Identifier: GPL-2.0-or-later

#include "turns.h"

#include "loop.h"
#include "util.h"

struct running {
	unsigned long n;
	struct wakeup one_ended;
};

struct task {
	const struct turn *turn;
	struct running *running;
};

static void run_one(void *arg)
{
	const struct task *t = arg;
	struct running *r = t->running;

	t->turn->fn(t->turn->arg);
	r->n--;
	wakeup_fire(&r->one_ended);
}

/* Insertion: few, mostly in order, and those of one priority keep theirs. */
static void sort(struct turn *turns, unsigned long n)
{
	for (unsigned long i = 1; i < n; i++) {
		struct turn t = turns[i];
		unsigned long at = i;

		for (; at && turns[at - 1].priority < t.priority; at--)
			turns[at] = turns[at - 1];
		turns[at] = t;
	}
}

void turns_run(struct turn *turns, unsigned long n, int head_start_ms)
{
	_cleanup_free_ struct task *tasks = xmalloc0((n + 1) * sizeof(*tasks));
	int64_t deadline = now_ms() + head_start_ms;
	struct running running = { 0 };

	sort(turns, n);
	for (unsigned long i = 0; i < n; i++) {
		if (i && turns[i].priority < turns[i - 1].priority) {
			int64_t left;

			while (running.n && (left = deadline - now_ms()) > 0)
				wakeup_wait(&running.one_ended, (int)left);
		}
		tasks[i] = (struct task){ &turns[i], &running };
		running.n++;
		task_start(run_one, &tasks[i]);
	}
	/* They have our stack's address. */
	while (running.n)
		wakeup_wait(&running.one_ended, -1);
}
