// SPDX-License-Identifier: GPL-2.0-or-later

#include "guestindex.h"

#include <sys/utsname.h>

#include "clock.h"
#include "early.h"
#include "handover.h"
#include "log.h"
#include "luo.h"
#include "readahead.h"

static json *describe_guests(const struct guest_set *guests, bool early)
{
	json *all = json_object_new_array();
	struct err why;

	for (size_t i = 0; i < guests->n; i++) {
		struct guest *g = guests->v[i];
		json *j = qmp_args("name", g->name, "uuid", g->uuid, NULL);

		json_set_int(j, "priority", g->priority);
		if (early)
			json_set_bool(j, "early", early_possible(g, &why) == 0);
		json_object_array_add(all, j);
	}
	return all;
}

struct files_work {
	const struct guest_set *guests;
	bool early;
};

/* On a thread: a file system may hang. */
static int files_thread(void *arg)
{
	_cleanup_json_ json *paths = json_object_new_array();
	struct files_work *w = arg;

	if (w->early)
		readahead_note_self(paths);
	for (size_t i = 0; i < w->guests->n; i++)
		readahead_note(w->guests->v[i], paths);
	return readahead_save(paths);
}

/* What only saves time refuses no update. */
static void list_files(const struct guest_set *guests, bool early)
{
	struct files_work w = { guests, early };
	int r = task_blocking(files_thread, &w);

	if (r < 0)
		log_warn("no list of what to read ahead: guests start later: %s", strerror(-r));
}

int guestindex_make(struct guest_index *ret, const struct guest_set *guests, const struct target *t,
		    json *prepare_ms, struct err *e)
{
	_cleanup_json_ json *j = json_object_new_object();
	struct utsname uts;
	int r;

	uname(&uts);
	json_object_object_add(j, "guests", describe_guests(guests, t->early));
	json_set_str(j, "from_kernel", uts.release);
	json_set_str(j, "to_kernel", t->version);
	json_object_object_add(j, "prepare_ms", json_object_get(prepare_ms));
	list_files(guests, t->early);
	json_set_int(j, "committed_ms", clock_realtime_ns() / NSEC_PER_MSEC);

	ret->record = handover_create("vmkeep-index", j);
	if (ret->record < 0)
		return err_set(e, ret->record, "%s", strerror(-ret->record));
	ret->session = handover_create_session(HANDOVER_INDEX_SESSION, e);
	if (ret->session < 0)
		return ret->session;
	r = luo_preserve(ret->session, ret->record, HANDOVER_TOKEN_RECORD);
	return r < 0 ? err_set(e, r, "preserve: %s", strerror(-r)) : 0;
}

void guestindex_drop(struct guest_index *index)
{
	fd_close(&index->session);
	fd_close(&index->record);
}
