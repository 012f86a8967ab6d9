/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Small things everything above may use: ownership that shows in a declaration,
 * errors with words, string vectors, whole-file reads and writes.
 */
#ifndef VMKEEP_UTIL_H
#define VMKEEP_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

/* Bytes, on x86-64. */
#define MIB (1ULL << 20)
#define HUGE_PAGE (2 * MIB)

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define __printf(fmt, args) __attribute__((format(printf, fmt, args)))

#define NSEC_PER_SEC 1000000000LL
#define NSEC_PER_MSEC 1000000LL
#define MSEC_PER_SEC 1000

/** begins() - Whether @s, which may be NULL, begins with @with. */
static inline bool begins(const char *s, const char *with)
{
	return s && strncmp(s, with, strlen(with)) == 0;
}

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -EBADF;
	return taken;
}

/** fd_close() - Close *fd if it is open and mark it closed; errno is kept. */
void fd_close(int *fd);

static inline void free_ptr(void *p)
{
	free(*(void **)p);
}

#define _cleanup_close_ __attribute__((cleanup(fd_close)))
#define _cleanup_free_ __attribute__((cleanup(free_ptr)))

/**
 * struct err - What went wrong, in words for a person.
 * @text:	One line without a full stop; gains context on its way up.
 *
 * Functions that can fail for a reason worth telling take one and return -errno.
 */
struct err {
	char text[512];
};

/**
 * err_set() - Say what went wrong.
 * @e:		Where to say it; may be NULL.
 * @code:	A negative errno. Returned, so that callers can `return err_set(…)`.
 * @fmt:	What happened, and where the reader can do something, what to do.
 */
int err_set(struct err *e, int code, const char *fmt, ...) __printf(3, 4);

/** err_prefix() - Put "CONTEXT: " before what @e already says. */
void err_prefix(struct err *e, const char *fmt, ...) __printf(2, 3);

/** xmalloc0() - calloc() that ends the program when there is no memory. */
void *xmalloc0(size_t size);
/** xstrdup() - strdup() that ends the program when there is no memory; NULL stays NULL. */
char *xstrdup(const char *s);
/** xasprintf() - asprintf() that ends the program when there is no memory; caller frees. */
char *xasprintf(const char *fmt, ...) __printf(1, 2);

/**
 * struct strv - A NULL-terminated vector of strings that it owns.
 * @v:	The strings, or NULL while empty.
 * @n:	How many, without the terminating NULL.
 */
struct strv {
	char **v;
	size_t n;
};

/** strv_add() - Append a copy of @s. */
void strv_add(struct strv *sv, const char *s);
/** strv_addf() - Append a formatted string. */
void strv_addf(struct strv *sv, const char *fmt, ...) __printf(2, 3);
/** strv_free() - Free the strings and the vector; it is empty afterwards. */
void strv_free(struct strv *sv);

#define _cleanup_strv_ __attribute__((cleanup(strv_free)))

/**
 * read_file() - Read a whole small file.
 * @path:	The file; may be one of /proc or /sys, whose size reads as 0.
 * @max:	Refuse more bytes than this with -EFBIG.
 * @ret:	The contents with a NUL after them; caller frees.
 * @ret_len:	The length without that NUL; may be NULL.
 *
 * Return: 0 or -errno.
 */
int read_file(const char *path, size_t max, char **ret, size_t *ret_len);

/**
 * read_last_line() - The last line of a log that is not empty.
 * @fd:		A regular file or memfd.
 * @from:	Offset of the first byte to look at.
 * @buf:	Gets it, without its end; of a longer one, the last @size - 1 bytes.
 *
 * Return: Its length; 0 when there is none, or the file cannot be read.
 */
size_t read_last_line(int fd, off_t from, char *buf, size_t size);

/**
 * write_file_atomic() - Replace a file so that a reader sees the old or the new one.
 *
 * Written beside it, fsync()ed, renamed: see rename(2). Mode 0600.
 *
 * Return: 0 or -errno.
 */
int write_file_atomic(const char *path, const char *data, size_t len);

/** write_all() - write(2) until all @len bytes are out. Return: 0 or -errno. */
int write_all(int fd, const void *data, size_t len);

/** mkdir_parents() - mkdir -p with @mode for what is made. Return: 0 or -errno. */
int mkdir_parents(const char *path, mode_t mode);

/**
 * parse_size() - Read a size such as "4G", "512M" or "1048576".
 * @s:		Digits with an optional suffix K, M, G, T (powers of 1024) or B.
 * @unit:	What a number without suffix is counted in, in bytes.
 * @ret:	Bytes.
 *
 * Return: 0, or -EINVAL when @s is not a size or does not fit.
 */
int parse_size(const char *s, uint64_t unit, uint64_t *ret);

/** format_size() - "256 MiB", "1.5 GiB"; exact when it can be. Returns @buf. */
const char *format_size(uint64_t bytes, char *buf, size_t len);

/** path_absolute() - @path as it is, or if it is relative, as seen from @cwd (NULL: the root). Caller frees. */
char *path_absolute(const char *path, const char *cwd);

/** boot_id() - The kernel's random id of this boot, from proc_sys_kernel(5). Cached. */
const char *boot_id(void);

/** random_uuid() - A fresh version 4 UUID as text; @uuid holds 37 bytes. */
void random_uuid(char uuid[37]);

/** uuid_valid() - Whether @s has the form of a lower-case UUID. */
bool uuid_valid(const char *s);

#endif
