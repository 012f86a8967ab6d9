// SPDX-License-Identifier: GPL-2.0-or-later

#include "report.h"

#include <stdio.h>
#include <sys/utsname.h>

#include "clock.h"
#include "log.h"

/* As many restarts are remembered. */
#define RESTARTS_MAX 200

static char *report_path, *restarts_path;
static json *report, *restarts;
static struct handover_late host;

void report_setup(const char *state_dir)
{
	report_path = xasprintf("%s/report.json", state_dir);
	restarts_path = xasprintf("%s/restarts.json", state_dir);
}

/* Ticks of the time-stamp counter as milliseconds. */
static double ticks_ms(uint64_t from, uint64_t to)
{
	return (double)(int64_t)(to - from) * MSEC_PER_SEC / (double)host.tsc_hz;
}

static void set_ms(json *obj, const char *key, double ms)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f", ms);
	json_object_object_add(obj, key, json_object_new_double_s(ms, text));
}

static void set_span(json *obj, const char *key, uint64_t from, uint64_t to)
{
	set_ms(obj, key, ticks_ms(from, to));
}

void report_begin(json *index, const struct handover_late *late)
{
	struct utsname uts;
	double expected;

	host = *late;
	if (!host.tsc_hz) {
		clock_measure(
			NULL); /* a record from an agent that did not know: nobody waits any more */
		host.tsc_hz = clock_tsc_hz();
	}
	/* An earlier agent may have begun it: what it saw of its guests is better than what we see. */
	if (report_last() &&
	    json_int(report, "committed_ms", -1) == json_int(index, "committed_ms", 0))
		return;
	uname(&uts);
	json_object_put(report);
	report = json_object_new_object();
	json_set_str(report, "from_kernel", json_str(index, "from_kernel"));
	json_set_str(report, "to_kernel", uts.release);
	json_set_int(report, "committed_ms", json_int(index, "committed_ms", 0));
	json_object_object_add(report, "prepare_ms",
			       json_object_get(json_get(index, "prepare_ms", json_type_object)));
	/* The new kernel has its time from a clock of whole seconds; the counter knows better. */
	expected = (double)late->realtime_ns / NSEC_PER_MSEC +
		   ticks_ms(late->tsc_jump, clock_tsc());
	set_ms(report, "host_clock_off_ms", (double)clock_realtime_ns() / NSEC_PER_MSEC - expected);
	json_object_object_add(report, "guests", json_object_new_array());
}

/* When the new kernel's clocks began to run, in ticks. */
static uint64_t kernel_start_tsc(void)
{
	return clock_start_tsc() - (uint64_t)((double)clock_start_boot_ns() * (double)host.tsc_hz /
					      (double)NSEC_PER_SEC);
}

/* What the report says of @name, or NULL. */
static json *entry_of(const char *name)
{
	json *guests = json_get(report, "guests", json_type_array);

	for (size_t i = 0; guests && i < json_object_array_length(guests); i++) {
		json *j = json_object_array_get_idx(guests, i);

		if (json_str(j, "name") && strcmp(json_str(j, "name"), name) == 0)
			return j;
	}
	return NULL;
}

static void add_clock(json *j, const struct guest *g)
{
	if (g->x.clock)
		json_object_object_add(j, "guest_clock", json_object_get(g->x.clock));
}

void report_clock(const struct guest *g)
{
	json *j = entry_of(g->name);

	/* Else report_guest() enters it. */
	if (!j || !json_get(j, "phases_ms", json_type_object))
		return;
	add_clock(j, g);
	report_save();
}

/* Put @j in the place of what the report says of @name, or at its end. */
static void enter(const char *name, json *j)
{
	json *guests = json_get(report, "guests", json_type_array);
	size_t n = json_object_array_length(guests), at = 0;

	while (at < n) {
		const char *other = json_str(json_object_array_get_idx(guests, at), "name");

		if (other && strcmp(other, name) == 0)
			break;
		at++;
	}
	json_object_array_put_idx(guests, at, j);
}

void report_guest(const struct guest *g)
{
	const struct guest_crossing *x = &g->x;
	json *j = json_object_new_object(), *phases;

	enter(g->name, j);
	json_set_str(j, "name", g->name);
	json_set_int(j, "memory_bytes", (int64_t)ram_total(&g->ram.size));
	json_set_int(j, "huge_bytes", (int64_t)g->ram.huge);
	json_set_int(j, "state_bytes", (int64_t)x->late.state_bytes);
	json_set_str(j, "machine", g->machine);
	json_set_str(j, "qemu_version", g->qemu_version);
	json_set_str(j, "ram_path", ram_path_name(g->ram_path));
	if (g->state == GUEST_KEPT) {
		json_set_str(j, "result", "kept");
		json_set_str(j, "reason", g->kept_reason);
		return;
	}
	json_set_str(j, "result", x->late.running ? "resumed" : "restored, paused as before");
	phases = json_object_new_object();
	set_span(phases, "stop", x->late.tsc_stop, x->late.tsc_stopped);
	set_span(phases, "save", x->late.tsc_stopped, x->late.tsc_saved);
	set_span(phases, "preserve", x->late.tsc_saved, x->late.tsc_preserved);
	set_span(phases, "jump", x->late.tsc_preserved, kernel_start_tsc());
	set_span(phases, "boot", kernel_start_tsc(), clock_start_tsc());
	set_span(phases, "retrieve", clock_start_tsc(), x->tsc_retrieved);
	set_span(phases, "launch", x->tsc_retrieved, x->tsc_launched);
	set_span(phases, "load", x->tsc_launched, x->tsc_loaded);
	set_span(phases, "resume", x->tsc_loaded, x->tsc_resumed);
	json_object_object_add(j, "phases_ms", phases);
	set_span(j, "blackout_ms", x->late.tsc_stop, x->tsc_resumed);
	/* A guest's clocks stand still while its vCPUs do: its wall clock goes on from where it stopped. */
	if (x->late.running)
		set_span(j, "guest_clock_behind_ms", x->late.tsc_stop, x->tsc_resumed);
	add_clock(j, g);
}

static void save(const char *path, json *j)
{
	const char *text = json_object_to_json_string_ext(j, JSON_C_TO_STRING_PRETTY |
								     JSON_C_TO_STRING_SPACED);
	int r = write_file_atomic(path, text, strlen(text));

	if (r < 0)
		log_error("%s: %s", path, strerror(-r));
}

void report_save(void)
{
	save(report_path, report);
}

json *report_last(void)
{
	_cleanup_free_ char *text = NULL;

	if (!report && read_file(report_path, 16UL * 1024 * 1024, &text, NULL) == 0)
		report = json_tokener_parse(text);
	return json_get(report, "guests", json_type_array) ? report : NULL;
}

static json *last_restarts(void)
{
	_cleanup_free_ char *text = NULL;

	if (!restarts && read_file(restarts_path, 16UL * 1024 * 1024, &text, NULL) == 0)
		restarts = json_tokener_parse(text);
	if (!json_object_is_type(restarts, json_type_array)) {
		json_object_put(restarts);
		restarts = json_object_new_array();
	}
	return restarts;
}

void report_restart(json *restart)
{
	json *all = last_restarts();
	size_t n = json_object_array_length(all);

	if (n >= RESTARTS_MAX)
		json_object_array_del_idx(all, 0, n - RESTARTS_MAX + 1);
	json_object_array_add(all, json_object_get(restart));
	save(restarts_path, all);
}

json *report_all(void)
{
	json *update = report_last(), *all = last_restarts(), *ret;

	if (!update && !json_object_array_length(all))
		return NULL;
	ret = json_object_new_object();
	if (update) {
		json_object_object_foreach (update, key, value)
			json_object_object_add(ret, key, json_object_get(value));
	}
	if (json_object_array_length(all))
		json_object_object_add(ret, "restarts", json_object_get(all));
	return ret;
}
