/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the guests' QEMUs are made of, read from disk beside all else that is to be done after a jump: page by
 * page, when each QEMU comes across it, takes longer than everything else in its start.
 */
#ifndef VMKEEP_READAHEAD_H
#define VMKEEP_READAHEAD_H

#include "guest.h"

/** readahead_setup() - Where the list of it is (readlist.h). */
void readahead_setup(const char *state_dir);

/**
 * readahead_note() - Add to @paths which files @g's QEMU will read at its start. Blocks.
 *
 * Of its program and libraries what it uses of them now (proc_pid_maps(5), PAGEMAP_SCAN), and what its command line
 * names, but for disk images. An entry of @paths is a path, for all of a file, or an object: "path", and "ranges",
 * pairs of offset and size in bytes.
 */
void readahead_note(const struct guest *g, json *paths);

/** readahead_note_self() - The same of this agent: one that vmkeep-init starts is read from disk like all else. Blocks. */
void readahead_note_self(json *paths);

/** readahead_save() - Write the list. Blocks. Return: 0 or -errno. */
int readahead_save(json *paths);

/** readahead_start() - Have the kernel read what the list names. Returns at once. */
void readahead_start(void);

#endif
