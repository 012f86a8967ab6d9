// SPDX-License-Identifier: GPL-2.0-or-later

#include "checkbackends.h"

#include "charargs.h"
#include "findings.h"
#include "guestargs.h"
#include "optargs.h"

static void check_socket(json *all, const char *guest, json *chardev)
{
	const char *path = json_str(chardev, "path"), *host = json_str(chardev, "host");
	const char *port = json_str(chardev, "port"), *at = json_str(chardev, "at");
	_cleanup_free_ char *where = NULL, *what = NULL;

	if (!charargs_connects(chardev))
		return;
	if (path || at)
		where = xstrdup(path ? path : at);
	else
		where = xasprintf("%s:%s", host ? host : "localhost", port ? port : "?");
	what = xasprintf("its QEMU is connected to another program, at %s", where);
	found(all, NOTE, guest, what,
	      path ? "after the jump the guest is kept until that is there again, which is waited for 15 s"
		   : "after the jump the guest is kept if that is not there again",
	      "see that it is started at boot, with the state it had (or give the chardev reconnect=1)");
}

static void check_chardev(json *all, const char *guest, const char *option, const char *value)
{
	_cleanup_json_ json *j = charargs_parse(option, value);
	const char *backend = json_str(j, "backend");
	_cleanup_free_ char *what = NULL;

	if (!backend)
		return;
	check_socket(all, guest, j);
	if (strcmp(backend, "pty") != 0)
		return;
	what = xasprintf("-%s %s is a terminal whose number the kernel gives out", option, value);
	found(all, NOTE, guest, what, "it may have another number after the jump",
	      "a socket keeps its name (-chardev socket,server=on)");
}

static void check_tpm(json *all, const char *guest, const char *value)
{
	_cleanup_json_ json *j = optargs_parse(value, "type");
	const char *type = json_str(j, "type");

	if (type && strcmp(type, "passthrough") == 0)
		found(all, BLOCKED, guest, "it has the host's own TPM",
		      "the state of the device is in hardware that the jump resets",
		      "give the guest one of swtpm's (-tpmdev emulator), or stop it");
}

static void check_chroot(json *all, const char *guest, const char *option, const char *value)
{
	_cleanup_json_ json *j = NULL;

	if (strcmp(option, "run-with") == 0)
		j = optargs_parse(value, NULL);
	if (strcmp(option, "chroot") == 0 || json_str(j, "chroot"))
		found(all, BLOCKED, guest, "its QEMU is in a root directory of its own (chroot)",
		      "the QEMU that brings the guest back opens its images when it is in there, and would not find them",
		      "start the guest without it (-run-with user= and -sandbox on are kept)");
}

void check_other_programs(json *all, const char *guest, const struct strv *argv)
{
	const char *option, *value;
	size_t at = 1;

	while (guestargs_next(argv, &at, &option, &value)) {
		if (!value)
			continue;
		check_chardev(all, guest, option, value);
		check_chroot(all, guest, option, value);
		if (strcmp(option, "tpmdev") == 0)
			check_tpm(all, guest, value);
	}
}
