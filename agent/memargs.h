/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a QEMU command line says about memory: how the guest's blocks of RAM are used in it,
 * and what vmkeep puts there for them. Pure text.
 */
#ifndef VMKEEP_MEMARGS_H
#define VMKEEP_MEMARGS_H

#include "util.h"

/* Nodes and DIMMs together; each takes a file descriptor of QEMU's. */
#define RAM_BLOCKS_MAX 16
/* Their sizes are multiples of a huge page, at whose multiples QEMU maps them: elsewhere it would get small ones only. */
#define RAM_BLOCK_UNIT HUGE_PAGE
/* A block's memory backend, numbered from 0: also what the user's own -numa and -device say. */
#define RAM_BLOCK_ID "vmkeep-ram%zu"
/* QEMU's file descriptor for block 0; the others follow. */
#define GUEST_FD_RAM 10

enum ram_path { RAM_PATH_FDSET, RAM_PATH_PROCFD };

/** ram_path_name() - "fdset" or "procfd", as in status and in the record. */
const char *ram_path_name(enum ram_path p);

/** struct ram_sizes - The blocks of a guest's RAM, in bytes; at least one. */
struct ram_sizes {
	uint64_t v[RAM_BLOCKS_MAX];
	size_t n;
};

/** ram_total() - All of it, in bytes. */
uint64_t ram_total(const struct ram_sizes *s);

/**
 * struct memargs - How the blocks are used.
 * @boot:	Bytes that are no DIMMs: what -m says.
 * @slots:	What the user's -m says behind the size, ",slots=2,maxmem=8G", or "".
 * @machine:	The block that is the machine's memory-backend, or "": they are on NUMA nodes,
 * @nodes:	namely on nodes that vmkeep adds.
 * @dimm:	By block: it is on a -device of the user's.
 */
struct memargs {
	uint64_t boot;
	char slots[80];
	char machine[16];
	bool nodes;
	bool dimm[RAM_BLOCKS_MAX];
};

/**
 * memargs_read() - Find out how a user's command line uses the blocks.
 * @argv:	The command line.
 * @sizes:	The blocks.
 * @ret:	Filled in.
 *
 * Return: 0, or -EINVAL with the argument and what to do about it in @e: memory of the user's own,
 * a size that differs, a block that is not there, or is used twice or not at all.
 */
int memargs_read(const struct strv *argv, const struct ram_sizes *sizes, struct memargs *ret,
		 struct err *e);

/**
 * memargs_add() - Put the blocks on a command line: backends, -m, and a NUMA node for each of several blocks
 * that are on none.
 */
void memargs_add(struct strv *argv, const struct ram_sizes *sizes, const struct memargs *m,
		 enum ram_path path);

/** memargs_set_path() - Have a command line that memargs_add() has made take the blocks in another way. */
void memargs_set_path(struct strv *argv, const struct ram_sizes *sizes, enum ram_path path);

/** memargs_set_private() - Have it see the blocks, and what it writes only itself: the memory does not change. */
void memargs_set_private(struct strv *argv, const struct ram_sizes *sizes);

/** memargs_add_backend() - Put the backend of block @i alone on it: for a DIMM that was plugged in. */
void memargs_add_backend(struct strv *argv, size_t i, uint64_t size, enum ram_path path);

#endif
