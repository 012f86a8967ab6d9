/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A guest's files: its directory RUN_DIR/guests/NAME with the monitor's socket and
 * state.json, and its QEMU's output in LOG_DIR/NAME.log.
 */
#ifndef VMKEEP_GUESTFILES_H
#define VMKEEP_GUESTFILES_H

#include "guest.h"

/** guestfiles_make() - Make the directory and open the log. @log_start is where this QEMU's output begins. */
int guestfiles_make(const struct guest *g, int *ret_log, off_t *log_start, struct err *e);
/** guestfiles_qmp() - The monitor's socket; caller frees. */
char *guestfiles_qmp(const char *name);
/** guestfiles_save() - Write state.json. Return: 0, or -errno, logged; the old one stays then. */
int guestfiles_save(const char *name, json *state);
/** guestfiles_load() - Read a guest's state.json; NULL if there is none of its name. Caller puts it. */
json *guestfiles_load(const char *name);
/** guestfiles_list() - Append the names of all that have a directory. */
void guestfiles_list(struct strv *names);
/** guestfiles_remove() - Remove @g's directory; its log stays. */
void guestfiles_remove(const struct guest *g);
/** guestfiles_forget() - The same by name. */
void guestfiles_forget(const char *name);
/**
 * guestfiles_bound_log() - Shorten the log if QEMU has written too much into it.
 *
 * Its end goes to NAME.log.old, in place of what is there, and it begins anew.
 */
void guestfiles_bound_log(const struct guest *g);
/** guestfiles_log_end() - Where the next thing goes that QEMU writes. */
off_t guestfiles_log_end(const struct guest *g);
/** guestfiles_last_words() - Put the last line that QEMU wrote since @log_start into @e, if there is one. */
void guestfiles_last_words(const struct guest *g, off_t log_start, struct err *e);

#endif
