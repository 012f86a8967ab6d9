// SPDX-License-Identifier: GPL-2.0-or-later

#include "stage.h"

#include "log.h"

struct turn {
	struct stage_run *run;
	const struct stage *stage;
	struct guest *g;
	int ret;
	struct err e;
};

static void guest_turn(void *arg)
{
	struct turn *t = arg;

	t->ret = t->stage->guest(t->run->u, t->g, &t->e);
}

static void undo_turn(void *arg)
{
	struct turn *t = arg;

	t->stage->undo_guest(t->run->u, t->g);
}

/* All guests at the same time; the first error in the list's order is told. */
static int all_guests(struct stage_run *run, const struct stage *s, void (*fn)(void *),
		      struct err *e)
{
	struct turn *turns = xmalloc0((run->guests->n + 1) * sizeof(*turns));
	struct task_group group = { 0 };
	int ret = 0;

	for (size_t i = 0; i < run->guests->n; i++) {
		turns[i] = (struct turn){ .run = run, .stage = s, .g = run->guests->v[i] };
		task_group_start(&group, fn, &turns[i]);
	}
	task_group_wait(&group);
	for (size_t i = 0; i < run->guests->n; i++) {
		if (turns[i].ret >= 0)
			continue;
		log_error("%s: %s: %s", turns[i].g->name, s->name, turns[i].e.text);
		if (!ret) {
			ret = turns[i].ret;
			run->failed_guest = turns[i].g->name;
			*e = turns[i].e;
			err_prefix(e, "guest %s: %s", turns[i].g->name, s->name);
		}
	}
	free(turns);
	return ret;
}

static void undo_stage(struct stage_run *run, const struct stage *s)
{
	log_debug("undo %s", s->name);
	if (s->undo_guest)
		all_guests(run, s, undo_turn, NULL);
	if (s->undo_host)
		s->undo_host(run->u);
}

void stages_undo(struct stage_run *run, const struct stage *table, size_t n)
{
	while (n)
		undo_stage(run, &table[--n]);
}

int stages_run(struct stage_run *run, const struct stage *table, size_t n, struct err *e)
{
	for (size_t i = 0; i < n; i++) {
		const struct stage *s = &table[i];
		int64_t start = now_ms();
		int r = 0;

		if (run->progress)
			run->progress(run->progress_user, s->name);
		if (run->cancelled && *run->cancelled)
			r = err_set(e, -ECANCELED, "%s: the agent was told to end", s->name);
		if (!r && s->host) {
			r = s->host(run->u, e);
			if (r < 0)
				err_prefix(e, "%s", s->name);
		}
		if (!r && s->guest)
			r = all_guests(run, s, guest_turn, e);
		if (r < 0) {
			run->failed_stage = s->name;
			log_error("stage %s failed: %s", s->name, e->text);
			stages_undo(run, table, i + 1);
			return r;
		}
		json_set_int(run->timings, s->name, now_ms() - start);
		log_debug("stage %s: %lld ms", s->name, (long long)(now_ms() - start));
	}
	return 0;
}
