// SPDX-License-Identifier: GPL-2.0-or-later
/* vmkeep run, list, status, stop. */

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>

#include "cli.h"

/* The agent has another PATH, and guests must come back by the same file: find it here. */
static char *find_program(const char *name)
{
	const char *path = getenv("PATH");
	char *abs;

	if (strchr(name, '/'))
		return realpath(name, NULL);
	while (path && *path) {
		size_t len = strcspn(path, ":");
		struct stat st;

		abs = xasprintf("%.*s/%s", (int)len, path, name);
		if (abs[0] == '/' && stat(abs, &st) == 0 && S_ISREG(st.st_mode) &&
		    access(abs, X_OK) == 0)
			return abs;
		free(abs);
		path += len;
		path += *path == ':';
	}
	return NULL;
}

static int add_size(json *list, const char *text)
{
	uint64_t bytes;

	if (parse_size(text, 1, &bytes) < 0 || bytes > INT64_MAX) {
		fprintf(stderr, "vmkeep: --memory %s: not a size (4G, 512M)\n", text);
		return -EINVAL;
	}
	json_object_array_add(list, json_object_new_int64((int64_t)bytes));
	return 0;
}

enum exit_status cli_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "memory", required_argument, NULL, 'm' },
						 { "user", required_argument, NULL, 'u' },
						 { "ram-path", required_argument, NULL, 'r' },
						 { "json", no_argument, NULL, 'j' },
						 { 0 } };
	const char *user = NULL, *name = NULL, *ram_path = NULL;
	_cleanup_json_ json *ret = NULL;
	_cleanup_free_ char *cwd = NULL, *program = NULL;
	_cleanup_strv_ struct strv qemu = { 0 };
	bool as_json = false;
	enum exit_status st;
	_cleanup_json_ json *memory = json_object_new_array();
	json *args, *notes;
	int c, dashes = 1;

	while (dashes < argc && strcmp(argv[dashes], "--") != 0)
		dashes++;
	while ((c = getopt_long(dashes, argv, "", options, NULL)) != -1) {
		if (c == 'm') {
			if (add_size(memory, optarg) < 0)
				return EXIT_BAD_USAGE;
		} else if (c == 'u')
			user = optarg;
		else if (c == 'r')
			ram_path = optarg;
		else if (c == 'j')
			as_json = true;
		else
			return cli_usage(self);
	}
	if (optind < dashes)
		name = argv[optind++];
	if (!name || !json_object_array_length(memory) || optind < dashes || dashes + 1 >= argc)
		return cli_usage(self);
	program = find_program(argv[dashes + 1]);
	if (!program) {
		fprintf(stderr, "vmkeep: %s: no such program\n", argv[dashes + 1]);
		return EXIT_FAILED;
	}
	strv_add(&qemu, program);
	for (int i = dashes + 2; i < argc; i++)
		strv_add(&qemu, argv[i]);
	cwd = getcwd(NULL, 0);
	args = json_object_new_object();
	json_set_str(args, "name", name);
	json_object_object_add(args, "memory", json_object_get(memory));
	json_set_str(args, "user", user);
	json_set_str(args, "cwd", cwd);
	json_set_str(args, "ram_path", ram_path);
	json_set_strv(args, "argv", &qemu);
	st = client_request("run", args, &ret);
	if (st != EXIT_OK)
		return st;
	if (as_json)
		return cli_print_json(ret);
	notes = json_get(ret, "notes", json_type_array);
	for (size_t i = 0; notes && i < json_object_array_length(notes); i++)
		printf("%s: %s\n", name,
		       json_object_get_string(json_object_array_get_idx(notes, i)));
	printf("%s: running, pid %d\n", name, (int)json_int(ret, "pid", 0));
	return EXIT_OK;
}

static void print_duration(int64_t seconds, char *buf, size_t len)
{
	if (seconds >= 86400)
		snprintf(buf, len, "%lldd%02lldh", (long long)seconds / 86400,
			 (long long)seconds % 86400 / 3600);
	else if (seconds >= 3600)
		snprintf(buf, len, "%lldh%02lldm", (long long)seconds / 3600,
			 (long long)seconds % 3600 / 60);
	else
		snprintf(buf, len, "%lldm%02llds", (long long)seconds / 60,
			 (long long)seconds % 60);
}

static void print_status(json *status)
{
	json *guests = json_get(status, "guests", json_type_array);
	json *failure = json_get(status, "last_failure", json_type_object);
	const char *next = json_str(status, "next_kernel");

	printf("update: %s%s%s\n", json_str(status, "update"), next ? ", next kernel " : "",
	       next ? next : "");
	if (failure)
		printf("last update was undone: %s\n", json_str(failure, "reason"));
	if (!guests || !json_object_array_length(guests)) {
		puts("no guests");
		return;
	}
	printf("%-20s %-9s %10s %8s %8s  %-18s %-8s %s\n", "NAME", "STATE", "MEMORY", "PID", "UP",
	       "MACHINE", "QEMU", "RAM BY");
	for (size_t i = 0; i < json_object_array_length(guests); i++) {
		json *g = json_object_array_get_idx(guests, i);
		const char *state = json_flag(g, "prepared") ? "prepared" : json_str(g, "state");
		const char *machine = json_str(g, "machine"), *qemu = json_str(g, "qemu_version");
		int64_t memory = json_int(g, "memory", 0), started = json_int(g, "started_ms", 0);
		char size[32] = "-", up[32] = "-";

		/* Of a guest whose record could not be read no more is known than its name. */
		if (started)
			print_duration(time(NULL) - started / MSEC_PER_SEC, up, sizeof(up));
		if (memory)
			format_size((uint64_t)memory, size, sizeof(size));
		printf("%-20s %-9s %10s %8d %8s  %-18s %-8s %s\n", json_str(g, "name"), state, size,
		       (int)json_int(g, "pid", 0), up, machine ? machine : "-", qemu ? qemu : "-",
		       machine ? json_str(g, "ram_path") : "-");
		if (json_str(g, "reason"))
			printf("%-20s   %s\n", "", json_str(g, "reason"));
	}
}

static json *name_args(const char *name)
{
	json *args = json_object_new_object();

	json_set_str(args, "name", name);
	return args;
}

enum exit_status cli_status(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "watch", no_argument, NULL, 'w' },
						 { 0 } };
	bool as_json = false, watch = false, list = strcmp(self->name, "list") == 0;
	const char *name = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'j')
			as_json = true;
		else if (c == 'w' && !list)
			watch = true;
		else
			return cli_usage(self);
	}
	if (optind < argc && !list)
		name = argv[optind++];
	if (optind < argc)
		return cli_usage(self);
	for (;;) {
		_cleanup_json_ json *ret = NULL;
		enum exit_status st = client_request("status", name ? name_args(name) : NULL, &ret);

		if (st != EXIT_OK)
			return st;
		if (watch && isatty(STDOUT_FILENO))
			fputs("\033[H\033[2J", stdout);
		if (as_json)
			cli_print_json(ret);
		else
			print_status(ret);
		fflush(stdout);
		if (!watch)
			return EXIT_OK;
		sleep(1);
	}
}

enum exit_status cli_stop(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "now", no_argument, NULL, 'n' },
						 { "timeout", required_argument, NULL, 't' },
						 { 0 } };
	_cleanup_json_ json *ret = NULL;
	json *args;
	bool now = false;
	long timeout = 60;
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'n') {
			now = true;
		} else if (c == 't') {
			timeout = strtol(optarg, &end, 10);
			if (*end || end == optarg || timeout < 1 || timeout > 86400)
				return cli_usage(self);
		} else {
			return cli_usage(self);
		}
	}
	if (optind + 1 != argc)
		return cli_usage(self);
	args = name_args(argv[optind]);
	json_set_bool(args, "now", now);
	json_set_int(args, "timeout_s", timeout);
	return client_request("stop", args, &ret);
}

enum exit_status cli_discard(const struct command *self, int argc, char **argv)
{
	_cleanup_json_ json *ret = NULL;

	if (argc != 2 || argv[1][0] == '-')
		return cli_usage(self);
	return client_request("discard", name_args(argv[1]), &ret);
}
