/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The list of what is to be read from disk after a jump, a text file: "OFFSET SIZE PATH" by line, in bytes, in the order in
 * which it will be needed. The agent writes it before (readahead.c); vmkeep-init(8), which has nothing but libc, and the
 * host's agent have it read.
 */
#ifndef VMKEEP_READLIST_H
#define VMKEEP_READLIST_H

#include <stdint.h>

/** STATE_DIR - The agent's state directory, if it is told no other; vmkeep-init(8) looks there only. */
#define STATE_DIR "/var/lib/vmkeep"
/** READLIST_NAME - The list's name in it. */
#define READLIST_NAME "read-ahead"
/** READLIST_FILE_MAX - No more than this of one file. One that is larger is an image of some kind. */
#define READLIST_FILE_MAX ((int64_t)128 * 1024 * 1024)

/**
 * readlist_read() - Have the kernel read all that the list @path names; see readahead(2). Blocks.
 *
 * What makes no sense, is not there or is no regular file is passed over: this only saves time.
 */
void readlist_read(const char *path);

#endif
