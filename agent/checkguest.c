// SPDX-License-Identifier: GPL-2.0-or-later

#include "checkguest.h"

#include <stdio.h>
#include <sys/stat.h>

#include "checkbackends.h"
#include "checkfiles.h"
#include "findings.h"
#include "guestparts.h"

/* --- what QEMU says by itself --- */

/* QEMU's reasons, by words in them, where more can be said than QEMU does. */
static const struct {
	const char *words, *why, *cure;
} known_reasons[] = {
	{ "invtsc", "QEMU promises this guest a time-stamp counter of one rate for ever",
	  "start the guest without invtsc (-cpu MODEL,-invtsc), or with tsc-frequency=" },
	{ "9pfs",
	  "the guest has a directory of the host mounted, whose open files QEMU cannot save",
	  "unmount it in the guest" },
	{ "VFIO", "the state of the device is in hardware that the jump resets",
	  "unplug the device, or stop the guest" },
};

static void check_blockers(json *all, struct guest *g)
{
	_cleanup_json_ json *info = NULL;
	struct err e;
	json *reasons;
	int r = guest_arm(g, &e); /* QEMU tells the reasons for the mode that is set */

	if (!r)
		r = qmp_call(g->qmp, "query-migrate", NULL, -1, GUEST_QMP_TIMEOUT_MS, &info, &e);
	guest_disarm(g);
	if (r < 0) {
		found(all, UNKNOWN, g->name, e.text,
		      "whether its QEMU can be checkpointed is not known",
		      "look at its QEMU's log");
		return;
	}
	reasons = json_get(info, "blocked-reasons", json_type_array);
	for (size_t i = 0; reasons && i < json_object_array_length(reasons); i++) {
		const char *reason = json_object_get_string(json_object_array_get_idx(reasons, i));
		const char *why = "QEMU cannot save this guest's devices";
		const char *cure = "take what is named out of the guest, or stop it";

		for (size_t k = 0; k < ARRAY_SIZE(known_reasons); k++) {
			if (strcasestr(reason, known_reasons[k].words)) {
				why = known_reasons[k].why;
				cure = known_reasons[k].cure;
				break;
			}
		}
		found(all, BLOCKED, g->name, reason, why, cure);
	}
}

/* --- its memory --- */

/* Ask QEMU; when it does not tell, @unknown is what is not known then. */
static int ask(json *all, struct guest *g, const char *command, json *args, json **ret,
	       const char *unknown)
{
	struct err e;
	int r = qmp_call(g->qmp, command, args, -1, GUEST_QMP_TIMEOUT_MS, ret, &e);

	if (r < 0)
		found(all, UNKNOWN, g->name, e.text, unknown, "look at its QEMU's log");
	return r;
}

static void check_memfds(json *all, struct guest *g)
{
	struct err e;

	if (guestram_check(&g->ram, &e) < 0)
		found(all, BLOCKED, g->name, e.text,
		      "the next kernel's agent would not give it to a QEMU", "stop the guest");
}

/* The block that is this backend, or -1. */
static int block_of(const struct guest *g, const char *id)
{
	for (size_t i = 0; id && i < g->ram.size.n; i++) {
		_cleanup_free_ char *ours = xasprintf(RAM_BLOCK_ID, i);

		if (strcmp(id, ours) == 0)
			return (int)i;
	}
	return -1;
}

static void check_backends(json *all, struct guest *g)
{
	_cleanup_json_ json *list = NULL;
	size_t ours = 0;

	if (ask(all, g, "query-memdev", NULL, &list, "which memory it has is not known") < 0)
		return;
	for (size_t i = 0;
	     json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
	     i++) {
		json *dev = json_object_array_get_idx(list, i);
		const char *id = json_str(dev, "id");
		int block = block_of(g, id);
		_cleanup_free_ char *what = NULL;

		if (block >= 0) {
			ours += json_flag(dev, "share") &&
				json_int(dev, "size", -1) == (int64_t)g->ram.size.v[block];
			continue;
		}
		what = xasprintf("has memory that is not vmkeep's: object %s", id ? id : "?");
		found(all, BLOCKED, g->name, what,
		      "only the memory that vmkeep made is carried over: this would be lost",
		      "unplug it (object-del), or stop the guest");
	}
	if (ours < g->ram.size.n)
		found(all, BLOCKED, g->name, "its QEMU does not run on the memory that vmkeep made",
		      "its memory would not be carried over", "stop the guest");
}

/* A DIMM that was plugged in, or out: what is left must be what vmkeep made. */
static void check_total(json *all, struct guest *g)
{
	uint64_t made = ram_total(&g->ram.size), has;
	_cleanup_free_ char *what = NULL;
	_cleanup_json_ json *sum = NULL;
	char a[32], b[32];

	if (ask(all, g, "query-memory-size-summary", NULL, &sum,
		"whether memory was plugged in is not known") < 0)
		return;
	has = (uint64_t)(json_int(sum, "base-memory", 0) + json_int(sum, "plugged-memory", 0));
	if (has == made)
		return;
	what = xasprintf("it has %s of memory, and vmkeep made %s", format_size(has, a, sizeof(a)),
			 format_size(made, b, sizeof(b)));
	found(all, BLOCKED, g->name, what, "just what vmkeep made is carried over",
	      "make it what it was at the guest's start, or stop the guest");
}

static void check_discard(json *all, struct guest *g)
{
	for (size_t i = 0; i < g->ram.size.n; i++) {
		_cleanup_free_ char *path = xasprintf("/objects/" RAM_BLOCK_ID, i), *cure = NULL;
		_cleanup_json_ json *on = NULL;

		/* An error: this QEMU has no such property. */
		if (qmp_call(g->qmp, "qom-get",
			     qmp_args("path", path, "property", "discard-data", NULL), -1,
			     GUEST_QMP_TIMEOUT_MS, &on, NULL) < 0 ||
		    !json_object_get_boolean(on))
			continue;
		cure = xasprintf("switch it off (QMP command qom-set, path %s)", path);
		found(all, BLOCKED, g->name, "its memory has discard-data=on",
		      "QEMU throws the guest's memory away when it ends", cure);
	}
}

static void check_balloon(json *all, struct guest *g)
{
	_cleanup_json_ json *info = NULL;
	_cleanup_free_ char *what = NULL;
	uint64_t actual, whole = ram_total(&g->ram.size);
	char size[32];

	/* An error: it has none. */
	if (qmp_call(g->qmp, "query-balloon", NULL, -1, GUEST_QMP_TIMEOUT_MS, &info, NULL) < 0)
		return;
	actual = (uint64_t)json_int(info, "actual", (int64_t)whole);
	if (actual >= whole)
		return;
	what = xasprintf("its balloon holds %s", format_size(whole - actual, size, sizeof(size)));
	found(all, NOTE, g->name, what,
	      "the host has to give that much memory back: preserving fills all of a guest's memory",
	      "after the update the guest can give it up again: inflate the balloon anew");
}

/* --- its disks --- */

static bool seen_before(json *seen, const char *file)
{
	if (json_object_object_get_ex(seen, file, NULL))
		return true;
	json_set_str(seen, file, "");
	return false;
}

/* A node and the one below it are about the same file, and said once. */
static void check_cache(json *all, const char *guest, json *nodes)
{
	_cleanup_json_ json *seen = json_object_new_object();

	for (size_t i = 0; i < json_object_array_length(nodes); i++) {
		json *n = json_object_array_get_idx(nodes, i);
		const char *file = json_str(n, "file");
		_cleanup_free_ char *what = NULL;

		if (json_flag(n, "ro") || !file ||
		    !json_flag(json_get(n, "cache", json_type_object), "no-flush") ||
		    seen_before(seen, file))
			continue;
		what = xasprintf("image %s has cache=unsafe", file);
		found(all, BLOCKED, guest, what,
		      "QEMU does not flush it when the guest is stopped: what the guest wrote last would be lost at the jump",
		      "start the guest with another cache= (none, writeback)");
	}
}

static void check_disks(json *all, struct guest *g)
{
	static const char unknown[] = "which images it has is not known";
	_cleanup_json_ json *nodes = NULL, *drives = NULL;
	json *args = json_object_new_object();

	json_set_bool(args, "flat", true);
	if (ask(all, g, "query-named-block-nodes", args, &nodes, unknown) < 0 ||
	    ask(all, g, "query-block", NULL, &drives, unknown) < 0)
		return;
	if (!json_object_is_type(nodes, json_type_array) ||
	    !json_object_is_type(drives, json_type_array))
		return;
	check_cache(all, g->name, nodes);
	check_files(all, g, nodes, drives);
}

/* --- its processor --- */

static void check_cpu(json *all, const struct guest *g)
{
	const char *name, *value, *model = "";
	_cleanup_free_ char *what = NULL;
	size_t at = 1, len;

	while (guestargs_next(&g->argv, &at, &name, &value))
		if (value && strcmp(name, "cpu") == 0)
			model = value;
	len = strcspn(model, ",");
	if ((len != 4 || strncmp(model, "host", 4) != 0) &&
	    (len != 3 || strncmp(model, "max", 3) != 0))
		return;
	what = xasprintf("its processor is of the model %.*s", (int)len, model);
	found(all, NOTE, g->name, what,
	      "that has what this kernel's KVM and this QEMU offer: with the next ones the guest may miss what it uses",
	      "a model with a name (-cpu help) is the same under each kernel");
}

/* --- what was plugged in --- */

static void check_guest_parts(json *all, struct guest *g)
{
	_cleanup_json_ json *now = NULL;
	struct err e;

	if (!g->parts)
		found(all, UNKNOWN, g->name, "what it was started with is not known",
		      "a device that was plugged in later would be missing after the update",
		      "start the guest anew, under this vmkeep");
	else if (guestparts_ask(g->qmp, &now, &e) < 0)
		found(all, UNKNOWN, g->name, e.text,
		      "whether something was plugged in or out is not known",
		      "look at its QEMU's log");
	else
		guestparts_compare(g->parts, now, g->name, all);
}

int check_guest_parts_same(struct guest *g, struct err *e)
{
	_cleanup_json_ json *all = json_object_new_array();

	check_guest_parts(all, g);
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		json *f = json_object_array_get_idx(all, i);

		/* "could not tell" is no yes, and nothing is lost by another try: the guest runs. */
		if (strcmp(json_str(f, "level"), NOTE) != 0)
			return err_set(e, -EBUSY, "%s: %s", json_str(f, "what"),
				       json_str(f, "cure"));
	}
	return 0;
}

/* --- its QEMU --- */

/* An upgraded QEMU is what an update is for; but it must be able to take the guest. */
static void check_binary(json *all, const struct guest *g)
{
	const char *binary = g->argv.v[0];
	const struct qemu_caps *caps;
	_cleanup_free_ char *exe = xasprintf("/proc/%d/exe", g->pid), *what = NULL;
	struct stat now, runs;
	struct err e;

	if (stat(binary, &now) < 0) {
		what = xasprintf("its QEMU, %s: %s", binary, strerror(errno));
		found(all, BLOCKED, g->name, what, "the guest could not be brought back",
		      "install it again");
		return;
	}
	/* A file that is older than the guest was not replaced: it only starts another. */
	if (stat(exe, &runs) < 0 || (now.st_dev == runs.st_dev && now.st_ino == runs.st_ino) ||
	    now.st_ctim.tv_sec < g->started_ms / MSEC_PER_SEC)
		return;
	if (probe_qemu(binary, &caps, &e) < 0) {
		found(all, BLOCKED, g->name, e.text,
		      "it was replaced since the guest's start, and could not bring it back",
		      "install a QEMU that works");
	} else if (g->ram_path == RAM_PATH_FDSET && !caps->fdset_ram) {
		what = xasprintf(
			"%s was replaced by a QEMU %s that takes no memory from /dev/fdset", binary,
			caps->version);
		found(all, BLOCKED, g->name, what, "it could not bring the guest back",
		      "install one with the patches in qemu-patches");
	} else if (!json_str(caps->machines, g->machine)) {
		what = xasprintf("%s was replaced by a QEMU %s without the machine %s", binary,
				 caps->version, g->machine);
		found(all, BLOCKED, g->name, what, "it could not bring the guest back",
		      "install one that has it");
	} else {
		what = xasprintf("%s was replaced since the guest's start", binary);
		found(all, NOTE, g->name, what, "the guest will come back on it",
		      "see that it is meant to");
	}
}

/*
 * A guest that stands must stand for its user's sake. What QEMU stopped, for an error
 * of its own or of the guest, it does not save; nor one that stood when a commit failed
 * after its checkpoint ("postmigrate"), until it has run again.
 */
static bool can_be_saved(const char *status)
{
	static const char *const states[] = { "running", "paused", "prelaunch", "suspended" };

	for (size_t i = 0; i < ARRAY_SIZE(states); i++)
		if (strcmp(status, states[i]) == 0)
			return true;
	return false;
}

static void check_network(json *all, struct guest *g)
{
	_cleanup_json_ json *net = NULL;
	struct err e;

	if (guest_describe_net(g, &net, all, &e) < 0)
		found(all, UNKNOWN, g->name, e.text,
		      "what its network hangs on in the host is not known", "try again");
}

void check_guest(json *all, struct guest *g)
{
	char status[GUEST_STATUS_MAX];
	struct err e;
	int r;

	if (g->state == GUEST_KEPT) {
		found(all, BLOCKED, g->name, "is kept from the last update and does not run",
		      "its memory cannot be carried over a second jump",
		      "bring it back with `vmkeep finish --retry`");
		return;
	}
	if (g->state == GUEST_STARTING) {
		found(all, BLOCKED, g->name, "is just being started", "it has no state yet",
		      "try again in a moment");
		return;
	}
	r = guest_query_status(g, status, &e);
	if (r < 0) {
		found(all, BLOCKED, g->name, e.text,
		      "a QEMU that does not answer cannot be checkpointed",
		      "look at its QEMU's log, or stop it");
		return;
	}
	if (!can_be_saved(status)) {
		_cleanup_free_ char *what = xasprintf("its QEMU is in state %s", status);

		found(all, BLOCKED, g->name, what, "QEMU saves no devices in that state",
		      "let the guest run on (QMP command cont), or stop it");
		return;
	}
	check_blockers(all, g);
	check_network(all, g);
	check_memfds(all, g);
	check_backends(all, g);
	check_total(all, g);
	check_discard(all, g);
	check_balloon(all, g);
	check_guest_parts(all, g);
	check_disks(all, g);
	check_other_programs(all, g->name, &g->argv);
	check_cpu(all, g);
	check_binary(all, g);
}
