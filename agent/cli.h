/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands of `vmkeep`, as the table in vmkeep.c calls them. */
#ifndef VMKEEP_CLI_H
#define VMKEEP_CLI_H

#include "client.h"

/**
 * struct command - One command of `vmkeep`.
 * @name:	Its word.
 * @args:	Its arguments, as usage shows them.
 * @summary:	One line.
 * @help:	What --help says besides.
 * @run:	argv[0] is its word. Return: the exit status.
 */
struct command {
	const char *name;
	const char *args;
	const char *summary;
	const char *help;
	enum exit_status (*run)(const struct command *self, int argc, char **argv);
};

/** cli_usage() - Print the usage of @c to stderr after a mistake. Return: EXIT_BAD_USAGE. */
enum exit_status cli_usage(const struct command *c);

/** cli_print_json() - Print @j indented. Return: EXIT_OK. */
enum exit_status cli_print_json(json *j);

/** cli_name_args() - A request's arguments that are a guest's name. */
json *cli_name_args(const char *name);

/** cli_run() - `vmkeep run`. Return: the exit status. */
enum exit_status cli_run(const struct command *self, int argc, char **argv);
/** cli_define() - `vmkeep define`. Return: the exit status. */
enum exit_status cli_define(const struct command *self, int argc, char **argv);
/** cli_start() - `vmkeep start`. Return: the exit status. */
enum exit_status cli_start(const struct command *self, int argc, char **argv);
/** cli_autostart() - `vmkeep autostart`. Return: the exit status. */
enum exit_status cli_autostart(const struct command *self, int argc, char **argv);
/** cli_undefine() - `vmkeep undefine`. Return: the exit status. */
enum exit_status cli_undefine(const struct command *self, int argc, char **argv);
/** cli_status() - `vmkeep list` and `vmkeep status`. Return: the exit status. */
enum exit_status cli_status(const struct command *self, int argc, char **argv);
/** cli_stop() - `vmkeep stop`. Return: the exit status. */
enum exit_status cli_stop(const struct command *self, int argc, char **argv);
/** cli_discard() - `vmkeep discard`. Return: the exit status. */
enum exit_status cli_discard(const struct command *self, int argc, char **argv);
/** cli_qmp() - `vmkeep qmp`. Return: the exit status. */
enum exit_status cli_qmp(const struct command *self, int argc, char **argv);
/** cli_plug_memory() - `vmkeep plug-memory`. Return: the exit status. */
enum exit_status cli_plug_memory(const struct command *self, int argc, char **argv);
/** cli_check() - `vmkeep check`. Return: the exit status. */
enum exit_status cli_check(const struct command *self, int argc, char **argv);
/** cli_prepare() - `vmkeep prepare`. Return: the exit status. */
enum exit_status cli_prepare(const struct command *self, int argc, char **argv);
/** cli_commit() - `vmkeep commit`. Return: the exit status. */
enum exit_status cli_commit(const struct command *self, int argc, char **argv);
/** cli_update() - `vmkeep update`. Return: the exit status. */
enum exit_status cli_update(const struct command *self, int argc, char **argv);
/** cli_abort() - `vmkeep abort`. Return: the exit status. */
enum exit_status cli_abort(const struct command *self, int argc, char **argv);
/** cli_finish() - `vmkeep finish`. Return: the exit status. */
enum exit_status cli_finish(const struct command *self, int argc, char **argv);
/** cli_restart() - `vmkeep restart`. Return: the exit status. */
enum exit_status cli_restart(const struct command *self, int argc, char **argv);
/** cli_print_restarts() - For people: what restart_guests() said of each. */
void cli_print_restarts(json *restarts);
/** cli_report() - `vmkeep report`. Return: the exit status. */
enum exit_status cli_report(const struct command *self, int argc, char **argv);

#endif
