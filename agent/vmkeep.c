// SPDX-License-Identifier: GPL-2.0-or-later
/* vmkeep: the agent's command line. See vmkeep(1). */

#include <stdio.h>

#include "cli.h"

static const char exit_help[] =
	"\nExit status: 0 done, 1 refused or failed (what was begun is undone), 3 no agent, 64 wrong usage.\n";

static const char target_help[] = "\n  --kernel IMG      the kernel to jump to\n"
				  "  --initrd IMG      its initial RAM disk\n"
				  "  --reuse-cmdline   give it the running kernel's command line\n"
				  "  --append STRING   add to its command line\n";

#define GUEST_HELP                                                                              \
	"  --memory SIZE     its RAM, which vmkeep makes (4G, 512M); again: further blocks\n"   \
	"  --user USER       run QEMU as this user\n"                                           \
	"  --ram-path PATH   how QEMU gets its RAM: fdset, procfd, or auto (fdset if it can)\n" \
	"  --priority N      who comes back first after an update, and starts first at boot\n"  \
	"                    (-1000 to 1000, 0 if not said; higher ones first)\n"

static const struct command commands[] = {
	{ "run",
	  "NAME --memory SIZE [--user USER] [--ram-path PATH] [--priority N] [--json] -- QEMU ARGUMENT…",
	  "start a guest",
	  "\n" GUEST_HELP "  --json            print what was started as JSON\n\n"
	  "QEMU's arguments are your own. vmkeep adds the RAM, a monitor for itself, and the\n"
	  "version of the machine type; leave out -m, memory backends, -daemonize, -incoming.\n",
	  cli_run },
	{ "define",
	  "NAME --memory SIZE [--user USER] [--ram-path PATH] [--priority N] [--autostart] [--replace] -- QEMU ARGUMENT…",
	  "store what a guest is to be started with",
	  "\n" GUEST_HELP "  --autostart       start it when the host boots\n"
	  "  --replace         also if it is defined already\n\n"
	  "A guest of that name that is there is not touched. Over an update a guest comes back as\n"
	  "it was started, not as it is defined.\n",
	  cli_define },
	{ "start", "NAME", "start a guest as it is defined", "", cli_start },
	{ "autostart", "NAME [--disable]", "have a defined guest started when the host boots",
	  "\n  --disable   no longer\n", cli_autostart },
	{ "undefine", "NAME", "forget what a guest is defined as",
	  "\nA guest that runs goes on running.\n", cli_undefine },
	{ "list", "[--json]", "list the guests", "", cli_status },
	{ "status", "[NAME] [--json] [--watch]", "show guests and update",
	  "\n  --json    everything, as JSON\n  --watch   show it again every second\n",
	  cli_status },
	{ "check",
	  "--kernel IMG [--initrd IMG] [--reuse-cmdline] [--append STRING] [--early] [--json]",
	  "name everything that stands in the way of an update; changes nothing",
	  "\nExit status: 0 ready, 1 blocked, 2 could not tell, 3 no agent, 64 wrong usage.\n",
	  cli_check },
	{ "prepare",
	  "--kernel IMG [--initrd IMG] [--reuse-cmdline] [--append STRING] [--early] [--rehearse]",
	  "load the kernel, preserve guests' RAM; guests run on",
	  "  --early           guests that need only the root file system come back before the\n"
	  "                    host's own init: see vmkeep-init(8)\n"
	  "  --rehearse        find out first whether each guest's checkpoint loads: see rehearse\n"
	  "\nA second prepare replaces the first.\n",
	  cli_prepare },
	{ "commit", "[--max-blackout SECONDS]",
	  "checkpoint the guests and jump into the prepared kernel",
	  "\n  --max-blackout SECONDS   when the guests are not all checkpointed that long after the\n"
	  "                           first was stopped, let all run on and give up\n\nDoes not return when it succeeds: the new kernel brings the guests back by itself.\n",
	  cli_commit },
	{ "abort", "", "undo prepare; before the jump only", "", cli_abort },
	{ "update",
	  "--kernel IMG [--initrd IMG] [--reuse-cmdline] [--append STRING] [--early] [--rehearse] [--max-blackout SECONDS]",
	  "prepare and commit",
	  "  --early           as of prepare\n"
	  "  --rehearse        find out first whether each guest's checkpoint loads: see rehearse\n"
	  "  --max-blackout SECONDS   as of commit\n",
	  cli_update },
	{ "finish", "[NAME…] [--retry] [--json]",
	  "bring guests back after the jump; the agent does it by itself at boot",
	  "\n  --retry   try again with guests that are kept\n\n"
	  "Exit status: 0 all are back, 1 failed, 3 no agent, 4 a guest is still kept, 64 wrong usage.\n",
	  cli_finish },
	{ "report", "[--json]",
	  "the last update, and restarts: per guest and phase, and the blackout", "", cli_report },
	{ "restart", "NAME…|--all [--qemu PATH] [--method METHOD] [--at-once N] [--json]",
	  "have guests go on in a new QEMU, without a jump",
	  "\n  --all          every guest\n"
	  "  --qemu PATH    this QEMU instead of the one that each guest has\n"
	  "  --method METHOD  exec: in the same process; relaunch: in a new one beside the old one;\n"
	  "                 auto: exec where both QEMUs can (the default)\n"
	  "  --at-once N    restart so many at a time (1)\n"
	  "  --json         what happened, as JSON\n\n"
	  "The memory stays where it is. When something fails, the guest goes on in its old QEMU.\n"
	  "\nExit status: 0 all are restarted, 1 a guest is not, 3 no agent, 64 wrong usage.\n",
	  cli_restart },
	{ "rehearse", "[NAME…] [--qemu PATH] [--at-once N] [--json]",
	  "find out whether guests' checkpoints load, in QEMUs that are thrown away",
	  "\n  --qemu PATH    try this QEMU instead of the one that each guest has\n"
	  "  --at-once N    try so many at a time (1)\n"
	  "  --json         what happened, as JSON\n\n"
	  "Each guest stands for a moment and goes on in its QEMU. The other sees its memory and\n"
	  "cannot change it.\n"
	  "\nExit status: 0 all load, 1 one does not, 3 no agent, 64 wrong usage.\n",
	  cli_restart },
	{ "qmp", "NAME [COMMAND [JSON-ARGUMENTS]]",
	  "give a guest's QEMU a command; what it plugs in or out is there after an update too",
	  "\nPrints what QEMU returned. Without COMMAND: reads commands as QMP has them, one a line,\n"
	  "from standard input, and answers each with a line. Commands that an update would undo\n"
	  "unseen are refused.\n\n"
	  "  vmkeep qmp web blockdev-add '{\"driver\":\"raw\",\"node-name\":\"d1\",\"file\":{\"driver\":\"file\",\"filename\":\"/srv/d1.img\"}}'\n"
	  "  vmkeep qmp web device_add '{\"driver\":\"virtio-blk-pci\",\"id\":\"disk1\",\"drive\":\"d1\",\"bus\":\"port1\"}'\n",
	  cli_qmp },
	{ "plug-memory", "NAME SIZE [--node N]", "plug a DIMM into a guest",
	  "\n  --node N   the NUMA node that it belongs to\n\n"
	  "Needs -m SIZE,slots=N,maxmem=MAX on the guest's command line. Out again with `vmkeep qmp`:\n"
	  "device_del of the device, then object-del of the memory, last in first out.\n",
	  cli_plug_memory },
	{ "stop", "NAME [--now] [--timeout SECONDS]", "end a guest by its power button",
	  "\n  --now                do not ask the guest: end its QEMU\n"
	  "  --timeout SECONDS    how long it may take over the button (60)\n",
	  cli_stop },
	{ "discard", "NAME", "give up a kept guest: free its memory and state",
	  "\nFor a guest that came over the jump, could not be brought back and is not wanted any\n"
	  "more. What it had in memory is lost; its disks are as they were at the jump.\n",
	  cli_discard },
};

static bool is_target_command(const struct command *c)
{
	return strncmp(c->args, "--kernel", 8) == 0;
}

static void print_help(const struct command *c)
{
	printf("vmkeep %s: %s\n\nusage: vmkeep %s %s\n%s%s", c->name, c->summary, c->name, c->args,
	       is_target_command(c) ? target_help : "", c->help);
	if (!strstr(c->help, "Exit status"))
		fputs(exit_help, stdout);
}

enum exit_status cli_usage(const struct command *c)
{
	fprintf(stderr, "usage: vmkeep %s %s\n", c->name, c->args);
	return EXIT_BAD_USAGE;
}

enum exit_status cli_print_json(json *j)
{
	puts(json_object_to_json_string_ext(j, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
						       JSON_C_TO_STRING_NOSLASHESCAPE));
	return EXIT_OK;
}

static void overview(FILE *out)
{
	fputs("vmkeep: upgrade this host's kernel without rebooting its guests\n\nusage: vmkeep COMMAND …\n\n",
	      out);
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
		fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].summary);
	fputs("\nvmkeep COMMAND --help tells more. See vmkeep(1).\n", out);
}

/* --help counts only before the guest's own command line. */
static bool asks_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
			return true;
	return false;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		overview(stderr);
		return EXIT_BAD_USAGE;
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
	    strcmp(argv[1], "help") == 0) {
		overview(stdout);
		return EXIT_OK;
	}
	if (strcmp(argv[1], "--version") == 0) {
		puts("vmkeep " VMKEEP_VERSION);
		return EXIT_OK;
	}
	for (size_t i = 0; i < ARRAY_SIZE(commands); i++) {
		if (strcmp(argv[1], commands[i].name) != 0)
			continue;
		if (asks_help(argc - 1, argv + 1)) {
			print_help(&commands[i]);
			return EXIT_OK;
		}
		return (int)commands[i].run(&commands[i], argc - 1, argv + 1);
	}
	fprintf(stderr, "vmkeep: no command %s (see vmkeep --help)\n", argv[1]);
	return EXIT_BAD_USAGE;
}
