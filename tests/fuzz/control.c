// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a client sends on the control socket: framing and the commands' arguments, to the
 * agent's own server. What the commands would do is played here, at link level: each looks
 * at what it is given. The first byte says whether the client may change things; 0xff is
 * a pause between two pieces.
 */

#include "fuzz.h"

#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "clock.h"
#include "definitionfiles.h"
#include "loop.h"
#include "plug.h"
#include "report.h"
#include "restart.h"
#include "restore.h"
#include "server.h"
#include "upgrade.h"

#define PAUSE 0xff

static char dir[32] = "/tmp/vmkeep-fuzz-XXXXXX";
static int ready;
static bool may_change;

/* --- played: everything that a request can set off --- */

static struct guest guest = { .name = "web-1",
			      .uuid = "0b9e8f1c-5d1e-4d7e-9a53-4b7a6f3f2c11",
			      .state = GUEST_KEPT };
static struct guest running = { .name = "up", .state = GUEST_RUNNING };
static const struct qemu_caps caps = { .version = "10.0.3" };

/* Nobody gets as far as this who may only read. */
static void changes(void)
{
	fuzz_must(may_change);
}

int probe_qemu(const char *binary, const struct qemu_caps **ret, struct err *e)
{
	changes();
	fuzz_must(binary[0] == '/');
	if (strlen(binary) % 7 == 0)
		return err_set(e, -ENOENT, "%s does not work as a QEMU", binary);
	*ret = &caps;
	return 0;
}

int guest_run(const struct guest_spec *spec, struct guest **ret, struct strv *notes, struct err *e)
{
	changes();
	fuzz_must(spec->name && spec->argv.n && spec->argv.v[0][0] == '/');
	fuzz_must(!spec->argv.v[spec->argv.n]);
	fuzz_must(spec->memory.n > 0 && spec->memory.n <= RAM_BLOCKS_MAX && spec->memory.v[0]);
	if (strlen(spec->name) > GUEST_NAME_MAX)
		return err_set(e, -EINVAL, "name %s: too long", spec->name);
	strv_addf(notes, "%s", spec->name);
	*ret = &guest;
	return 0;
}

int guest_validate(const struct guest_spec *spec, struct strv *notes, struct err *e)
{
	(void)notes;
	changes();
	fuzz_must(spec->name && spec->argv.n && spec->argv.v[0][0] == '/');
	fuzz_must(!spec->cwd || spec->cwd[0] == '/');
	return strlen(spec->name) % 5 ? 0 : err_set(e, -EINVAL, "name %s: use", spec->name);
}

/* One is defined, or none. */
static json *defined;

void definitionfiles_list(struct strv *names)
{
	if (defined)
		strv_add(names, json_str(defined, "name"));
}

int definitionfiles_load(const char *name, struct definition *ret, struct err *e)
{
	if (!defined || strcmp(json_str(defined, "name"), name) != 0)
		return err_set(e, -ENOENT, "%s is not defined", name);
	/* What was taken once is taken again. */
	fuzz_must(definition_read(defined, ret, e) == 0);
	return 0;
}

int definitionfiles_save(json *definition, bool replace, struct err *e)
{
	changes();
	fuzz_must(json_str(definition, "name"));
	if (defined && !replace)
		return err_set(e, -EEXIST, "it is defined already");
	json_object_get(definition);
	json_object_put(defined);
	defined = definition;
	return 0;
}

int definitionfiles_remove(const char *name, struct err *e)
{
	changes();
	if (!defined || strcmp(json_str(defined, "name"), name) != 0)
		return err_set(e, -ENOENT, "%s is not defined", name);
	json_object_put(defined);
	defined = NULL;
	return 0;
}

/* At boot nobody asks. */
int bootmark_add(const struct strv *names)
{
	(void)names;
	abort();
}

bool bootmark_has(const char *name)
{
	(void)name;
	abort();
}

bool bootmark_done(void)
{
	return true;
}

void bootmark_finish(void)
{
	abort();
}

struct guest *guest_first(void)
{
	return &guest;
}

struct guest *guest_find(const char *name)
{
	fuzz_must(name);
	return strcmp(name, guest.name) == 0 ? &guest : strcmp(name, "up") == 0 ? &running : NULL;
}

const char *guest_state_name(const struct guest *g)
{
	return g->state == GUEST_KEPT ? "kept" : "running";
}

json *guest_to_json(const struct guest *g)
{
	return qmp_args("name", g->name, "uuid", g->uuid, NULL);
}

struct guest *guest_hold(struct guest *g)
{
	return g;
}

struct guest_set guest_set_all(void)
{
	struct guest_set set = { .v = xmalloc0(sizeof(struct guest *)), .n = 1 };

	set.v[0] = &guest;
	return set;
}

void guest_set_release(struct guest_set *set)
{
	free(set->v);
	*set = (struct guest_set){ 0 };
}

int guest_stop(struct guest *g, bool now, int timeout_ms, struct err *e)
{
	changes();
	fuzz_must((g == &guest || g == &running) && timeout_ms >= 1000 &&
		  timeout_ms <= 86400 * 1000);
	return now ? 0 : err_set(e, -ETIMEDOUT, "%s has not shut down", g->name);
}

bool plug_busy(void)
{
	return false;
}

int plug_command(struct guest *g, const struct plugrule *rule, const char *command, json *args,
		 json **ret, struct err *e)
{
	changes();
	fuzz_must(g == &running && *command && strcmp(command, "quit") != 0);
	/* What names a part can stand on a command line. */
	fuzz_must(!rule ||
		  (json_str(args, rule->key) && !strpbrk(json_str(args, rule->key), ",= ")));
	if (strlen(command) % 5 == 0)
		return err_set(e, -EREMOTEIO, "%s: no", command);
	*ret = json_object_new_object();
	return 0;
}

int plug_memory(struct guest *g, uint64_t size, int node, json **ret, struct err *e)
{
	(void)ret;
	changes();
	fuzz_must(g == &running && size && size <= INT64_MAX && node >= -1 && node <= 127);
	return err_set(e, -ENOSPC, "no room");
}

enum upgrade_phase upgrade_phase(void)
{
	return UPGRADE_IDLE;
}

const char *upgrade_phase_name(void)
{
	return "idle";
}

const char *upgrade_target_version(void)
{
	return NULL;
}

bool upgrade_guest_prepared(const struct guest *g)
{
	return g == &guest;
}

json *upgrade_last_failure(void)
{
	return NULL;
}

int upgrade_prepare(struct target *t, bool rehearse, progress_fn *progress, void *user,
		    struct err *e)
{
	int r = 0;

	(void)rehearse;

	changes();
	fuzz_must(t->kernel && t->kernel[0] == '/' && t->cmdline);
	progress(user, "load");
	progress(user, t->kernel);
	if (!t->initrd)
		r = err_set(e, -EINVAL, "kernel %s: not a bzImage", t->kernel);
	target_free(t);
	return r;
}

int upgrade_commit(int64_t max_blackout_ms, progress_fn *progress, void *user, struct err *e)
{
	changes();
	fuzz_must(max_blackout_ms >= 0 && max_blackout_ms <= 86400LL * 1000);
	progress(user, "stop");
	return err_set(e, -EINVAL, "nothing is prepared");
}

int upgrade_abort(struct err *e)
{
	changes();
	return err_set(e, -EINVAL, "nothing is prepared");
}

void target_free(struct target *t)
{
	free(t->kernel);
	free(t->initrd);
	free(t->cmdline);
	*t = (struct target){ 0 };
}

json *check_run(struct target *t)
{
	changes();
	fuzz_must(t->kernel && t->kernel[0] == '/' && t->cmdline);
	return json_object_new_array();
}

int check_verdict(json *findings, struct err *e)
{
	fuzz_must(json_object_is_type(findings, json_type_array));
	err_set(e, 0, "none");
	return 0;
}

bool restore_busy(void)
{
	return false;
}

bool restore_complete(void)
{
	return true;
}

int restore_run(bool early, struct err *e)
{
	(void)e;
	fuzz_must(!early);
	changes();
	return 0;
}

int restore_retry(struct guest *g, struct err *e)
{
	changes();
	fuzz_must(g == &guest);
	return err_set(e, -ENODATA, "its state is not there");
}

int restore_discard(struct guest *g, struct err *e)
{
	changes();
	fuzz_must(g == &guest || g == &running);
	return err_set(e, -EBUSY, "not now");
}

json *report_all(void)
{
	return qmp_args("from_kernel", "7.2.12", "to_kernel", "7.3.4", NULL);
}

bool restart_busy(void)
{
	return false;
}

bool check_busy(void)
{
	return false;
}

json *restart_guests(const struct guest_set *guests, bool rehearse, const char *binary,
		     enum restart_method method, unsigned int at_once, progress_fn *progress,
		     void *user)
{
	(void)rehearse;
	changes();
	fuzz_must((!binary || *binary == '/') && at_once && at_once <= 1000);
	fuzz_must(method >= RESTART_AUTO && method <= RESTART_RELAUNCH);
	for (size_t i = 0; i < guests->n; i++)
		progress(user, guests->v[i]->name);
	return json_object_new_array();
}

int clock_measure(void *unused)
{
	(void)unused;
	return 0;
}

uint64_t clock_tsc_hz(void)
{
	return 2000000000;
}

/* --- the client --- */

static struct {
	const unsigned char *data;
	size_t len;
} input;

static void leave(void *arg)
{
	(void)arg;
	loop_quit();
}

static void clean_up(void)
{
	_cleanup_free_ char *path = xasprintf("%s/" CONTROL_SOCKET, dir);

	unlink(path);
	rmdir(dir);
}

void fuzz_init(void)
{
	struct err e;

	fuzz_must(mkdtemp(dir));
	atexit(clean_up);
	ready = eventfd(1, EFD_CLOEXEC);
	/* The socket is not used: clients are handed in. What answers them is set up with it. */
	fuzz_must(ready >= 0 && loop_init() == 0 && server_start(dir, true, &e) == 0);
	task_start(leave, NULL);
	fuzz_must(loop_run() == 0);
}

void fuzz_seeds(void)
{
	static const struct {
		const char *name;
		const char *text;
	} all[] = {
		{ "run",
		  "{\"command\":\"run\",\"arguments\":{\"name\":\"web-1\",\"memory\":[268435456,2097152],"
		  "\"user\":null,\"cwd\":\"/srv\",\"ram_path\":\"auto\",\"argv\":[\"/usr/bin/q\","
		  "\"-machine\",\"q35\"]}}\n" },
		{ "status", "{\"command\":\"status\",\"arguments\":{\"name\":\"web-1\"}}\n" },
		{ "check",
		  "{\"command\":\"check\",\"arguments\":{\"kernel\":\"/boot/vmlinuz\","
		  "\"initrd\":\"/boot/initrd\",\"reuse_cmdline\":true,\"append\":\"quiet\"}}\n" },
		{ "prepare", "{\"command\":\"prepare\",\"arguments\":{\"kernel\":\"/boot/vmlinuz\","
			     "\"append\":\"liveupdate=on kho=on\"}}\n" },
		{ "commit",
		  "{\"command\":\"commit\",\"arguments\":{\"max_blackout_ms\":20000}}\n" },
		{ "abort", "{\"command\":\"abort\"}\n" },
		{ "finish", "{\"command\":\"finish\",\"arguments\":{\"names\":[\"web-1\"],"
			    "\"retry\":true}}\n" },
		{ "report", "{\"command\":\"report\",\"arguments\":{}}\n" },
		{ "stop", "{\"command\":\"stop\",\"arguments\":{\"name\":\"web-1\",\"now\":true,"
			  "\"timeout_s\":60}}\n" },
		/* next to a bound */
		{ "stop-soon",
		  "{\"command\":\"stop\",\"arguments\":{\"name\":\"web-1\",\"timeout_s\":1}}\n" },
		{ "discard", "{\"command\":\"discard\",\"arguments\":{\"name\":\"web-1\"}}\n" },
		{ "define",
		  "{\"command\":\"define\",\"arguments\":{\"guest\":{\"name\":\"db\",\"memory\":[2097152],"
		  "\"argv\":[\"/usr/bin/q\"],\"user\":\"nobody\",\"cwd\":\"/\",\"priority\":-1000,"
		  "\"autostart\":true},\"replace\":true}}\n" },
		{ "start", "{\"command\":\"start\",\"arguments\":{\"name\":\"db\"}}\n" },
		{ "autostart", "{\"command\":\"autostart\",\"arguments\":{\"name\":\"db\","
			       "\"disable\":true}}\n" },
		{ "undefine", "{\"command\":\"undefine\",\"arguments\":{\"name\":\"db\"}}\n" },
		{ "qmp",
		  "{\"command\":\"qmp\",\"arguments\":{\"name\":\"up\",\"execute\":\"device_add\","
		  "\"arguments\":{\"driver\":\"virtio-rng-pci\",\"id\":\"r\"}}}\n" },
		{ "qmp-human",
		  "{\"command\":\"qmp\",\"arguments\":{\"name\":\"up\",\"execute\":\"human-monitor-command\","
		  "\"arguments\":{\"command-line\":\"info pci\"}}}\n" },
		{ "plug-memory", "{\"command\":\"plug-memory\",\"arguments\":{\"name\":\"up\","
				 "\"size\":2097152,\"node\":1}}\n" },
		{ "restart",
		  "{\"command\":\"restart\",\"arguments\":{\"names\":[\"up\"],\"all\":false,"
		  "\"qemu\":\"/q\",\"at_once\":2,\"rehearse\":true}}\n" },
		{ "restart-method",
		  "{\"command\":\"restart\",\"arguments\":{\"all\":true,\"method\":\"exec\"}}\n" },
		{ "pieces", "{\"command\"\xff:\"status\"\xff}\n{\"command\":1}\n" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		fuzz_seed(all[i].name, 1, all[i].text, strlen(all[i].text));
	fuzz_seed("reader", 0, all[1].text, strlen(all[1].text));
	fuzz_seed("reader-refused", 0, all[5].text, strlen(all[5].text));
}

/* Every answer is whole lines of JSON; the last one, and only that, is the end of it. */
static void check_answer(char *text)
{
	bool ended = false;

	for (char *line = text, *nl; *line; line = nl + 1) {
		_cleanup_json_ json *msg = NULL;
		const char *error;

		nl = strchr(line, '\n');
		fuzz_must(nl && !ended);
		*nl = '\0';
		msg = json_tokener_parse(line);
		fuzz_must(json_object_is_type(msg, json_type_object));
		error = json_str(msg, "error");
		if (error) {
			fuzz_must(error[0] && json_int(msg, "status", 0) > 0);
			for (const char *p = error; *p; p++)
				fuzz_must((unsigned char)*p >= ' ');
		}
		ended = !json_str(msg, "progress");
	}
}

static void hear(int fd)
{
	size_t cap = 1024UL * 1024, len = 0;
	_cleanup_free_ char *text = malloc(cap);

	fuzz_must(text);
	for (;;) {
		ssize_t n = recv(fd, text + len, cap - len - 1, MSG_DONTWAIT);

		if (n > 0)
			len += (size_t)n;
		else if (n < 0 && errno == EAGAIN)
			fuzz_must(task_poll(fd, POLLIN, 20000) != -ETIMEDOUT);
		else
			break; /* its end, or that not all we sent was read */
	}
	text[len] = '\0';
	check_answer(text);
}

static void client(void *arg)
{
	const unsigned char *p = input.data, *end = p + input.len;
	int fd = (int)(intptr_t)arg;

	while (p < end) {
		const unsigned char *stop = memchr(p, PAUSE, (size_t)(end - p));
		size_t len = (size_t)((stop ? stop : end) - p);

		while (len) {
			ssize_t n = send(fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

			if (n < 0 && (errno != EAGAIN || task_poll(fd, POLLOUT, 100) < 0))
				break;
			p += n > 0 ? n : 0;
			len -= n > 0 ? (size_t)n : 0;
		}
		if (len)
			break; /* hung up on us */
		task_poll(ready, POLLIN, -1);
		p = stop ? stop + 1 : end;
	}
	shutdown(fd, SHUT_WR);
	hear(fd);
	close(fd);
	loop_quit();
}

void fuzz_one(const unsigned char *data, size_t len)
{
	int fds[2];

	may_change = data[0] & 1;
	input.data = data + 1;
	input.len = len - 1;
	fuzz_must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) == 0);
	fuzz_must(loop_init() == 0);
	task_start(client, (void *)(intptr_t)fds[0]);
	control_serve(fds[1], may_change);
	fuzz_must(loop_run() == 0);
}
