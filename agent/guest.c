// SPDX-License-Identifier: GPL-2.0-or-later

#include "guest.h"

#include <fcntl.h>
#include <stdio.h>

#include "guestfiles.h"
#include "guestparts.h"
#include "log.h"
#include "spawn.h"
#include "turns.h"

#define LOG_LOOK_MS 5000

static struct guest *guests;

/* A guest may have its QEMU complain as often as it likes, of a device that it drives wrongly. */
void guest_bound_logs(void *unused)
{
	(void)unused;
	for (;;) {
		for (struct guest *g = guests; g; g = g->next)
			guestfiles_bound_log(g);
		task_sleep(LOG_LOOK_MS);
	}
}

struct guest *guest_first(void)
{
	return guests;
}

struct guest *guest_find(const char *name)
{
	for (struct guest *g = guests; g; g = g->next)
		if (strcmp(g->name, name) == 0)
			return g;
	return NULL;
}

const char *guest_state_name(const struct guest *g)
{
	static const char *const names[] = {
		[GUEST_STARTING] = "starting", [GUEST_RUNNING] = "running",
		[GUEST_PAUSED] = "paused",     [GUEST_SAVED] = "saved",
		[GUEST_KEPT] = "kept",
	};

	return names[g->state];
}

struct guest *guest_hold(struct guest *g)
{
	g->users++;
	return g;
}

void guest_release(struct guest *g)
{
	if (--g->users)
		return;
	free(g->user);
	free(g->cwd);
	free(g->machine);
	free(g->qemu_version);
	strv_free(&g->user_argv);
	strv_free(&g->argv);
	json_object_put(g->net);
	json_object_put(g->places);
	json_object_put(g->parts);
	json_object_put(g->restart);
	json_object_put(g->x.clock);
	guestram_close(&g->ram);
	fd_close(&g->pidfd);
	fd_close(&g->x.session);
	fd_close(&g->x.record);
	fd_close(&g->x.state);
	free(g);
}

struct guest_set guest_set_all(void)
{
	struct guest_set set = { 0 };

	for (struct guest *g = guests; g; g = g->next)
		set.n++;
	set.v = xmalloc0((set.n + 1) * sizeof(struct guest *));
	set.n = 0;
	for (struct guest *g = guests; g; g = g->next)
		set.v[set.n++] = guest_hold(g);
	return set;
}

void guest_set_release(struct guest_set *set)
{
	for (size_t i = 0; i < set->n; i++)
		guest_release(set->v[i]);
	free(set->v);
	*set = (struct guest_set){ 0 };
}

static struct guest *guest_alloc(const char *name, const char *uuid)
{
	struct guest *g = xmalloc0(sizeof(*g));

	snprintf(g->name, sizeof(g->name), "%s", name);
	snprintf(g->uuid, sizeof(g->uuid), "%s", uuid);
	guestram_init(&g->ram);
	g->pidfd = g->x.session = g->x.record = g->x.state = -EBADF;
	g->users = 1;
	return g;
}

static void enlist(struct guest *g)
{
	struct guest **at = &guests;

	while (*at)
		at = &(*at)->next;
	*at = g;
}

struct guest *guest_new(const char *name, const char *uuid)
{
	struct guest *g = guest_alloc(name, uuid);

	enlist(g);
	return g;
}

static void delist(struct guest *g)
{
	for (struct guest **at = &guests; *at; at = &(*at)->next) {
		if (*at == g) {
			*at = g->next;
			break;
		}
	}
}

void guest_let_go(struct guest *g)
{
	g->gone_expected = true;
	delist(g);
}

void guest_remove(struct guest *g)
{
	delist(g);
	guestfiles_remove(g);
	/* Now, not with the last user's release: an update that holds it must not hold its memory too. */
	fd_close(&g->x.session);
	fd_close(&g->x.record);
	fd_close(&g->x.state);
	guestram_close(&g->ram);
	guest_release(g);
}

json *guest_to_json(const struct guest *g)
{
	json *j = json_object_new_object();

	json_set_str(j, "name", g->name);
	json_set_str(j, "uuid", g->uuid);
	json_set_str(j, "user", g->user);
	json_set_str(j, "cwd", g->cwd);
	json_set_strv(j, "user_argv", &g->user_argv);
	json_set_strv(j, "argv", &g->argv);
	json_set_str(j, "machine", g->machine);
	json_set_str(j, "qemu_version", g->qemu_version);
	json_set_str(j, "ram_path", ram_path_name(g->ram_path));
	json_set_bool(j, "cpr_reboot", g->cpr_reboot);
	json_set_bool(j, "cpr_exec", g->cpr_exec);
	json_set_int(j, "memory", (int64_t)ram_total(&g->ram.size));
	json_object_object_add(j, "ram", guestram_to_json(&g->ram));
	json_set_int(j, "huge", (int64_t)g->ram.huge);
	json_set_int(j, "started_ms", g->started_ms);
	json_set_int(j, "priority", g->priority);
	if (g->net)
		json_object_object_add(j, "net", json_object_get(g->net));
	if (g->places)
		json_object_object_add(j, "places", json_object_get(g->places));
	return j;
}

int guest_priority(json *j)
{
	int64_t priority = json_int(j, "priority", 0);

	return priority < PRIORITY_MIN || priority > PRIORITY_MAX ? 0 : (int)priority;
}

/* As guest_from_json(), but not in the list. */
static int read_guest(json *j, struct guest **ret, struct err *e)
{
	const char *name = json_str(j, "name"), *uuid = json_str(j, "uuid"),
		   *path = json_str(j, "ram_path");
	_cleanup_strv_ struct strv argv = { 0 }, user_argv = { 0 };
	struct guest_ram ram;
	struct guest *g;
	json *net = NULL;
	int64_t huge;

	if (!name || !guest_name_valid(name) || !uuid_valid(uuid))
		return err_set(e, -EBADMSG, "has no valid name and uuid");
	if (json_get_strv(j, "argv", &argv) < 0 || json_get_strv(j, "user_argv", &user_argv) < 0 ||
	    !argv.n || argv.v[0][0] != '/') /* or what lies in its directory would be executed */
		return err_set(e, -EBADMSG, "has no command line with a program's full path");
	guestram_init(&ram);
	if (guestram_from_json(&ram, json_get(j, "ram", json_type_array)) < 0)
		return err_set(e, -EBADMSG, "has no sizes of its memory");
	if (!path || (strcmp(path, "fdset") != 0 && strcmp(path, "procfd") != 0))
		return err_set(e, -EBADMSG, "does not say how QEMU got its memory");
	g = guest_alloc(name, uuid);
	g->user = xstrdup(json_str(j, "user"));
	g->cwd = xstrdup(json_str(j, "cwd"));
	g->machine = xstrdup(json_str(j, "machine"));
	g->qemu_version = xstrdup(json_str(j, "qemu_version"));
	g->cpr_reboot = json_flag(j, "cpr_reboot");
	g->cpr_exec = json_flag(j, "cpr_exec");
	g->ram = ram;
	huge = json_int(j, "huge", 0);
	g->ram.huge = huge > 0 && (uint64_t)huge <= ram_total(&ram.size) ? (uint64_t)huge : 0;
	g->started_ms = json_int(j, "started_ms", 0);
	g->priority = guest_priority(j);
	/* Not there in a record of an older vmkeep; whether it makes sense, net_rebuild() finds out. */
	json_object_object_get_ex(j, "net", &net);
	g->net = json_object_get(net);
	g->places = json_object_get(json_get(j, "places", json_type_array));
	g->ram_path = strcmp(path, "fdset") == 0 ? RAM_PATH_FDSET : RAM_PATH_PROCFD;
	g->argv = argv;
	argv = (struct strv){ 0 };
	g->user_argv = user_argv;
	user_argv = (struct strv){ 0 };
	*ret = g;
	return 0;
}

int guest_from_json(json *j, struct guest **ret, struct err *e)
{
	struct guest *g = NULL;
	int r = read_guest(j, &g, e);

	if (r < 0 || !g)
		return r;
	if (guest_find(g->name)) {
		r = err_set(e, -EEXIST, "the name %s is taken", g->name);
		guest_release(g);
		return r;
	}
	enlist(g);
	*ret = g;
	return 0;
}

int guest_make_heir(const struct guest *g, struct guest **ret, struct err *e)
{
	_cleanup_json_ json *j = guest_to_json(g);
	struct guest *heir = NULL;
	int r = read_guest(j, &heir, e);

	if (r < 0 || !heir)
		return r;
	for (size_t i = 0; i < g->ram.size.n; i++) {
		heir->ram.fd[i] = fcntl(g->ram.fd[i], F_DUPFD_CLOEXEC, 0);
		if (heir->ram.fd[i] < 0) {
			r = err_set(e, -errno, "its memory: %s", strerror(errno));
			guest_release(heir);
			return r;
		}
	}
	*ret = heir;
	return 0;
}

void guest_replace(struct guest *g, struct guest *heir)
{
	struct guest **at = &guests;

	while (*at && *at != g)
		at = &(*at)->next;
	heir->next = *at ? g->next : NULL;
	*at = guest_hold(heir);
	g->next = NULL;
	guest_release(g);
}

int guest_describe_net(const struct guest *g, json **ret, json *findings, struct err *e)
{
	return net_describe(&g->argv, g->pid, g->name, ret, findings, e);
}

void guest_note_parts(struct guest *g)
{
	struct err e;

	json_object_put(g->parts);
	g->parts = NULL;
	if (guestparts_ask(g->qmp, &g->parts, &e) < 0)
		log_warn("%s: a check will not know what is plugged in later: %s", g->name, e.text);
}

int guest_remember(struct guest *g)
{
	json *j = guest_to_json(g);
	int r;

	json_set_str(j, "boot_id", boot_id());
	json_set_int(j, "pid", g->pid);
	json_set_int(j, "pid_start", (int64_t)process_start_time(g->pid));
	json_object_object_add(j, "ram_inodes", guestram_inodes(&g->ram));
	/* A restarted agent lets run what only we had stopped, and leaves alone what its user had. */
	json_set_bool(j, "committing", g->x.committing);
	if (g->restart)
		json_object_object_add(j, "restart", json_object_get(g->restart));
	/* Not in the record: it is true of this process only. */
	if (g->parts)
		json_object_object_add(j, "parts", json_object_get(g->parts));
	r = guestfiles_save(g->name, j);
	json_object_put(j);
	return r;
}
