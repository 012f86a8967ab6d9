// SPDX-License-Identifier: GPL-2.0-or-later

#include "probe.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "log.h"
#include "loop.h"
#include "memfd.h"
#include "qmp.h"
#include "spawn.h"
#include "unixsock.h"

#define PROBE_TIMEOUT_MS 60000
#define QUIT_MS 5000
/* For one that dies: its monitor is gone a little sooner than it is. */
#define LAST_WORDS_MS 1000
#define PROBE_RAM_SIZE (2UL * 1024 * 1024)
#define PROBE_FDSET_FD 10
#define PROBE_QMP_FD 3
#define PROBE_VERSION 2 /* of the remembered form: raise when a field is added */

struct known {
	char *key;
	struct qemu_caps caps;
	struct known *next;
};

static char *probe_dir;
static struct known *known_list;

static char *binary_key(const char *binary, struct err *e)
{
	struct stat st;

	if (stat(binary, &st) < 0) {
		err_set(e, -errno, "%s: %s", binary, strerror(errno));
		return NULL;
	}
	return xasprintf("%d:%s:%llu:%lld.%09ld:%lld", PROBE_VERSION, binary,
			 (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec,
			 st.st_mtim.tv_nsec, (long long)st.st_size);
}

static const struct qemu_caps *remember(const char *key, const struct qemu_caps *caps)
{
	struct known *k = xmalloc0(sizeof(*k));

	k->key = xstrdup(key);
	k->caps = *caps;
	k->next = known_list;
	known_list = k;
	return &k->caps;
}

static void caps_free(struct qemu_caps *c)
{
	json_object_put(c->machines);
	json_object_put(c->devices);
	json_object_put(c->cpus);
	*c = (struct qemu_caps){ 0 };
}

static void caps_from_json(json *j, struct qemu_caps *c)
{
	const char *version = json_str(j, "version"), *machine = json_str(j, "default_machine");

	snprintf(c->version, sizeof(c->version), "%s", version ? version : "?");
	snprintf(c->default_machine, sizeof(c->default_machine), "%s", machine ? machine : "");
	c->fdset_ram = json_flag(j, "fdset_ram");
	c->cpr_reboot = json_flag(j, "cpr_reboot");
	c->cpr_exec = json_flag(j, "cpr_exec");
	c->devices = json_object_get(json_get(j, "devices", json_type_object));
	c->cpus = json_object_get(json_get(j, "cpus", json_type_object));
	c->machines = json_object_get(json_get(j, "machines", json_type_object));
}

static void save_known(void)
{
	_cleanup_free_ char *path = xasprintf("%s/probe.json", probe_dir);
	_cleanup_json_ json *all = json_object_new_object();
	const char *text;
	int r;

	for (struct known *k = known_list; k; k = k->next) {
		json *j = json_object_new_object();

		json_set_str(j, "version", k->caps.version);
		json_set_str(j, "default_machine", k->caps.default_machine);
		json_set_bool(j, "fdset_ram", k->caps.fdset_ram);
		json_set_bool(j, "cpr_reboot", k->caps.cpr_reboot);
		json_set_bool(j, "cpr_exec", k->caps.cpr_exec);
		json_object_object_add(j, "machines", json_object_get(k->caps.machines));
		json_object_object_add(j, "devices", json_object_get(k->caps.devices));
		json_object_object_add(j, "cpus", json_object_get(k->caps.cpus));
		json_object_object_add(all, k->key, j);
	}
	text = json_object_to_json_string(all);
	r = write_file_atomic(path, text, strlen(text));
	if (r < 0)
		log_warn("cannot remember what QEMU can do in %s: %s", path, strerror(-r));
}

void probe_setup(const char *dir)
{
	probe_dir = xstrdup(dir);
}

/* When somebody asks first, not when the agent starts: guests stand then, and every QEMU has hundreds of devices. */
static void read_known(void)
{
	_cleanup_free_ char *path = xasprintf("%s/probe.json", probe_dir);
	_cleanup_free_ char *text = NULL;
	_cleanup_json_ json *all = NULL;
	static bool is_read;

	if (is_read)
		return;
	is_read = true;
	if (read_file(path, 4UL * 1024 * 1024, &text, NULL) < 0)
		return;
	all = json_tokener_parse(text);
	if (!json_object_is_type(all, json_type_object))
		return;
	json_object_object_foreach (all, key, value) {
		struct qemu_caps caps = { 0 };

		caps_from_json(value, &caps);
		if (caps.machines && caps.devices && caps.cpus)
			remember(key, &caps);
		else
			caps_free(&caps);
	}
}

static void ignore_event(void *user, const char *event, json *data)
{
	(void)user, (void)event, (void)data;
}

static int ask_machines(struct qmp *q, struct qemu_caps *c, struct err *e)
{
	_cleanup_json_ json *list = NULL;
	int r = qmp_call(q, "query-machines", NULL, -1, PROBE_TIMEOUT_MS, &list, e);

	if (r < 0)
		return r;
	c->machines = json_object_new_object();
	for (size_t i = 0;
	     json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
	     i++) {
		json *m = json_object_array_get_idx(list, i);
		const char *name = json_str(m, "name"), *alias = json_str(m, "alias");

		if (!name)
			continue;
		json_set_str(c->machines, name, name);
		if (alias)
			json_set_str(c->machines, alias, name);
		if (json_flag(m, "is-default"))
			snprintf(c->default_machine, sizeof(c->default_machine), "%s", name);
	}
	return 0;
}

/* The names in what a command returns. */
static int ask_names(struct qmp *q, const char *command, json *args, json **ret, struct err *e)
{
	_cleanup_json_ json *list = NULL;
	int r = qmp_call(q, command, args, -1, PROBE_TIMEOUT_MS, &list, e);

	if (r < 0)
		return r;
	*ret = json_object_new_object();
	for (size_t i = 0;
	     json_object_is_type(list, json_type_array) && i < json_object_array_length(list);
	     i++) {
		const char *name = json_str(json_object_array_get_idx(list, i), "name");

		if (name)
			json_object_object_add(*ret, name, NULL);
	}
	return 0;
}

/* No schema says whether file-backed RAM takes an fdset: only making some does. */
static bool try_fdset_ram(struct qmp *q)
{
	json *args = qmp_args("qom-type", "memory-backend-file", "id", "vmkeep-probe", "mem-path",
			      "/dev/fdset/1", NULL);
	struct err why = { 0 };
	int r;

	json_set_int(args, "size", PROBE_RAM_SIZE);
	json_set_bool(args, "share", true);
	r = qmp_call(q, "object-add", args, -1, PROBE_TIMEOUT_MS, NULL, &why);
	if (r < 0)
		log_debug("fdset for RAM: %s", why.text);
	return r == 0;
}

static bool try_cpr_exec(struct qmp *q)
{
	json *args = qmp_args("mode", "cpr-exec", NULL), *command = json_object_new_array();

	/* Without a command to execute it refuses the mode. */
	json_object_array_add(command, json_object_new_string("/"));
	json_object_object_add(args, "cpr-exec-command", command);
	return qmp_call(q, "migrate-set-parameters", args, -1, PROBE_TIMEOUT_MS, NULL, NULL) == 0;
}

static int ask(const char *socket_path, struct qemu_caps *c, struct err *e)
{
	_cleanup_json_ json *version = NULL;
	struct qmp *q = NULL;
	json *v;
	int r = qmp_open(socket_path, PROBE_TIMEOUT_MS, ignore_event, NULL, &q, e);

	if (r < 0)
		return r;
	r = qmp_call(q, "query-version", NULL, -1, PROBE_TIMEOUT_MS, &version, e);
	if (!r) {
		v = json_get(version, "qemu", json_type_object);
		snprintf(c->version, sizeof(c->version), "%d.%d.%d", (int)json_int(v, "major", 0),
			 (int)json_int(v, "minor", 0), (int)json_int(v, "micro", 0));
		r = ask_machines(q, c, e);
	}
	if (!r)
		r = ask_names(q, "qom-list-types", qmp_args("implements", "device", NULL),
			      &c->devices, e);
	if (!r)
		r = ask_names(q, "query-cpu-definitions", NULL, &c->cpus, e);
	if (!r) {
		c->cpr_reboot = qmp_call(q, "migrate-set-parameters",
					 qmp_args("mode", "cpr-reboot", NULL), -1, PROBE_TIMEOUT_MS,
					 NULL, NULL) == 0;
		c->cpr_exec = try_cpr_exec(q);
		c->fdset_ram = try_fdset_ram(q);
		qmp_call(q, "quit", NULL, -1, PROBE_TIMEOUT_MS, NULL, NULL);
	}
	qmp_close(q);
	return r;
}

/* What it said at the end tells more than that it went away. Its first line may be of another matter. */
static void last_words(int log, int status, struct err *e)
{
	char line[256];
	bool said = read_last_line(log, 0, line, sizeof(line));

	if (WIFSIGNALED(status))
		err_set(e, 0, "it died of signal %d%s%s", WTERMSIG(status), said ? ": " : "",
			said ? line : "");
	else
		err_set(e, 0, "it ended with status %d%s%s", WEXITSTATUS(status), said ? ": " : "",
			said ? line : "");
}

static int try_binary(const char *binary, struct qemu_caps *c, struct err *e)
{
	/* kvm first: a QEMU may be built without tcg. -M none starts nothing that either would run. */
	const char *argv[] = { binary,
			       "-M",
			       "none,accel=kvm:tcg",
			       "-nodefaults",
			       "-display",
			       "none",
			       "-add-fd",
			       "fd=10,set=1",
			       "-chardev",
			       "socket,id=vmkeep-qmp,fd=3,server=on,wait=off",
			       "-mon",
			       "chardev=vmkeep-qmp,mode=control",
			       NULL };
	static unsigned int serial;
	_cleanup_free_ char *path = xasprintf("%s/probe-%u.sock", probe_dir, ++serial);
	_cleanup_close_ int sock = -EBADF, ram = -EBADF, pidfd = -EBADF, log = -EBADF;
	struct spawn s = { .argv = argv };
	bool ended;
	int r, status = 0;
	pid_t pid;

	log = memfd_create_plain("vmkeep-probe-log", 0);
	ram = memfd_create_ram("vmkeep-probe", PROBE_RAM_SIZE);
	sock = unixsock_listen(path, 0600);
	if (log < 0 || ram < 0 || sock < 0)
		return err_set(e, -EIO, "cannot set up a trial of %s", binary);
	s.log_fd = log;
	spawn_add_fd(&s, sock, PROBE_QMP_FD);
	spawn_add_fd(&s, ram, PROBE_FDSET_FD);
	r = spawn(&s, &pid, &pidfd, e);
	/* Only QEMU may hold the listening end: if it dies, connecting must fail. */
	fd_close(&sock);
	if (!r) {
		r = ask(path, c, e);
		ended = task_poll(pidfd, POLLIN, r < 0 ? LAST_WORDS_MS : QUIT_MS) >= 0;
		if (!ended)
			kill(pid, SIGKILL);
		task_poll(pidfd, POLLIN, -1);
		waitpid(pid, &status, 0);
		if (r < 0 && ended)
			last_words(log, status, e);
	}
	unlink(path);
	return r;
}

int probe_qemu(const char *binary, const struct qemu_caps **ret, struct err *e)
{
	struct qemu_caps caps = { 0 };
	_cleanup_free_ char *key = binary_key(binary, e);
	int r;

	if (!key)
		return -ENOENT;
	read_known();
	for (struct known *k = known_list; k; k = k->next) {
		if (strcmp(k->key, key) == 0) {
			*ret = &k->caps;
			return 0;
		}
	}
	r = try_binary(binary, &caps, e);
	if (r < 0 && r != -ENOENT) {
		log_warn("%s: trying once more: %s", binary, e->text);
		caps_free(&caps);
		r = try_binary(binary, &caps, e);
	}
	if (r < 0) {
		caps_free(&caps);
		err_prefix(e, "%s does not work as a QEMU", binary);
		return r;
	}
	log_info("%s: QEMU %s, RAM by %s, checkpoint by %s", binary, caps.version,
		 caps.fdset_ram ? "/dev/fdset" : "/proc/self/fd",
		 caps.cpr_reboot ? "cpr-reboot" : "stop and migrate");
	*ret = remember(key, &caps);
	save_known();
	return 0;
}
