/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where definitions are stored: CONFIG_DIR/guests/NAME.json. The agent writes them, an
 * administrator may as well. What is in them is executed as root, so only root's own are read.
 */
#ifndef VMKEEP_DEFINITIONFILES_H
#define VMKEEP_DEFINITIONFILES_H

#include "definition.h"

/* More are not made, and not looked at. */
#define DEFINITIONS_MAX 1024
#define DEFINITION_BYTES_MAX (1024UL * 1024)

/** definitionfiles_setup() - Call first. */
void definitionfiles_setup(const char *config_dir);

/** definitionfiles_list() - Append the names of all that are defined, sorted. */
void definitionfiles_list(struct strv *names);

/**
 * definitionfiles_load() - Read and check one.
 *
 * Return: 0 and what it says in @ret; or -errno with file, what is wrong and what to do
 * in @e: -ENOENT when there is none of that name.
 */
int definitionfiles_load(const char *name, struct definition *ret, struct err *e);

/**
 * definitionfiles_save() - Store what @definition says, so that a crash leaves the old or the new one.
 * @definition:	As definition_read() takes it.
 * @replace:	Also when there is one of its name.
 *
 * Return: 0, or -errno with the reason in @e.
 */
int definitionfiles_save(json *definition, bool replace, struct err *e);

/** definitionfiles_remove() - Forget one, broken or not. Return: 0, or -errno with the reason in @e. */
int definitionfiles_remove(const char *name, struct err *e);

#endif
