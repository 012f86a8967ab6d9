/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A QEMU, as far as its monitor: answers each command from a table, as often as it is asked. */
#ifndef VMKEEP_TESTS_FAKEQEMU_H
#define VMKEEP_TESTS_FAKEQEMU_H

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "loop.h"
#include "qmp.h"
#include "unixsock.h"

/**
 * struct fake_answer - What is answered.
 * @command:	The command, or with a space its one argument's value after it; of qom-get PATH:PROPERTY.
 * @answer:	JSON: what is returned; or the words of an error, if it is no JSON.
 */
struct fake_answer {
	const char *command;
	const char *answer;
};

/* Of a q35 guest of 64 MiB with a disk, a CD and a network card (QEMU 11.1). */
static const struct fake_answer fake_defaults[] = {
	{ "qmp_capabilities", "{}" },
	{ "migrate-set-capabilities", "{}" },
	{ "migrate-set-parameters", "{}" },
	{ "query-migrate", "{}" },
	{ "query-status", "{\"status\":\"running\",\"running\":true}" },
	{ "query-memdev", "[{\"id\":\"vmkeep-ram0\",\"share\":true,\"size\":67108864}]" },
	{ "query-memory-size-summary", "{\"base-memory\":67108864,\"plugged-memory\":0}" },
	{ "qom-get", "false" },
	{ "query-balloon", "No balloon device has been activated" },
	{ "qom-list /machine/peripheral",
	  "[{\"name\":\"type\",\"type\":\"string\"},"
	  "{\"name\":\"net0\",\"type\":\"child<virtio-net-pci>\"}]" },
	{ "qom-list /machine/peripheral-anon",
	  "[{\"name\":\"device[0]\",\"type\":\"child<virtio-blk-pci>\"}]" },
	{ "qom-list /objects",
	  "[{\"name\":\"vmkeep-ram0\",\"type\":\"child<memory-backend-file>\"},"
	  "{\"name\":\"compat_monitor0\",\"type\":\"child<monitor-qmp>\"}]" },
	{ "query-block",
	  "[{\"device\":\"virtio0\",\"qdev\":\"/machine/peripheral-anon/device[0]/virtio-backend\","
	  "\"inserted\":{\"file\":\"/proc/self/exe\",\"node-name\":\"#block177\"}},"
	  "{\"device\":\"\",\"qdev\":\"cd\",\"removable\":true,\"tray_open\":false,"
	  "\"inserted\":{\"file\":\"cd.iso\",\"node-name\":\"c0\"}}]" },
	{ "query-named-block-nodes", "[]" },
	{ "human-monitor-command",
	  "\"hub 0\\r\\n \\\\ h0\\r\\n"
	  "net0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:57\\r\\n"
	  " \\\\ n0: index=0,type=user,net=10.0.2.0,restrict=off\\r\\n\"" },
	{ "query-chardev", "[{\"label\":\"vmkeep-qmp\",\"filename\":\"unix:/x,server=on\"}]" },
	{ 0 },
};

/* What this test has another answer for; a table of the same form, looked at first. */
static const struct fake_answer *fake_special;
static int fake_listener;
static struct qmp *fake_qmp;

static inline const char *fake_look_up(const struct fake_answer *table, const char *command,
				       const char *value)
{
	for (; table && table->command; table++) {
		size_t len = strlen(command);

		if (strcmp(table->command, command) == 0)
			return table->answer;
		if (value && strncmp(table->command, command, len) == 0 &&
		    table->command[len] == ' ' && strcmp(table->command + len + 1, value) == 0)
			return table->answer;
	}
	return NULL;
}

/* What it was told, without what it was asked: "command{arguments} …". */
static char fake_told[4096];

static inline void fake_asked(json *msg)
{
	static const char *const asks[] = { "query-", "qom-", "device-list", "qmp_", "human" };
	const char *command = json_str(msg, "execute");
	json *args = json_get(msg, "arguments", json_type_object);
	size_t at = strlen(fake_told);

	for (size_t i = 0; i < ARRAY_SIZE(asks); i++)
		if (strncmp(command, asks[i], strlen(asks[i])) == 0)
			return;
	snprintf(fake_told + at, sizeof(fake_told) - at, "%s%s ", command,
		 json_object_to_json_string_ext(args, JSON_C_TO_STRING_PLAIN |
							      JSON_C_TO_STRING_NOSLASHESCAPE));
}

/* Instead of an answer: it hangs up. */
#define FAKE_HANGS_UP "hangs up"

/* Return: whether it goes on. */
static inline bool fake_reply(int fd, json *msg)
{
	const char *command = json_str(msg, "execute");
	json *args = json_get(msg, "arguments", json_type_object);
	const char *path = json_str(args, "path"), *property = json_str(args, "property");
	_cleanup_free_ char *value = property ? xasprintf("%s:%s", path, property) : xstrdup(path);
	const char *answer = fake_look_up(fake_special, command, value);
	json *reply = json_object_new_object(), *ret;

	if (!answer)
		answer = fake_look_up(fake_defaults, command, value);
	fake_asked(msg);
	if (answer && strcmp(answer, FAKE_HANGS_UP) == 0) {
		json_object_put(reply);
		return false;
	}
	json_set_int(reply, "id", json_int(msg, "id", -1));
	ret = answer ? json_tokener_parse(answer) : NULL;
	if (ret || (answer && strcmp(answer, "null") == 0))
		json_object_object_add(reply, "return", ret);
	else
		json_object_object_add(reply, "error",
				       qmp_args("class", "GenericError", "desc",
						answer ? answer : "The command has not been found",
						NULL));
	jsonio_write(fd, reply, -1, 1000);
	json_object_put(reply);
	return true;
}

static inline void fake_qemu(void *arg)
{
	struct jsonio io = { .max = 65536 };

	(void)arg;
	task_poll(fake_listener, POLLIN, 2000);
	io.fd = accept4(fake_listener, NULL, NULL, SOCK_NONBLOCK);
	if (io.fd < 0)
		return;
	(void)!write(io.fd, "{\"QMP\":{}}\n", 11);
	for (;;) {
		_cleanup_json_ json *msg = NULL;

		if (jsonio_read(&io, -1, &msg) != 1 || !fake_reply(io.fd, msg))
			break;
	}
	jsonio_free(&io);
	close(io.fd);
}

static inline void fake_event(void *user, const char *event, json *data)
{
	(void)user, (void)event, (void)data;
}

static void (*fake_body)(void);

static inline void fake_client(void *arg)
{
	struct err e;

	if (qmp_open(arg, 1000, fake_event, NULL, &fake_qmp, &e) < 0)
		abort();
	fake_body();
	qmp_close(fake_qmp);
	task_sleep(1);
	loop_quit();
}

/* Run @body as a task, with fake_qmp connected to a QEMU that answers @special. */
static inline void fake_run(const struct fake_answer *special, void (*body)(void))
{
	char path[64];

	snprintf(path, sizeof(path), "/tmp/vmkeep-fakeqemu-%d", getpid());
	fake_special = special;
	fake_body = body;
	fake_listener = unixsock_listen(path, 0600);
	if (fake_listener < 0 || loop_init() < 0)
		abort();
	task_start(fake_qemu, NULL);
	task_start(fake_client, path);
	loop_run();
	close(fake_listener);
	unlink(path);
}

#endif
