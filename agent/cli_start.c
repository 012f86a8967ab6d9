// SPDX-License-Identifier: GPL-2.0-or-later
/* vmkeep run, define, start, autostart, undefine. */

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

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

/* What `run` and `define` are told, besides what the guest is. */
struct asked {
	json *guest; /* definition.h */
	bool as_json;
	bool replace;
};

static void asked_free(struct asked *a)
{
	json_object_put(a->guest);
}

static int read_option(int c, struct asked *a)
{
	json *memory = json_get(a->guest, "memory", json_type_array);
	long priority;
	char *end;

	switch (c) {
	case 'm':
		return add_size(memory, optarg);
	case 'u':
		json_set_str(a->guest, "user", optarg);
		return 0;
	case 'r':
		json_set_str(a->guest, "ram_path", optarg);
		return 0;
	case 'p':
		priority = strtol(optarg, &end, 10);
		if (*end || end == optarg) {
			fprintf(stderr, "vmkeep: --priority %s: not a number\n", optarg);
			return -EINVAL;
		}
		json_set_int(a->guest, "priority", priority);
		return 0;
	case 'a':
		json_set_bool(a->guest, "autostart", true);
		return 0;
	case 'R':
		a->replace = true;
		return 0;
	case 'j':
		a->as_json = true;
		return 0;
	default:
		return -EINVAL;
	}
}

/* NAME, options, "--", QEMU's command line. */
static enum exit_status read_guest(const struct command *self, const struct option *options,
				   int argc, char **argv, struct asked *a)
{
	_cleanup_free_ char *cwd = NULL, *program = NULL;
	_cleanup_strv_ struct strv qemu = { 0 };
	int c, dashes = 1;

	a->guest = json_object_new_object();
	json_object_object_add(a->guest, "memory", json_object_new_array());
	while (dashes < argc && strcmp(argv[dashes], "--") != 0)
		dashes++;
	while ((c = getopt_long(dashes, argv, "", options, NULL)) != -1) {
		if (c == '?')
			return cli_usage(self);
		if (read_option(c, a) < 0)
			return EXIT_BAD_USAGE;
	}
	if (optind + 1 != dashes || dashes + 1 >= argc ||
	    !json_object_array_length(json_get(a->guest, "memory", json_type_array)))
		return cli_usage(self);
	json_set_str(a->guest, "name", argv[optind]);
	program = find_program(argv[dashes + 1]);
	if (!program) {
		fprintf(stderr, "vmkeep: %s: no such program\n", argv[dashes + 1]);
		return EXIT_FAILED;
	}
	strv_add(&qemu, program);
	for (int i = dashes + 2; i < argc; i++)
		strv_add(&qemu, argv[i]);
	json_set_strv(a->guest, "argv", &qemu);
	cwd = getcwd(NULL, 0);
	json_set_str(a->guest, "cwd", cwd);
	return EXIT_OK;
}

static void print_notes(const char *name, json *ret)
{
	json *notes = json_get(ret, "notes", json_type_array);

	for (size_t i = 0; notes && i < json_object_array_length(notes); i++)
		printf("%s: %s\n", name,
		       json_object_get_string(json_object_array_get_idx(notes, i)));
}

static enum exit_status print_started(const char *name, json *ret)
{
	print_notes(name, ret);
	printf("%s: running, pid %d\n", name, (int)json_int(ret, "pid", 0));
	return EXIT_OK;
}

enum exit_status cli_run(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "memory", required_argument, NULL, 'm' },
						 { "user", required_argument, NULL, 'u' },
						 { "ram-path", required_argument, NULL, 'r' },
						 { "priority", required_argument, NULL, 'p' },
						 { "json", no_argument, NULL, 'j' },
						 { 0 } };
	__attribute__((cleanup(asked_free))) struct asked a = { 0 };
	_cleanup_json_ json *ret = NULL;
	enum exit_status st = read_guest(self, options, argc, argv, &a);

	if (st == EXIT_OK)
		st = client_request("run", json_object_get(a.guest), &ret);
	if (st != EXIT_OK)
		return st;
	return a.as_json ? cli_print_json(ret) : print_started(json_str(a.guest, "name"), ret);
}

enum exit_status cli_define(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "memory", required_argument, NULL, 'm' },
						 { "user", required_argument, NULL, 'u' },
						 { "ram-path", required_argument, NULL, 'r' },
						 { "priority", required_argument, NULL, 'p' },
						 { "autostart", no_argument, NULL, 'a' },
						 { "replace", no_argument, NULL, 'R' },
						 { 0 } };
	__attribute__((cleanup(asked_free))) struct asked a = { 0 };
	_cleanup_json_ json *ret = NULL;
	enum exit_status st = read_guest(self, options, argc, argv, &a);
	json *args;

	if (st != EXIT_OK)
		return st;
	args = json_object_new_object();
	json_object_object_add(args, "guest", json_object_get(a.guest));
	json_set_bool(args, "replace", a.replace);
	return client_request("define", args, &ret);
}

enum exit_status cli_start(const struct command *self, int argc, char **argv)
{
	_cleanup_json_ json *ret = NULL;
	enum exit_status st;

	if (argc != 2 || argv[1][0] == '-')
		return cli_usage(self);
	st = client_request("start", cli_name_args(argv[1]), &ret);
	return st == EXIT_OK ? print_started(argv[1], ret) : st;
}

enum exit_status cli_autostart(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "disable", no_argument, NULL, 'd' }, { 0 } };
	_cleanup_json_ json *ret = NULL;
	bool disable = false;
	json *args;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'd')
			return cli_usage(self);
		disable = true;
	}
	if (optind + 1 != argc)
		return cli_usage(self);
	args = cli_name_args(argv[optind]);
	json_set_bool(args, "disable", disable);
	return client_request("autostart", args, &ret);
}

enum exit_status cli_undefine(const struct command *self, int argc, char **argv)
{
	_cleanup_json_ json *ret = NULL;

	if (argc != 2 || argv[1][0] == '-')
		return cli_usage(self);
	return client_request("undefine", cli_name_args(argv[1]), &ret);
}
