// SPDX-License-Identifier: GPL-2.0-or-later

#include "guestram.h"

#include "handover.h"
#include "luo.h"
#include "memfd.h"

void guestram_init(struct guest_ram *ram)
{
	ram->size.n = 0;
	for (size_t i = 0; i < RAM_BLOCKS_MAX; i++)
		ram->fd[i] = -EBADF;
}

void guestram_close(struct guest_ram *ram)
{
	for (size_t i = 0; i < RAM_BLOCKS_MAX; i++)
		fd_close(&ram->fd[i]);
}

static int make_block(const char *name, size_t i, uint64_t size, struct err *e)
{
	_cleanup_free_ char *memfd = i ? xasprintf("vmkeep-ram:%s:%zu", name, i)
				       : xasprintf("vmkeep-ram:%s", name);
	int fd = memfd_create_ram(memfd, size);

	return fd < 0 ? err_set(e, fd, "memory for the guest: %s", strerror(-fd)) : fd;
}

int guestram_create(struct guest_ram *ram, const char *name, struct err *e)
{
	for (size_t i = 0; i < ram->size.n; i++) {
		ram->fd[i] = make_block(name, i, ram->size.v[i], e);
		if (ram->fd[i] < 0)
			return ram->fd[i];
	}
	return 0;
}

int guestram_new_block(const struct guest_ram *ram, const char *name, uint64_t size, struct err *e)
{
	if (ram->size.n == RAM_BLOCKS_MAX)
		return err_set(e, -ENOSPC, "it has %d blocks of memory already: no guest has more",
			       RAM_BLOCKS_MAX);
	if (!size || size % RAM_BLOCK_UNIT || size > INT64_MAX / RAM_BLOCKS_MAX)
		return err_set(e, -EINVAL, "memory must be a multiple of 2M");
	return make_block(name, ram->size.n, size, e);
}

void guestram_append(struct guest_ram *ram, int fd, uint64_t size)
{
	ram->fd[ram->size.n] = fd;
	ram->size.v[ram->size.n++] = size;
}

void guestram_drop_last(struct guest_ram *ram)
{
	fd_close(&ram->fd[--ram->size.n]);
}

int guestram_check(const struct guest_ram *ram, struct err *e)
{
	for (size_t i = 0; i < ram->size.n; i++) {
		int r;

		if (ram->fd[i] < 0)
			return err_set(e, -EBADF,
				       "its memory (" RAM_BLOCK_ID ") did not come over: %s", i,
				       strerror(-ram->fd[i]));
		r = memfd_check_ram(ram->fd[i], ram->size.v[i]);
		if (r < 0)
			return err_set(e, r, "its memory (" RAM_BLOCK_ID ") is not what it was: %s",
				       i,
				       r == -ESTALE  ? "another size"
				       : r == -EPERM ? "not sealed"
						     : "no memory file");
	}
	return ram->size.n ? 0 : err_set(e, -EBADMSG, "it has no memory");
}

int guestram_check_whole(const struct guest_ram *ram, struct err *e)
{
	for (size_t i = 0; i < ram->size.n; i++) {
		uint64_t missing = memfd_missing(ram->fd[i], ram->size.v[i]);
		char size[32];

		if (missing)
			return err_set(e, -ENODATA,
				       "%s of its memory (" RAM_BLOCK_ID ") did not come over",
				       format_size(missing, size, sizeof(size)), i);
	}
	return 0;
}

int guestram_settle(struct guest_ram *ram)
{
	uint64_t huge = 0, all = 0;
	int r = 0;

	for (size_t i = 0; i < ram->size.n && !r; i++) {
		r = memfd_settle(ram->fd[i], ram->size.v[i], &huge);
		all += huge;
	}
	ram->huge = all;
	return r;
}

int guestram_preserve(const struct guest_ram *ram, int session)
{
	int r = 0;

	for (size_t i = 0; i < ram->size.n && !r; i++)
		r = luo_preserve(session, ram->fd[i], HANDOVER_TOKEN_RAM + i);
	return r;
}

void guestram_retrieve(struct guest_ram *ram, int session)
{
	/* All of them, whatever becomes of one: what stays in the session is freed with it. */
	for (size_t i = 0; i < RAM_BLOCKS_MAX; i++)
		ram->fd[i] = luo_retrieve(session, HANDOVER_TOKEN_RAM + i);
}

void guestram_take(struct guest_ram *to, struct guest_ram *from)
{
	for (size_t i = 0; i < RAM_BLOCKS_MAX; i++)
		to->fd[i] = take_fd(&from->fd[i]);
}

json *guestram_inodes(const struct guest_ram *ram)
{
	json *ret = json_object_new_array();

	for (size_t i = 0; i < ram->size.n; i++)
		json_object_array_add(ret, json_object_new_int64((int64_t)memfd_inode(ram->fd[i])));
	return ret;
}

int guestram_find(struct guest_ram *ram, pid_t pid, json *inodes)
{
	for (size_t i = 0; i < ram->size.n; i++) {
		json *inode = inodes ? json_object_array_get_idx(inodes, i) : NULL;

		ram->fd[i] = inode ? memfd_find(pid, (ino_t)json_object_get_int64(inode)) : -ENOENT;
		if (ram->fd[i] < 0)
			return -ENOENT;
	}
	return 0;
}

json *guestram_to_json(const struct guest_ram *ram)
{
	json *ret = json_object_new_array();

	for (size_t i = 0; i < ram->size.n; i++)
		json_object_array_add(ret, json_object_new_int64((int64_t)ram->size.v[i]));
	return ret;
}

int guestram_from_json(struct guest_ram *ram, json *sizes)
{
	size_t n = json_object_is_type(sizes, json_type_array) ? json_object_array_length(sizes)
							       : 0;

	if (!n || n > RAM_BLOCKS_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < n; i++) {
		int64_t size = json_object_get_int64(json_object_array_get_idx(sizes, i));

		if (size <= 0 || size > INT64_MAX / RAM_BLOCKS_MAX)
			return -EBADMSG;
		ram->size.v[i] = (uint64_t)size;
	}
	ram->size.n = n;
	return 0;
}
