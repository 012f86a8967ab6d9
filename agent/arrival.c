// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * All sessions are taken first, as the device is only for one at a time. Then everything a guest has in its
 * own is retrieved before anything is checked, because what is not retrieved is freed with the session, and
 * because a guest that cannot be started must still have its memory held here.
 */

#include "arrival.h"

#include <stdio.h>
#include <sys/resource.h>

#include "clock.h"
#include "handover.h"
#include "holder.h"
#include "log.h"
#include "luo.h"

#define DEVICE_WAIT_MS 10000

static void session_name(char name[64], const char *uuid)
{
	snprintf(name, 64, HANDOVER_GUEST_SESSION, uuid);
}

int arrival_take_session(const char *name, bool *again)
{
	int64_t deadline = now_ms() + DEVICE_WAIT_MS;
	int session;

	/* PID 1 may be taking its own session out of the device just now. */
	while ((session = holder_take(name, again)) == -EBUSY && now_ms() < deadline)
		task_sleep(10);
	return session;
}

void arrivals_take(json *index, bool early, struct arrivals *all)
{
	json *list = json_get(index, "guests", json_type_array);
	size_t listed = list ? json_object_array_length(list) : 0;

	*all = (struct arrivals){ .v = xmalloc0((listed + 1) * sizeof(*all->v)), .complete = list };
	for (size_t i = 0; i < listed; i++) {
		json *j = json_object_array_get_idx(list, i);
		const char *name = json_str(j, "name"), *uuid = json_str(j, "uuid");
		struct arrival *a = &all->v[all->n];
		char session[64];

		/* One that makes no sense must not cost the others. */
		if (!name || !guest_name_valid(name) || !uuid_valid(uuid)) {
			log_error("the index of guests: entry %zu makes no sense", i);
			all->complete = false;
			continue;
		}
		if (early && !json_flag(j, "early")) {
			all->others = true;
			continue;
		}
		session_name(session, uuid);
		a->session = arrival_take_session(session, &a->again);
		if (a->session == -EALREADY)
			continue;
		all->n++;
		a->priority = guest_priority(j);
		a->record = a->state = -EBADF;
		guestram_init(&a->ram);
		snprintf(a->name, sizeof(a->name), "%s", name);
		snprintf(a->uuid, sizeof(a->uuid), "%s", uuid);
	}
}

static int record_thread(void *arg)
{
	struct arrival *a = arg;

	a->record = luo_retrieve(a->session, HANDOVER_TOKEN_RECORD);
	return 0;
}

static int rest_thread(void *arg)
{
	struct arrival *a = arg;

	a->state = luo_retrieve(a->session, HANDOVER_TOKEN_STATE);
	guestram_retrieve(&a->ram, a->session);
	return 0;
}

static void retrieve_rest(void *arg)
{
	task_blocking(rest_thread, arg);
}

/* No guest is lost for it. */
static int read_nice(json *payload)
{
	int64_t nice = json_int(payload, "nice", 0);

	return nice < PRIO_MIN || nice >= PRIO_MAX ? 0 : (int)nice;
}

static int make_guest(struct arrival *a, struct guest **ret, struct err *e)
{
	_cleanup_json_ json *payload = NULL;
	struct handover_late late;
	struct guest *g;
	int r;

	if (a->session < 0)
		return err_set(e, a->session, "its session did not come over: %s",
			       strerror(-a->session));
	if (a->record < 0)
		return err_set(e, a->record, "its record did not come over: %s",
			       strerror(-a->record));
	r = handover_read(a->record, &payload, &late, e);
	if (r < 0)
		return r;
	if (!json_str(payload, "uuid") || strcmp(json_str(payload, "uuid"), a->uuid) != 0)
		return err_set(e, -EBADMSG, "its record is another guest's");
	r = guest_from_json(payload, &g, e);
	if (r < 0) {
		err_prefix(e, "its record");
		return r;
	}
	g->x.late = late;
	g->x.nice = read_nice(payload);
	*ret = g;
	return 0;
}

int arrival_begin(struct arrival *a, struct guest **ret, struct err *e)
{
	/* Memory takes its time, by the page; what the record asks for is looked at meanwhile. */
	if (a->session >= 0) {
		task_blocking(record_thread, a);
		task_group_start(&a->rest, retrieve_rest, a);
	}
	return make_guest(a, ret, e);
}

bool arrival_end(struct arrival *a)
{
	task_group_wait(&a->rest);
	return !(a->again && a->record == -ENOENT && a->state == -ENOENT &&
		 a->ram.fd[0] == -ENOENT);
}

void arrival_give(struct arrival *a, struct guest *g)
{
	g->x.session = take_fd(&a->session);
	g->x.record = take_fd(&a->record);
	g->x.state = take_fd(&a->state);
	guestram_take(&g->ram, &a->ram);
}

void arrival_let_go(const char *uuid)
{
	char name[64];

	session_name(name, uuid);
	holder_release(name);
}
