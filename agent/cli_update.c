// SPDX-License-Identifier: GPL-2.0-or-later
/* vmkeep check, prepare, commit, update, abort, finish, report. */

#include <getopt.h>
#include <stdio.h>

#include "cli.h"

static enum exit_status no_arguments(const struct command *self, int argc)
{
	return argc > 1 ? cli_usage(self) : EXIT_OK;
}

/* Return: milliseconds, or -1 for what is no time. */
static int64_t parse_seconds(const char *text)
{
	char *end;
	double s;

	if (!text)
		return -1;
	s = strtod(text, &end);
	return *end || end == text || !(s > 0) || s > 86400 ? -1 : (int64_t)(s * MSEC_PER_SEC);
}

/*
 * Options that name the kernel; paths are made absolute, for the agent has another directory.
 * @as_json, @max_blackout_ms: NULL for a command without that option.
 */
static enum exit_status parse_target(const struct command *self, int argc, char **argv, json **ret,
				     bool *as_json, int64_t *max_blackout_ms)
{
	static const struct option options[] = { { "kernel", required_argument, NULL, 'k' },
						 { "initrd", required_argument, NULL, 'i' },
						 { "reuse-cmdline", no_argument, NULL, 'r' },
						 { "append", required_argument, NULL, 'a' },
						 { "json", no_argument, NULL, 'j' },
						 { "max-blackout", required_argument, NULL, 'b' },
						 { "rehearse", no_argument, NULL, 'R' },
						 { "early", no_argument, NULL, 'e' },
						 { 0 } };
	_cleanup_json_ json *args = json_object_new_object();
	const char *missing = NULL;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		_cleanup_free_ char *path = NULL;

		switch (c) {
		case 'k':
		case 'i':
			path = realpath(optarg, NULL);
			if (!path && !missing)
				missing = optarg;
			json_set_str(args, c == 'k' ? "kernel" : "initrd", path);
			break;
		case 'r':
			json_set_bool(args, "reuse_cmdline", true);
			break;
		case 'a':
			json_set_str(args, "append", optarg);
			break;
		case 'j':
			if (!as_json)
				return cli_usage(self);
			*as_json = true;
			break;
		case 'R':
			if (as_json)
				return cli_usage(self);
			json_set_bool(args, "rehearse", true);
			break;
		case 'e':
			json_set_bool(args, "early", true);
			break;
		case 'b':
			if (!max_blackout_ms || (*max_blackout_ms = parse_seconds(optarg)) < 0)
				return cli_usage(self);
			break;
		default:
			return cli_usage(self);
		}
	}
	if (missing) {
		fprintf(stderr, "vmkeep: %s: no such file\n", missing);
		return EXIT_FAILED;
	}
	if (optind < argc || !json_str(args, "kernel"))
		return cli_usage(self);
	*ret = json_object_get(args);
	return EXIT_OK;
}

enum exit_status cli_check(const struct command *self, int argc, char **argv)
{
	_cleanup_json_ json *ret = NULL;
	json *args = NULL, *findings;
	bool as_json = false;
	enum exit_status st = parse_target(self, argc, argv, &args, &as_json, NULL);

	if (st == EXIT_OK)
		st = client_request("check", args, &ret);
	if (st != EXIT_OK)
		return st;
	st = (enum exit_status)json_int(ret, "status", EXIT_UNKNOWN);
	if (as_json) {
		cli_print_json(ret);
		return st;
	}
	findings = json_get(ret, "findings", json_type_array);
	for (size_t i = 0; findings && i < json_object_array_length(findings); i++) {
		json *f = json_object_array_get_idx(findings, i);

		printf("%-8s %-16s %s\n", json_str(f, "level"), json_str(f, "where"),
		       json_str(f, "what"));
		printf("%-25s why: %s\n", "", json_str(f, "why"));
		if (*json_str(f, "cure"))
			printf("%-25s do:  %s\n", "", json_str(f, "cure"));
	}
	printf("%s for kernel %s\n",
	       st == EXIT_OK	   ? "ready"
	       : st == EXIT_FAILED ? "blocked"
				   : "could not tell",
	       json_str(ret, "kernel_version"));
	return st;
}

static enum exit_status prepare(const struct command *self, int argc, char **argv,
				int64_t *max_blackout_ms)
{
	_cleanup_json_ json *ret = NULL;
	json *args = NULL;
	enum exit_status st = parse_target(self, argc, argv, &args, NULL, max_blackout_ms);

	if (st == EXIT_OK)
		st = client_request("prepare", args, &ret);
	if (st == EXIT_OK)
		printf("prepared: %d guests, next kernel %s; `vmkeep commit` jumps, `vmkeep abort` undoes\n",
		       (int)json_int(ret, "guests", 0), json_str(ret, "next_kernel"));
	return st;
}

static enum exit_status commit(int64_t max_blackout_ms)
{
	_cleanup_json_ json *ret = NULL;
	json *args = json_object_new_object();

	if (max_blackout_ms)
		json_set_int(args, "max_blackout_ms", max_blackout_ms);
	return client_request("commit", args, &ret);
}

enum exit_status cli_prepare(const struct command *self, int argc, char **argv)
{
	return prepare(self, argc, argv, NULL);
}

enum exit_status cli_commit(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "max-blackout", required_argument, NULL, 'b' },
						 { 0 } };
	int64_t max_blackout_ms = 0;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (c != 'b' || (max_blackout_ms = parse_seconds(optarg)) < 0)
			return cli_usage(self);
	return optind < argc ? cli_usage(self) : commit(max_blackout_ms);
}

enum exit_status cli_update(const struct command *self, int argc, char **argv)
{
	int64_t max_blackout_ms = 0;
	enum exit_status st = prepare(self, argc, argv, &max_blackout_ms);

	return st == EXIT_OK ? commit(max_blackout_ms) : st;
}

enum exit_status cli_abort(const struct command *self, int argc, char **argv)
{
	_cleanup_json_ json *ret = NULL;
	enum exit_status st = no_arguments(self, argc);

	(void)argv;
	if (st == EXIT_OK)
		st = client_request("abort", NULL, &ret);
	if (st == EXIT_OK)
		puts("aborted: nothing is prepared any more, guests run on");
	return st;
}

enum exit_status cli_finish(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "retry", no_argument, NULL, 'r' },
						 { "json", no_argument, NULL, 'j' },
						 { 0 } };
	_cleanup_json_ json *ret = NULL;
	json *args = json_object_new_object(), *names = json_object_new_array();
	json *kept;
	size_t n_kept;
	bool as_json = false;
	enum exit_status st;
	int c;

	json_object_object_add(args, "names", names);
	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r') {
			json_set_bool(args, "retry", true);
		} else if (c == 'j') {
			as_json = true;
		} else {
			json_object_put(args);
			return cli_usage(self);
		}
	}
	for (; optind < argc; optind++)
		json_object_array_add(names, json_object_new_string(argv[optind]));
	st = client_request("finish", args, &ret);
	if (st != EXIT_OK)
		return st;
	kept = json_get(ret, "kept", json_type_array);
	n_kept = kept ? json_object_array_length(kept) : 0;
	if (as_json)
		cli_print_json(ret);
	else if (!json_int(ret, "back", 0) && !n_kept)
		puts("nothing to finish: no guest came over a jump");
	else
		printf("%d guests are back, %zu kept\n", (int)json_int(ret, "back", 0), n_kept);
	for (size_t i = 0; i < n_kept && !as_json; i++) {
		json *g = json_object_array_get_idx(kept, i);

		printf("%s: kept: %s\n", json_str(g, "name"), json_str(g, "reason"));
	}
	return n_kept ? EXIT_KEPT : EXIT_OK;
}

/* What became of a guest's wall clock. */
static const char *clock_words(json *g, char *buf, size_t len)
{
	json *clock = json_get(g, "guest_clock", json_type_object);
	double behind = json_double(g, "guest_clock_behind_ms") / MSEC_PER_SEC;
	const char *by = json_str(clock, "set_by"), *why = json_str(clock, "not_set");

	if (json_object_object_get_ex(clock, "off_ms", NULL))
		snprintf(buf, len, "guest's clock %s%s (%+.0f ms, give or take %.0f)",
			 by ? "set by the " : "right", by ? by : "", json_double(clock, "off_ms"),
			 json_double(clock, "uncertain_ms"));
	else if (by)
		snprintf(buf, len, "guest's clock set by the %s", by);
	else if (behind > 0)
		snprintf(buf, len, "guest's clock %.1f s behind%s%s", behind, why ? ": " : "",
			 why ? why : "");
	else
		snprintf(buf, len, "guest's clock untouched");
	return buf;
}

static void print_report(json *report)
{
	static const char *const phases[] = { "stop",	  "save",   "preserve", "jump",	 "boot",
					      "retrieve", "launch", "load",	"resume" };
	json *guests = json_get(report, "guests", json_type_array),
	     *prepare = json_get(report, "prepare_ms", json_type_object);

	printf("from kernel %s to %s\n", json_str(report, "from_kernel"),
	       json_str(report, "to_kernel"));
	if (prepare) {
		printf("before, in ms:");
		json_object_object_foreach (prepare, stage, ms)
			printf(" %s %lld", stage, (long long)json_object_get_int64(ms));
		putchar('\n');
	}
	printf("host's wall clock after the jump: %+.0f ms\n\n%-16s",
	       json_double(report, "host_clock_off_ms"), "blackout, ms");
	for (size_t i = 0; i < ARRAY_SIZE(phases); i++)
		printf(" %9s", phases[i]);
	printf(" %10s\n", "BLACKOUT");
	for (size_t n = 0; guests && n < json_object_array_length(guests); n++) {
		json *g = json_object_array_get_idx(guests, n);
		json *ms = json_get(g, "phases_ms", json_type_object);
		char ram[32], huge[32], state[32], clock[128];

		printf("%-16s", json_str(g, "name"));
		for (size_t i = 0; ms && i < ARRAY_SIZE(phases); i++)
			printf(" %9.1f", json_double(ms, phases[i]));
		if (!ms) {
			printf(" %s: %s\n", json_str(g, "result"), json_str(g, "reason"));
			continue;
		}
		printf(" %10.1f\n", json_double(g, "blackout_ms"));
		printf("%-16s %s RAM kept in place (%s; %s on huge pages), %s device state copied, %s\n",
		       "", format_size((uint64_t)json_int(g, "memory_bytes", 0), ram, sizeof(ram)),
		       json_str(g, "ram_path"),
		       format_size((uint64_t)json_int(g, "huge_bytes", 0), huge, sizeof(huge)),
		       format_size((uint64_t)json_int(g, "state_bytes", 0), state, sizeof(state)),
		       clock_words(g, clock, sizeof(clock)));
	}
}

enum exit_status cli_report(const struct command *self, int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' }, { 0 } };
	_cleanup_json_ json *ret = NULL;
	bool as_json = false;
	enum exit_status st;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c != 'j')
			return cli_usage(self);
		as_json = true;
	}
	if (optind < argc)
		return cli_usage(self);
	st = client_request("report", NULL, &ret);
	if (st != EXIT_OK)
		return st;
	if (as_json)
		return cli_print_json(ret);
	if (json_get(ret, "guests", json_type_array))
		print_report(ret);
	cli_print_restarts(json_get(ret, "restarts", json_type_array));
	return EXIT_OK;
}
