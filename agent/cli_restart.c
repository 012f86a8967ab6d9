// SPDX-License-Identifier: GPL-2.0-or-later
/* vmkeep restart, rehearse. */

#include <getopt.h>
#include <stdio.h>

#include "cli.h"

void cli_print_restarts(json *restarts)
{
	static const char *const phases[] = { "stop", "save", "launch", "load", "resume" };
	size_t n = restarts ? json_object_array_length(restarts) : 0;
	bool titled = false;

	for (size_t k = 0; k < n; k++) {
		json *j = json_object_array_get_idx(restarts, k),
		     *ms = json_get(j, "phases_ms", json_type_object);
		_cleanup_free_ char *qemu = NULL;
		bool pause;

		if (!ms)
			continue;
		pause = json_object_object_get_ex(j, "pause_ms", NULL);
		if (!titled) {
			titled = true;
			printf("%-16s %-20s", pause ? "rehearsals, ms" : "restarts, ms", "QEMU");
			if (!pause)
				printf(" %-8s", "method");
			for (size_t i = 0; i < ARRAY_SIZE(phases); i++)
				printf(" %9s", phases[i]);
			printf(" %10s\n", pause ? "PAUSE" : "BLACKOUT");
		}
		qemu = xasprintf("%s -> %s", json_str(j, "from_qemu"), json_str(j, "to_qemu"));
		printf("%-16s %-20s", json_str(j, "name"), qemu);
		if (!pause)
			printf(" %-8s", json_str(j, "method"));
		for (size_t i = 0; i < ARRAY_SIZE(phases); i++)
			printf(" %9.1f", json_double(ms, phases[i]));
		printf(" %10.1f\n", json_double(j, pause ? "pause_ms" : "blackout_ms"));
	}
}

static int failed(json *restarts)
{
	int n = 0;

	for (size_t i = 0; restarts && i < json_object_array_length(restarts); i++) {
		json *j = json_object_array_get_idx(restarts, i);

		if (!json_str(j, "error"))
			continue;
		fprintf(stderr, "vmkeep: %s: %s\n", json_str(j, "name"), json_str(j, "error"));
		n++;
	}
	return n;
}

enum exit_status cli_restart(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "all", no_argument, NULL, 'a' },
						 { "qemu", required_argument, NULL, 'q' },
						 { "method", required_argument, NULL, 'm' },
						 { "at-once", required_argument, NULL, 'n' },
						 { "json", no_argument, NULL, 'j' },
						 { 0 } };
	_cleanup_json_ json *args = json_object_new_object(), *ret = NULL;
	bool as_json = false, rehearse = strcmp(self->name, "rehearse") == 0;
	json *names = json_object_new_array(), *restarts;
	enum exit_status st;
	int c;

	json_object_object_add(args, "names", names);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		_cleanup_free_ char *path = NULL;
		char *end = NULL;

		switch (c) {
		case 'a':
			if (rehearse)
				return cli_usage(self);
			json_set_bool(args, "all", true);
			break;
		case 'q':
			/* Not what a link points to: that is what an upgrade of the package changes. */
			path = *optarg == '/' ? xstrdup(optarg) : realpath(optarg, NULL);
			if (!path) {
				fprintf(stderr, "vmkeep: %s: no such file\n", optarg);
				return EXIT_FAILED;
			}
			json_set_str(args, "qemu", path);
			break;
		case 'm':
			if (rehearse)
				return cli_usage(self);
			json_set_str(args, "method", optarg);
			break;
		case 'n':
			json_set_int(args, "at_once", strtol(optarg, &end, 10));
			if (*end || end == optarg)
				return cli_usage(self);
			break;
		case 'j':
			as_json = true;
			break;
		default:
			return cli_usage(self);
		}
	}
	for (; optind < argc; optind++)
		json_object_array_add(names, json_object_new_string(argv[optind]));
	json_set_bool(args, "rehearse", rehearse);
	if (rehearse && !json_object_array_length(names))
		json_set_bool(args, "all", true);
	if (!json_object_array_length(names) == !json_flag(args, "all"))
		return cli_usage(self);
	st = client_request("restart", json_object_get(args), &ret);
	if (st != EXIT_OK)
		return st;
	restarts = json_get(ret, "restarts", json_type_array);
	if (as_json)
		cli_print_json(ret);
	else
		cli_print_restarts(restarts);
	return failed(restarts) ? EXIT_FAILED : EXIT_OK;
}
