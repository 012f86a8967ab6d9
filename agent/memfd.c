// SPDX-License-Identifier: GPL-2.0-or-later

#include "memfd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "pagemap.h"
#include "util.h"

#ifndef MADV_POPULATE_READ /* C libraries before glibc 2.35 */
#define MADV_POPULATE_READ 22
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MADV_COLLAPSE /* C libraries before glibc 2.37 */
#define MADV_COLLAPSE 25
#endif

#define RAM_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

/* Mapped at a time, so that the agent stays small beside any guest; and each has the kernel go to every processor. */
#define PART (64ULL * 1024 * 1024)

/* Pinned at a time. */
#define PIN_STEP (4ULL * 1024 * 1024)

/* For a whole file: five seconds, where memory is short for good. */
#define PIN_TRIES 100
#define PIN_PAUSE_MS 50

static int create(const char *name, uint64_t size, unsigned int flags)
{
	_cleanup_close_ int fd = memfd_create(name, flags | MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)size) < 0)
		return -errno;
	return take_fd(&fd);
}

int memfd_create_ram(const char *name, uint64_t size)
{
	_cleanup_close_ int fd = create(name, size, MFD_ALLOW_SEALING);

	if (fd < 0)
		return fd;
	if (fcntl(fd, F_ADD_SEALS, RAM_SEALS) < 0)
		return -errno;
	return take_fd(&fd);
}

int memfd_create_plain(const char *name, uint64_t size)
{
	return create(name, size, 0);
}

int memfd_check_ram(int fd, uint64_t size)
{
	int seals = fcntl(fd, F_GET_SEALS);
	struct stat st;

	if (seals < 0 || fstat(fd, &st) < 0)
		return -ENOTTY;
	if ((uint64_t)st.st_size != size)
		return -ESTALE;
	return (seals & RAM_SEALS) == RAM_SEALS ? 0 : -EPERM;
}

/*
 * A page that somebody holds for a moment cannot be moved: a vCPU in the middle of a fault, I/O under way. The
 * kernel says so with ENOMEM when it is the first of @part, and with EFAULT behind pages that could be pinned
 * (Linux, io_uring/memmap.c, "partial map"). All of @part is mapped, so EFAULT means nothing else here.
 */
static int pin(struct io_uring *ring, const struct iovec *part)
{
	int r = io_uring_register_buffers(ring, part, 1);

	return r == -EFAULT ? -ENOMEM : r;
}

static int pin_again(struct io_uring *ring, const struct iovec *part, unsigned int *tries)
{
	int r;

	while ((r = pin(ring, part)) == -ENOMEM && *tries) {
		(*tries)--;
		usleep(PIN_PAUSE_MS * 1000);
	}
	if (!r)
		io_uring_unregister_buffers(ring);
	return r;
}

/* At a multiple of a huge page, as nothing else can be mapped by one. Return: the mapping or NULL, errno set. */
static char *map_aligned(int fd, uint64_t size)
{
	/* Address space alone: what is not taken for the file goes again. */
	char *all = mmap(NULL, size + HUGE_PAGE, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	char *start, *end;

	if (all == MAP_FAILED)
		return NULL;
	start = all + (-(uintptr_t)all & (HUGE_PAGE - 1));
	end = start + size;
	if (start > all)
		munmap(all, (size_t)(start - all));
	munmap(end, (size_t)(all + size + HUGE_PAGE - end));
	if (mmap(start, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) ==
	    MAP_FAILED) {
		munmap(start, size);
		return NULL;
	}
	return start;
}

/* Whether it works or not: without huge pages all is only slower. Those that there are stay as they are. */
static void make_huge(char *p, uint64_t size)
{
	(void)madvise(p, size, MADV_HUGEPAGE);
	/* Where there is no page at all, there is nothing to make a huge one of. */
	for (uint64_t at = 0; at < size; at += HUGE_PAGE)
		(void)madvise(p + at, 1, MADV_POPULATE_WRITE);
	(void)madvise(p, size, MADV_COLLAPSE);
}

/* Return: 0 or -errno. */
static int settle_part(struct io_uring *ring, char *p, uint64_t size, unsigned int *tries)
{
	int ret = 0;

	make_huge(p, size);
	for (uint64_t at = 0; at < size && !ret; at += PIN_STEP) {
		struct iovec step = { .iov_base = p + at,
				      .iov_len = size - at < PIN_STEP ? size - at : PIN_STEP };

		/* Small pages: a read maps sixteen at a time, and writable; what pinning maps, it maps one by one. */
		(void)madvise(step.iov_base, step.iov_len, MADV_POPULATE_READ);
		ret = pin_again(ring, &step, tries);
	}
	return ret;
}

int memfd_settle(int fd, uint64_t size, uint64_t *ret_huge)
{
	_cleanup_close_ int pagemap = pagemap_open(0);
	unsigned int tries = PIN_TRIES;
	struct io_uring ring;
	char *p;
	int ret = io_uring_queue_init(1, &ring, 0);

	*ret_huge = 0;
	if (ret < 0)
		return ret;
	p = map_aligned(fd, size);
	if (!p) {
		ret = -errno;
		io_uring_queue_exit(&ring);
		return ret;
	}
	for (uint64_t at = 0; at < size && !ret; at += PART) {
		uint64_t part = size - at < PART ? size - at : PART;

		ret = settle_part(&ring, p + at, part, &tries);
		*ret_huge += pagemap_huge(pagemap, p + at, part);
		/* Only lets go of our mapping: the pages stay, but do not count as the agent's. */
		(void)madvise(p + at, part, MADV_DONTNEED);
	}
	munmap(p, size);
	io_uring_queue_exit(&ring);
	return ret;
}

uint64_t memfd_missing(int fd, uint64_t size)
{
	struct stat st;
	uint64_t has = fstat(fd, &st) < 0 ? 0 : (uint64_t)st.st_blocks * 512;

	return has < size ? size - has : 0;
}

ino_t memfd_inode(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? 0 : st.st_ino;
}

int memfd_reopen(int fd, int flags)
{
	char path[64];
	int ret;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ret = open(path, flags | O_CLOEXEC);
	return ret < 0 ? -errno : ret;
}

int memfd_find(pid_t pid, ino_t ino)
{
	_cleanup_free_ char *dir = xasprintf("/proc/%d/fd", pid);
	DIR *d = opendir(dir);
	struct dirent *de;
	int ret = -ENOENT;

	if (!d)
		return -errno;
	while (ret == -ENOENT && (de = readdir(d))) {
		_cleanup_close_ int fd = -EBADF;
		struct stat st;

		/* Looked at before it is opened: opening other things by accident may have effects. */
		if (fstatat(dirfd(d), de->d_name, &st, 0) < 0 || !S_ISREG(st.st_mode) ||
		    st.st_ino != ino)
			continue;
		/* Seals tell it from another file system's file of that number; its name does not: one that came
		   over a kexec has none. */
		fd = openat(dirfd(d), de->d_name, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && fcntl(fd, F_GET_SEALS) >= 0)
			ret = take_fd(&fd);
	}
	closedir(d);
	return ret;
}

pid_t memfd_holder(ino_t ino)
{
	return memfd_other_holder(ino, 0);
}

pid_t memfd_other_holder(ino_t ino, pid_t but)
{
	DIR *d = opendir("/proc");
	struct dirent *de;
	pid_t found = 0;

	if (!d)
		return 0;
	while (!found && (de = readdir(d))) {
		_cleanup_close_ int fd = -EBADF;
		pid_t pid = (pid_t)strtol(de->d_name, NULL, 10);

		if (pid <= 0 || pid == getpid() || pid == but)
			continue;
		fd = memfd_find(pid, ino);
		if (fd >= 0)
			found = pid;
	}
	closedir(d);
	return found;
}
