/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A guest's RAM: blocks, each a memfd, in the order of their backends' numbers. */
#ifndef VMKEEP_GUESTRAM_H
#define VMKEEP_GUESTRAM_H

#include <sys/types.h>

#include "jsonio.h"
#include "memargs.h"

/**
 * struct guest_ram - A guest's blocks of RAM.
 * @size:	What they are to be.
 * @huge:	How much of them was on huge pages, in bytes, when they were last settled.
 * @fd:		Their memfds, -EBADF where there is none; owned. There may be some while @size is not known.
 */
struct guest_ram {
	struct ram_sizes size;
	uint64_t huge;
	int fd[RAM_BLOCKS_MAX];
};

/** guestram_init() - No blocks. */
void guestram_init(struct guest_ram *ram);
/** guestram_close() - Let go of the memfds; sizes stay. */
void guestram_close(struct guest_ram *ram);

/** guestram_create() - Make a memfd for each size, named after the guest @name. Return: 0, or -errno with the reason in @e. */
int guestram_create(struct guest_ram *ram, const char *name, struct err *e);

/**
 * guestram_new_block() - Make a memfd for one block more, which is not among @ram yet.
 *
 * Return: it, or -errno with the reason in @e.
 */
int guestram_new_block(const struct guest_ram *ram, const char *name, uint64_t size, struct err *e);

/** guestram_append() - Have @fd, which is taken over, as the last block. There must be room, as guestram_new_block() has seen. */
void guestram_append(struct guest_ram *ram, int fd, uint64_t size);

/** guestram_drop_last() - Let go of the last block. */
void guestram_drop_last(struct guest_ram *ram);

/** guestram_check() - Whether each memfd is there, of its size, and sealed. Return: 0, or -errno with which is not in @e. */
int guestram_check(const struct guest_ram *ram, struct err *e);

/** guestram_check_whole() - Whether all pages of it came over a jump. Return: 0, or -ENODATA with how much did not in @e. */
int guestram_check_whole(const struct guest_ram *ram, struct err *e);

/** guestram_settle() - Make all of it ready to be preserved, see memfd_settle(). Blocks. Return: 0 or -errno. */
int guestram_settle(struct guest_ram *ram);

/** guestram_preserve() - Preserve every block in @session, under tokens from HANDOVER_TOKEN_RAM on. Blocks. Return: 0 or -errno. */
int guestram_preserve(const struct guest_ram *ram, int session);

/**
 * guestram_retrieve() - Get out of @session what is there, however much was to be. Blocks.
 *
 * A block that could not be had has its -errno for an fd: guestram_check() judges, when sizes are known.
 */
void guestram_retrieve(struct guest_ram *ram, int session);

/** guestram_take() - Move the memfds of @from to @to. */
void guestram_take(struct guest_ram *to, struct guest_ram *from);

/** guestram_inodes() - What identifies the blocks within a boot, as a JSON array. Caller puts it. */
json *guestram_inodes(const struct guest_ram *ram);

/** guestram_find() - Take the blocks from the QEMU that has them open; @inodes as of guestram_inodes(). Return: 0, or -ENOENT if one is not there. */
int guestram_find(struct guest_ram *ram, pid_t pid, json *inodes);

/** guestram_to_json() - The sizes, an array. Caller puts it. */
json *guestram_to_json(const struct guest_ram *ram);
/** guestram_from_json() - Sizes as they come from outside. Return: 0, or -EBADMSG when they make no sense. */
int guestram_from_json(struct guest_ram *ram, json *sizes);

#endif
