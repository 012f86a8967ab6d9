// SPDX-License-Identifier: GPL-2.0-or-later
/* vmkeep qmp, plug-memory: what is plugged in or out while a guest runs. */

#include <getopt.h>
#include <stdio.h>

#include "cli.h"

static json *request_args(const char *name, const char *command, json *arguments)
{
	json *args = json_object_new_object();

	json_set_str(args, "name", name);
	json_set_str(args, "execute", command);
	if (arguments)
		json_object_object_add(args, "arguments", json_object_get(arguments));
	return args;
}

static void print_line(json *j)
{
	puts(json_object_to_json_string_ext(j, JSON_C_TO_STRING_PLAIN |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	fflush(stdout);
}

static json *error_of(const char *text)
{
	json *j = json_object_new_object();

	json_set_str(j, "class", "GenericError");
	json_set_str(j, "desc", text);
	return j;
}

/* One line in, one line out, each as QMP has it. Return: its exit status. */
static enum exit_status answer_line(const char *name, const char *line)
{
	_cleanup_json_ json *in = json_tokener_parse(line), *ret = NULL;
	_cleanup_json_ json *out = json_object_new_object();
	const char *command = json_str(in, "execute");
	struct err e = { "a line is to be {\"execute\": COMMAND, \"arguments\": {…}}" };
	enum exit_status st = EXIT_BAD_USAGE;
	json *id = NULL;

	/* Negotiated long ago, by the agent: tools begin with it all the same. */
	if (command && strcmp(command, "qmp_capabilities") == 0) {
		ret = json_object_new_object();
		st = EXIT_OK;
	} else if (command)
		st = client_ask(
			"qmp",
			request_args(name, command, json_get(in, "arguments", json_type_object)),
			&ret, &e);
	if (st == EXIT_OK)
		json_object_object_add(out, "return", json_object_get(ret));
	else
		json_object_object_add(out, "error", error_of(e.text));
	if (json_object_object_get_ex(in, "id", &id))
		json_object_object_add(out, "id", json_object_get(id));
	print_line(out);
	return st;
}

static enum exit_status answer_lines(const char *name)
{
	enum exit_status all = EXIT_OK;
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;

	while (getline(&line, &cap, stdin) > 0) {
		enum exit_status st;

		if (line[strspn(line, " \t\r\n")] == '\0')
			continue;
		st = answer_line(name, line);
		if (st == EXIT_NO_AGENT)
			return st;
		if (st != EXIT_OK)
			all = EXIT_FAILED;
	}
	return all;
}

enum exit_status cli_qmp(const struct command *self, int argc, char **argv)
{
	_cleanup_json_ json *arguments = NULL, *ret = NULL;
	enum exit_status st;

	if (argc < 2 || argc > 4 || argv[1][0] == '-')
		return cli_usage(self);
	if (argc == 2)
		return answer_lines(argv[1]);
	if (argc == 4) {
		arguments = json_tokener_parse(argv[3]);
		if (!json_object_is_type(arguments, json_type_object)) {
			fprintf(stderr, "vmkeep: %s: not a JSON object\n", argv[3]);
			return EXIT_BAD_USAGE;
		}
	}
	st = client_request("qmp", request_args(argv[1], argv[2], arguments), &ret);
	if (st != EXIT_OK)
		return st;
	return cli_print_json(ret);
}

enum exit_status cli_plug_memory(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "node", required_argument, NULL, 'n' }, { 0 } };
	_cleanup_json_ json *ret = NULL;
	enum exit_status st;
	uint64_t size;
	long node = -1;
	char *end;
	json *args;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'n')
			return cli_usage(self);
		node = strtol(optarg, &end, 10);
		if (*end || end == optarg || node < 0 || node > 127)
			return cli_usage(self);
	}
	if (optind + 2 != argc)
		return cli_usage(self);
	if (parse_size(argv[optind + 1], 1, &size) < 0 || size > INT64_MAX) {
		fprintf(stderr, "vmkeep: %s: not a size (1G, 512M)\n", argv[optind + 1]);
		return EXIT_BAD_USAGE;
	}
	args = json_object_new_object();
	json_set_str(args, "name", argv[optind]);
	json_set_int(args, "size", (int64_t)size);
	json_set_int(args, "node", node);
	st = client_request("plug-memory", args, &ret);
	if (st == EXIT_OK)
		printf("%s: plugged in, device %s, memory %s\n", argv[optind],
		       json_str(ret, "device"), json_str(ret, "memdev"));
	return st;
}
