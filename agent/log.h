/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The agent's log: one line an event on stderr, where systemd's journal takes it. */
#ifndef VMKEEP_LOG_H
#define VMKEEP_LOG_H

#include "util.h"

enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/**
 * log_setup() - Choose what is logged.
 * @max:	The most talkative level that is written.
 * @prefix:	Whether lines begin with "<N>", as sd-daemon(3) describes for the journal.
 * @name:	What comes after that, for a log that does not know who writes; or "".
 */
void log_setup(enum log_level max, bool prefix, const char *name);

/** log_line() - Write one line if @level is wanted. errno is kept. */
void log_line(enum log_level level, const char *fmt, ...) __printf(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...) log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...) log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
