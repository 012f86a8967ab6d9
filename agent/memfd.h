/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Guest RAM, device state and records: memory files that outlive a process. */
#ifndef VMKEEP_MEMFD_H
#define VMKEEP_MEMFD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * memfd_create_ram() - Make the memory of a guest.
 * @name:	Shown in /proc/PID/fd.
 * @size:	Bytes, a multiple of the page size.
 *
 * Sealed against shrinking, growing and further seals: QEMU, which need not be
 * trusted, can then neither cut a guest's memory short nor change what is
 * preserved. Seals survive the jump.
 *
 * Return: An fd with close-on-exec set or -errno.
 */
int memfd_create_ram(const char *name, uint64_t size);

/** memfd_create_plain() - A memfd of @size bytes without seals. Return: fd or -errno. */
int memfd_create_plain(const char *name, uint64_t size);

/**
 * memfd_check_ram() - Whether @fd is a guest's memory as memfd_create_ram() made it.
 *
 * Used on every fd that comes from outside: after the jump, and from /proc when
 * the agent was restarted.
 *
 * Return: 0, -ENOTTY for something else than a memfd, -ESTALE for another size, -EPERM for lost seals.
 */
int memfd_check_ram(int fd, uint64_t size);

/**
 * memfd_settle() - Make every page of guest RAM ready to be preserved. Blocks.
 * @size:	Bytes, all there are.
 * @ret_huge:	Bytes of it that are on huge pages now.
 *
 * Gives every hole a page, makes huge ones of small ones where possible (MADV_COLLAPSE, see madvise(2)), whatever the
 * host's shmem_enabled says but "deny", and moves pages out of the memory where preserved ones must not
 * be: that of the next kernel (Linux, Documentation/core-api/kho, "scratch"), which ordinary pages are lent.
 * Preserving does both by itself, but with small pages only, which makes the retrieve inside the blackout about
 * ninety times longer, and gives up at the first page that cannot be moved just now. Here that is tried again.
 *
 * The pages are pinned for the moment, a few MiB at a time: what pages must be to stay pinned is what they must
 * be to be preserved. A running guest is not disturbed. See io_uring_register_buffers(3).
 *
 * Return: 0 or -errno, -ENOMEM when the host has no memory for it.
 */
int memfd_settle(int fd, uint64_t size, uint64_t *ret_huge);

/**
 * memfd_missing() - How much of a memory file has no page.
 *
 * Preserving gives every hole a page (Linux, mm/memfd_luo.c), so that one after the jump is memory that was
 * lost; a guest would read zeros there. From the file's blocks (inode(7)), not a look at each page.
 *
 * Return: Bytes of @size, or @size when @fd is none.
 */
uint64_t memfd_missing(int fd, uint64_t size);

/** memfd_inode() - The inode number: the identity of a memfd within one boot; 0 on error. */
ino_t memfd_inode(int fd);

/**
 * memfd_reopen() - A new open file of the same memory with other access.
 * @flags:	O_RDONLY, O_WRONLY or O_RDWR: an fdset is matched by exact access mode.
 */
int memfd_reopen(int fd, int flags);

/**
 * memfd_find() - Find a memfd among another process' fds.
 * @pid:	The process, which must be ours to look into.
 * @ino:	Its inode number from memfd_inode().
 *
 * Return: An fd opened read-write, or -ENOENT.
 */
int memfd_find(pid_t pid, ino_t ino);

/** memfd_holder() - A process other than this one that has the memfd with inode @ino open. Return: its PID, 0: none. */
pid_t memfd_holder(ino_t ino);

/** memfd_other_holder() - The same, of a process that is not @but. */
pid_t memfd_other_holder(ino_t ino, pid_t but);

#endif
