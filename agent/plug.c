// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Theory of operation
 * -------------------
 * The journal is the command line itself (guest.argv): it is in the state file, so that a
 * restarted agent knows it, and in the handover record. What comes is put behind all
 * else, where QEMU makes it last, as it did while it ran; with the places that QEMU has
 * given out by itself (bus, address, slot, MAC), since the next QEMU gives them out in
 * another order. What goes is taken out.
 *
 * A change is first QEMU's and then written down. An agent that ends in between has a guest that
 * differs from its command line: `vmkeep check` finds that and refuses (guestparts.h), and so
 * it does when QEMU did not answer in time. What is written down counts as what QEMU was
 * started with.
 *
 * A device goes when the guest lets go of it, asked or not. guest.changes is counted up at the
 * event, so that no commit uses a record that does not know.
 */

#include "plug.h"

#include <stdio.h>

#include "guestparts.h"
#include "log.h"
#include "plugargs.h"
#include "plugoption.h"
#include "plugplace.h"

#define PERIPHERAL "/machine/peripheral/"
#define DIMM_ID "vmkeep-dimm%zu"
#define BUSY_POLL_MS 10
/* An option more is some hundred bytes of a record that holds a megabyte. */
#define WORDS_MAX 4096

static unsigned int running;

bool plug_busy(void)
{
	return running;
}

static int begin(struct guest *g, struct err *e)
{
	if (g->plugging || g->unplugged)
		return err_set(e, -EBUSY,
			       "%s: something is just being plugged in or out: try again", g->name);
	g->plugging = true;
	running++;
	guest_hold(g);
	return 0;
}

static void end(struct guest *g)
{
	g->plugging = false;
	running--;
	guest_release(g);
}

static int ask(struct guest *g, const char *command, json *args, int fd, json **ret, struct err *e)
{
	return qmp_call(g->qmp, command, args, fd, GUEST_QMP_TIMEOUT_MS, ret, e);
}

/* The same, of what changes the guest. */
static int change(struct guest *g, const char *command, json *args, json **ret, struct err *e)
{
	int r = ask(g, command, args, -1, ret, e);

	if (r == -ETIMEDOUT)
		return err_set(
			e, r,
			"%s: QEMU does not answer: whether it was done after all, `vmkeep check` tells",
			command);
	return r;
}

static void write_down(struct guest *g)
{
	g->changes++;
	if (!g->gone) /* or its files are back that were removed with it */
		guest_remember(g);
}

/*
 * A kind of device that QEMU makes unasked as long as no option speaks of that kind. @after: the
 * command line that there would be.
 */
static int check_defaults(const struct guest *g, const struct strv *after, const char *command,
			  const char *id, struct err *e)
{
	unsigned int before = plugargs_defaults(&g->argv), then = plugargs_defaults(after);

	if (before == then)
		return 0;
	return err_set(
		e, -EPERM,
		"%s %s: QEMU makes a %s by itself as long as its command line has none of that kind, so an update would %s one: start the guest with -nodefaults",
		command, id, (before ^ then) & DEFAULT_NET ? "network card" : "CD-ROM drive",
		before & ~then ? "take away" : "add");
}

static void copy_argv(struct strv *to, const struct strv *argv)
{
	for (size_t i = 0; i < argv->n; i++)
		strv_add(to, argv->v[i]);
}

static int check_comes(const struct guest *g, const struct plugrule *rule, json *args,
		       struct err *e)
{
	_cleanup_strv_ struct strv after = { 0 };

	copy_argv(&after, &g->argv);
	plugargs_add(&after, rule->option, json_object_to_json_string(args));
	return check_defaults(g, &after, rule->command, json_str(args, rule->key), e);
}

/* That the command line without it is still one that QEMU takes, and makes the same of. */
static int check_goes(const struct guest *g, const char *command, const char *option,
		      const char *id, struct err *e)
{
	const char *user = plugargs_user(&g->argv, option, id);
	_cleanup_strv_ struct strv after = { 0 };

	if (user)
		return err_set(
			e, -EBUSY,
			"%s %s: used by \"%.160s\", which has to go first (by device_del, if it has an id)",
			command, id, user);
	copy_argv(&after, &g->argv);
	plugargs_remove(&after, option, id);
	return check_defaults(g, &after, command, id, e);
}

/* --- out --- */

struct unplugged {
	struct guest *g;
	char *id;
};

/* A -drive goes with its device; a -blockdev stays. */
static void take_out(struct guest *g, const char *id)
{
	_cleanup_json_ json *device = plugargs_find(&g->argv, "device", id);
	const char *drive = json_str(device, "drive");

	plugargs_remove(&g->argv, "device", id);
	guestparts_adopt(g->parts, NULL, "devices", id);
	guestparts_adopt(g->parts, NULL, "drives", id);
	if (drive && plugargs_remove(&g->argv, "drive", drive))
		guestparts_adopt(g->parts, NULL, "drives", drive);
	write_down(g);
	log_info("%s: %s was unplugged", g->name, id);
}

static void forget_unplugged(void *arg)
{
	struct unplugged *u = arg;
	struct guest *g = u->g;
	struct err e;

	while (g->plugging)
		task_sleep(BUSY_POLL_MS);
	g->plugging = true;
	/* One that no option has made is not ours to forget: a check speaks of it. */
	if (plugargs_has(&g->argv, "device", u->id) && !g->gone) {
		if (check_goes(g, "DEVICE_DELETED", "device", u->id, &e) < 0 ||
		    plugplace_hold(g, u->id, &e) < 0)
			log_error("%s: %s is gone, and blocks updates: %s", g->name, u->id, e.text);
		else if (!g->gone)
			take_out(g, u->id);
	}
	free(u->id);
	free(u);
	g->unplugged--;
	end(g);
}

void plug_unplugged(struct guest *g, const char *id)
{
	struct unplugged *u;

	if (g->state != GUEST_RUNNING && g->state != GUEST_PAUSED)
		return;
	u = xmalloc0(sizeof(*u));
	u->g = guest_hold(g);
	u->id = xstrdup(id);
	g->unplugged++;
	running++;
	task_start(forget_unplugged, u);
}

void plug_setup(void)
{
	guest_on_unplug(plug_unplugged);
}

/* --- in --- */

/* The nodes that one blockdev-add makes: it has those below it inside. */
static void adopt_nodes(struct guest *g, json *now, json *args)
{
	const char *name = json_str(args, "node-name");

	if (name)
		guestparts_adopt(g->parts, now, "nodes", name);
	json_object_object_foreach (args, key, value) {
		(void)key;
		if (json_object_is_type(value, json_type_object))
			adopt_nodes(g, now, value);
	}
}

static void adopt(struct guest *g, const struct plugrule *rule, const char *id, json *args)
{
	_cleanup_json_ json *now = NULL;
	struct err e;

	if (!g->parts)
		return;
	if (guestparts_ask(g->qmp, &now, &e) < 0) {
		log_warn("%s: %s %s will block updates: %s", g->name, rule->command, id, e.text);
		return;
	}
	if (strcmp(rule->part, "nodes") == 0)
		adopt_nodes(g, now, args);
	else
		guestparts_adopt(g->parts, now, rule->part, id);
	if (strcmp(rule->part, "devices") == 0)
		guestparts_adopt(g->parts, now, "drives", id);
}

/* What the command line takes instead of QMP's arguments. Caller frees. */
static char *device_text(struct guest *g, const char *id, json *args)
{
	_cleanup_free_ char *path = xasprintf(PERIPHERAL "%s", id);
	_cleanup_json_ json *own = json_tokener_parse(json_object_to_json_string(args));
	_cleanup_json_ json *type = NULL, *properties = NULL;

	/* The driver's name may be another one for it. */
	if (ask(g, "qom-get", qmp_args("path", path, "property", "type", NULL), -1, &type, NULL) ==
		    0 &&
	    ask(g, "device-list-properties",
		qmp_args("typename", json_object_get_string(type), NULL), -1, &properties,
		NULL) == 0)
		plugoption_device(own, properties);
	return xstrdup(json_object_to_json_string_ext(own, JSON_C_TO_STRING_PLAIN |
								   JSON_C_TO_STRING_NOSLASHESCAPE));
}

static int check_put_in(struct guest *g, const struct plugrule *rule, json *args, struct err *e)
{
	_cleanup_json_ json *now = NULL;
	const char *stranger, *id = json_str(args, rule->key);
	int r = check_comes(g, rule, args, e);

	/* One of that name went, which no event has told: its option is about to go. */
	if (!r && strcmp(rule->option, "device") == 0 && plugargs_has(&g->argv, "device", id))
		r = plugplace_hold(g, id, e);
	if (!r && g->argv.n >= WORDS_MAX)
		r = err_set(e, -E2BIG, "%s: its command line has %zu words already", rule->command,
			    g->argv.n);
	if (!r)
		r = guestparts_ask(g->qmp, &now, e);
	if (r < 0)
		return r;
	stranger = guestparts_stranger(g->parts, now, args);
	if (stranger)
		return err_set(
			e, -EPERM,
			"%s: %s was added by another monitor, and an update would not bring it back: take it out there, and add it with `vmkeep qmp`",
			rule->command, stranger);
	return 0;
}

/* Where it is, and that it is meant: a device of which the former is not known is not. */
static void settle(struct guest *g, const struct plugrule *rule, const char *id, json *args)
{
	struct err e;

	if (strcmp(rule->option, "device") == 0 && plugplace_pin(g, id, &e) < 0)
		log_warn(
			"%s: %s blocks updates until it is unplugged: where it is, is not known: %s",
			g->name, id, e.text);
	else
		adopt(g, rule, id, args);
}

static int put_in(struct guest *g, const struct plugrule *rule, json *args, json **ret,
		  struct err *e)
{
	const char *id = json_str(args, rule->key);
	_cleanup_free_ char *value = NULL;
	int r = check_put_in(g, rule, args, e);

	/* What cannot be said on a command line must not get as far as QEMU. */
	if (!r && strcmp(rule->option, "chardev") == 0)
		r = plugoption_chardev(args, &value, e);
	else if (!r && strcmp(rule->option, "device") != 0)
		value = xstrdup(json_object_to_json_string_ext(
			args, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE));
	if (!r)
		r = change(g, rule->command, json_object_get(args), ret, e);
	if (r < 0)
		return r;
	if (!value)
		value = device_text(g, id, args);
	plugargs_remove(&g->argv, rule->option, id);
	plugargs_add(&g->argv, rule->option, value);
	settle(g, rule, id, args);
	write_down(g);
	log_info("%s: %s %s", g->name, rule->command, id);
	return 0;
}

/* --- memory --- */

/* The blocks are counted through: only the last one can go. */
static int take_block_out(struct guest *g, const char *id, json *args, json **ret, struct err *e)
{
	int fd = GUEST_FD_RAM + (int)g->ram.size.n - 1, r;
	char last[32], word[32];

	snprintf(last, sizeof(last), RAM_BLOCK_ID, g->ram.size.n - 1);
	for (size_t i = 0; i + 1 < g->ram.size.n; i++) {
		char other[32];

		snprintf(other, sizeof(other), RAM_BLOCK_ID, i);
		if (strcmp(id, other) == 0)
			return err_set(
				e, -EBUSY,
				"object-del %s: of the guest's memory only what came last, %s, can be taken out",
				id, last);
	}
	r = check_goes(g, "object-del", "object", id, e);
	if (!r)
		r = change(g, "object-del", json_object_get(args), ret, e);
	if (r < 0 || strcmp(id, last) != 0)
		return r;
	snprintf(word, sizeof(word), "fd=%d,set=%d", fd, fd);
	plugargs_remove(&g->argv, "object", id);
	plugargs_remove_exact(&g->argv, "add-fd", word);
	guestram_drop_last(&g->ram);
	guestparts_adopt(g->parts, NULL, "objects", id);
	write_down(g);
	log_info("%s: %s was taken out", g->name, id);
	return 0;
}

static int take_backend_out(struct guest *g, const struct plugrule *rule, json *args, json **ret,
			    struct err *e)
{
	const char *id = json_str(args, rule->key);
	int r;

	if (strcmp(rule->option, "object") == 0 && strncmp(id, "vmkeep-ram", 10) == 0)
		return take_block_out(g, id, args, ret, e);
	r = check_goes(g, rule->command, rule->option, id, e);
	if (!r)
		r = change(g, rule->command, json_object_get(args), ret, e);
	/* One that no option has made, a check speaks of. */
	if (r < 0 || !plugargs_remove(&g->argv, rule->option, id))
		return r;
	guestparts_adopt(g->parts, NULL, rule->part, id);
	write_down(g);
	log_info("%s: %s %s", g->name, rule->command, id);
	return 0;
}

int plug_command(struct guest *g, const struct plugrule *rule, const char *command, json *args,
		 json **ret, struct err *e)
{
	int r;

	if (!rule) {
		guest_hold(g);
		r = ask(g, command, json_object_get(args), -1, ret, e);
		guest_release(g);
		return r;
	}
	r = begin(g, e);
	if (r < 0)
		return r;
	if (rule->adds) {
		r = put_in(g, rule, args, ret, e);
	} else if (strcmp(rule->option, "device") == 0) {
		const char *id = json_str(args, "id");

		r = check_goes(g, command, "device", id, e);
		if (!r)
			r = plugplace_hold(g, id, e);
		if (!r)
			r = change(g, command, json_object_get(args), ret, e);
	} else {
		r = take_backend_out(g, rule, args, ret, e);
	}
	end(g);
	return r;
}

static json *number_args(const char *key, int64_t value)
{
	json *j = json_object_new_object();

	json_set_int(j, key, value);
	return j;
}

/*
 * QEMU gets the memfd into its own fdset, opens it from there, by whichever name its kind takes,
 * and the set is let go of: what it has opened stays.
 */
static int add_backend(struct guest *g, size_t block, int memfd, uint64_t size, const char *id,
		       struct err *e)
{
	json *args = qmp_args("qom-type", "memory-backend-file", "id", id, NULL);
	_cleanup_json_ json *set = NULL;
	int number = GUEST_FD_RAM + (int)block;
	char path[64];
	int r = ask(g, "add-fd", number_args("fdset-id", number), memfd, &set, e);

	if (r < 0) {
		json_object_put(args);
		return r;
	}
	if (g->ram_path == RAM_PATH_FDSET)
		snprintf(path, sizeof(path), "/dev/fdset/%d", number);
	else
		snprintf(path, sizeof(path), "/proc/self/fd/%d", (int)json_int(set, "fd", -1));
	json_set_str(args, "mem-path", path);
	json_set_int(args, "size", (int64_t)size);
	json_set_bool(args, "share", true);
	json_set_bool(args, "prealloc", false);
	json_set_int(args, "align", RAM_BLOCK_UNIT);
	r = change(g, "object-add", args, NULL, e);
	ask(g, "remove-fd", number_args("fdset-id", number), -1, NULL, NULL);
	return r;
}

static json *dimm_args(const char *id, const char *backend, int node)
{
	json *args = qmp_args("driver", "pc-dimm", "id", id, "memdev", backend, NULL);

	if (node >= 0)
		json_set_int(args, "node", node);
	return args;
}

static int plug_dimm(struct guest *g, uint64_t size, int node, json **ret, struct err *e)
{
	static const struct plugrule dimm = { "plug-memory", true, "device", "id", "devices" },
				     memory = { "plug-memory", true, "object", "id", "objects" };
	size_t block = g->ram.size.n;
	_cleanup_close_ int memfd = guestram_new_block(&g->ram, g->name, size, e);
	_cleanup_json_ json *args = NULL;
	char backend[32], id[32];
	int r = memfd;

	if (r < 0)
		return r;
	snprintf(backend, sizeof(backend), RAM_BLOCK_ID, block);
	snprintf(id, sizeof(id), DIMM_ID, block);
	args = dimm_args(id, backend, node);
	r = add_backend(g, block, memfd, size, backend, e);
	if (r < 0)
		return r;
	r = change(g, "device_add", json_object_get(args), NULL, e);
	if (r < 0) {
		ask(g, "object-del", qmp_args("id", backend, NULL), -1, NULL, NULL);
		return r;
	}
	memargs_add_backend(&g->argv, block, size, g->ram_path);
	plugargs_add(&g->argv, "device",
		     json_object_to_json_string_ext(args, JSON_C_TO_STRING_PLAIN));
	guestram_append(&g->ram, take_fd(&memfd), size);
	settle(g, &dimm, id, args);
	adopt(g, &memory, backend, args);
	write_down(g);
	log_info("%s: %s was plugged in", g->name, id);
	*ret = qmp_args("memdev", backend, "device", id, NULL);
	return 0;
}

int plug_memory(struct guest *g, uint64_t size, int node, json **ret, struct err *e)
{
	int r = begin(g, e);

	if (r < 0)
		return r;
	r = plug_dimm(g, size, node, ret, e);
	end(g);
	return r;
}
