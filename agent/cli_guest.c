// SPDX-License-Identifier: GPL-2.0-or-later
/* vmkeep list, status, stop, discard. */

#include <getopt.h>
#include <stdio.h>
#include <time.h>

#include "cli.h"

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

/* As people count: web-2 before web-10. */
static int by_name(const void *a, const void *b)
{
	return strverscmp(json_str(*(json *const *)a, "name"), json_str(*(json *const *)b, "name"));
}

static const char *shown_state(json *g)
{
	return json_flag(g, "prepared") ? "prepared" : json_str(g, "state");
}

/* "guests: 97 running, 1 kept, 2 defined": what is not as it should be shows in a long list too. */
static void print_counts(json *guests)
{
	_cleanup_json_ json *counts = json_object_new_object();
	const char *separator = "guests:";

	for (size_t i = 0; i < json_object_array_length(guests); i++) {
		const char *state = shown_state(json_object_array_get_idx(guests, i));

		json_set_int(counts, state, json_int(counts, state, 0) + 1);
	}
	json_object_object_foreach (counts, state, n) {
		printf("%s %lld %s", separator, (long long)json_object_get_int64(n), state);
		separator = ",";
	}
	putchar('\n');
}

static int name_width(json *guests)
{
	size_t width = 12;

	for (size_t i = 0; i < json_object_array_length(guests); i++) {
		size_t len = strlen(json_str(json_object_array_get_idx(guests, i), "name"));

		width = len > width ? len : width;
	}
	return (int)width;
}

static const char *or_dash(const char *s)
{
	return s ? s : "-";
}

static void print_guest(json *g, int width)
{
	const char *machine = json_str(g, "machine");
	int64_t memory = json_int(g, "memory", 0), started = json_int(g, "started_ms", 0);
	int pid = (int)json_int(g, "pid", 0);
	char size[32] = "-", up[32] = "-", pid_text[16] = "-";

	/* Of a guest whose record could not be read no more is known than its name. */
	if (started)
		print_duration(time(NULL) - started / MSEC_PER_SEC, up, sizeof(up));
	if (memory)
		format_size((uint64_t)memory, size, sizeof(size));
	if (pid)
		snprintf(pid_text, sizeof(pid_text), "%d", pid);
	printf("%-*s %-9s %10s %8s %8s  %-18s %-8s %-6s %s\n", width, json_str(g, "name"),
	       shown_state(g), size, pid_text, up, or_dash(machine),
	       or_dash(json_str(g, "qemu_version")), machine ? json_str(g, "ram_path") : "-",
	       json_flag(g, "autostart") ? "yes" : "-");
	if (json_str(g, "reason"))
		printf("%-*s   %s\n", width, "", json_str(g, "reason"));
}

static void print_status(json *status)
{
	json *guests = json_get(status, "guests", json_type_array);
	json *failure = json_get(status, "last_failure", json_type_object);
	const char *next = json_str(status, "next_kernel");
	int width;

	printf("update: %s%s%s\n", json_str(status, "update"), next ? ", next kernel " : "",
	       next ? next : "");
	if (failure)
		printf("last update was undone: %s\n", json_str(failure, "reason"));
	if (!guests || !json_object_array_length(guests)) {
		puts("no guests");
		return;
	}
	json_object_array_sort(guests, by_name);
	print_counts(guests);
	width = name_width(guests);
	printf("%-*s %-9s %10s %8s %8s  %-18s %-8s %-6s %s\n", width, "NAME", "STATE", "MEMORY",
	       "PID", "UP", "MACHINE", "QEMU", "RAM BY", "AT BOOT");
	for (size_t i = 0; i < json_object_array_length(guests); i++)
		print_guest(json_object_array_get_idx(guests, i), width);
}

json *cli_name_args(const char *name)
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
		enum exit_status st = client_request("status", name ? cli_name_args(name) : NULL,
						     &ret);

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
	args = cli_name_args(argv[optind]);
	json_set_bool(args, "now", now);
	json_set_int(args, "timeout_s", timeout);
	return client_request("stop", args, &ret);
}

enum exit_status cli_discard(const struct command *self, int argc, char **argv)
{
	_cleanup_json_ json *ret = NULL;

	if (argc != 2 || argv[1][0] == '-')
		return cli_usage(self);
	return client_request("discard", cli_name_args(argv[1]), &ret);
}
