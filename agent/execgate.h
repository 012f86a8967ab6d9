/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a QEMU passes that replaces itself by another program in the same process (migration mode
 * cpr-exec). On its way it is vmkeep-exec, which shows the agent what it takes along. The agent keeps
 * that as well: when the new program fails, another process can be given the same.
 *
 * QEMU tells the new program by an environment variable which of its files says what the others are. A number
 * in a variable proves nothing: the agent looks at the file before anybody uses it.
 */
#ifndef VMKEEP_EXECGATE_H
#define VMKEEP_EXECGATE_H

#include "util.h"

#define EXEC_FILES_MAX 128
/* What spawn() can hand on. */
#define EXEC_NUMBER_MAX 512
/* Of QEMU, migration/cpr-exec.c. */
#define EXEC_STATE_VARIABLE "QEMU_CPR_EXEC_STATE"

/**
 * struct exec_offer - What vmkeep-exec sends, with @n files; the answer is one byte: 'y', and it goes on.
 * @as:		What they are in its process.
 * @state:	The variable's value.
 */
struct exec_offer {
	uint32_t n;
	int32_t as[EXEC_FILES_MAX];
	char state[16];
};

/**
 * struct exec_files - What a QEMU has taken along.
 * @v:		Files: our @fd is its @as.
 * @variable:	"NAME=VALUE", or "" if nothing can be done with it.
 */
struct exec_files {
	size_t n;
	struct {
		int fd;
		int as;
	} v[EXEC_FILES_MAX];
	char variable[48];
};

/**
 * struct exec_gate - The gate for one process.
 * @address:	What vmkeep-exec is to be told: an abstract Unix socket's name, unix(7).
 */
struct exec_gate {
	int listener;
	char address[80];
};

/** execgate_open() - Make the gate. Return: 0, or -errno with the reason in @e. */
int execgate_open(struct exec_gate *gate, struct err *e);

/**
 * execgate_admit() - Let process @pid pass, which has been told to come. Call from a task.
 * @hopeless:	Asked now and then whether it cannot come any more.
 * @ret:	What it takes along; the caller's to release.
 *
 * Return: 0, it goes on; or -errno with the reason in @e: it did not come, or what it has makes no sense
 * and it was sent away, which ends it.
 */
int execgate_admit(struct exec_gate *gate, pid_t pid, bool (*hopeless)(const void *user),
		   const void *user, int timeout_ms, struct exec_files *ret, struct err *e);

/** execgate_close() - Nobody passes any more; one that comes goes on by itself. */
void execgate_close(struct exec_gate *gate);

/** exec_files_release() - Close ours. */
void exec_files_release(struct exec_files *files);

#endif
