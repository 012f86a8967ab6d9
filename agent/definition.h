/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a guest is to be started with: what `vmkeep run` sends, and what is stored of a guest
 * that is defined. One form for both, so that both are read by the same code:
 *
 *   {"name": "web", "memory": [4294967296], "user": null, "cwd": "/srv", "ram_path": null,
 *    "argv": ["/usr/bin/qemu-system-x86_64", …], "priority": 0, "autostart": true}
 */
#ifndef VMKEEP_DEFINITION_H
#define VMKEEP_DEFINITION_H

#include "guest.h"

/**
 * struct definition - A guest that could be started.
 * @spec:	What with. Its strings belong to the JSON object that this was read from.
 * @autostart:	Start it at boot.
 * @from:	That object.
 */
struct definition {
	struct guest_spec spec;
	bool autostart;
	json *from;
};

/** definition_free() - Free all that is in it. */
void definition_free(struct definition *d);
#define _cleanup_definition_ __attribute__((cleanup(definition_free)))

/**
 * definition_read() - Read one that comes from outside.
 * @j:		Kept alive by @ret; nothing in it is changed.
 * @ret:	Set on success only.
 *
 * Its form is checked here, what it means in guest_validate(). What is not known is refused: it
 * may be a word that is misspelt.
 *
 * Return: 0, or -EINVAL with what is wrong with which key in @e.
 */
int definition_read(json *j, struct definition *ret, struct err *e);

#endif
