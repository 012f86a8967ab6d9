// SPDX-License-Identifier: GPL-2.0-or-later

#include "slots.h"

#include "util.h"

/* On the stack of the task that waits. */
struct slot_waiter {
	struct slot_waiter *next;
	struct wakeup told;
	bool given;
};

static void append(struct slots *s, struct slot_waiter *w)
{
	struct slot_waiter **at = &s->first;

	while (*at)
		at = &(*at)->next;
	*at = w;
}

static void forget(struct slots *s, struct slot_waiter *w)
{
	struct slot_waiter **at = &s->first;

	while (*at != w)
		at = &(*at)->next;
	*at = w->next;
}

void slots_take(struct slots *s, int patience_ms)
{
	struct slot_waiter me = { 0 };
	int64_t since = now_ms(), left;

	if (s->taken < s->n) {
		s->taken++;
		return;
	}
	append(s, &me);
	while (!me.given &&
	       (left = (s->given_ms > since ? s->given_ms : since) + patience_ms - now_ms()) > 0)
		wakeup_wait(&me.told, (int)left);
	if (!me.given) {
		forget(s, &me);
		s->taken++;
	}
}

void slots_leave(struct slots *s)
{
	s->taken--;
	while (s->first && s->taken < s->n) {
		struct slot_waiter *w = s->first;

		s->first = w->next;
		w->given = true;
		s->taken++;
		s->given_ms = now_ms();
		wakeup_fire(&w->told);
	}
}
