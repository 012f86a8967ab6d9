// SPDX-License-Identifier: GPL-2.0-or-later
/* Sources: -m, -numa and -object memory-backend-file in qemu(1); "pc-dimm" in docs/memory-hotplug.txt of QEMU. */

#include "memargs.h"

#include <stdio.h>

#include "guestargs.h"

const char *ram_path_name(enum ram_path p)
{
	return p == RAM_PATH_FDSET ? "fdset" : "procfd";
}

uint64_t ram_total(const struct ram_sizes *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->n; i++)
		sum += s->v[i];
	return sum;
}

/* The memdev of a -device or -numa, in either of QEMU's notations, or NULL; caller frees. */
static char *memdev_of(const char *value)
{
	_cleanup_json_ json *j = value[0] == '{' ? json_tokener_parse(value) : NULL;

	if (j)
		return json_str(j, "memdev") ? xstrdup(json_str(j, "memdev")) : NULL;
	return guestargs_suboption(value, "memdev");
}

/* Which block a -device or -numa takes; @sizes->n when it takes none. */
static int block_of(const char *option, const char *value, const struct ram_sizes *sizes,
		    size_t *ret, struct err *e)
{
	_cleanup_free_ char *memdev = memdev_of(value);

	*ret = sizes->n;
	if (!memdev)
		return 0;
	for (size_t i = 0; i < sizes->n; i++) {
		char id[32];

		snprintf(id, sizeof(id), RAM_BLOCK_ID, i);
		if (strcmp(memdev, id) == 0) {
			*ret = i;
			return 0;
		}
	}
	return err_set(
		e, -EINVAL,
		"-%s memdev=%s: vmkeep provides the guest's RAM: give --memory for each block and name them vmkeep-ram0 to vmkeep-ram%zu",
		option, memdev, sizes->n - 1);
}

static int check_size(const char *value, uint64_t boot, struct memargs *m, struct err *e)
{
	_cleanup_free_ char *implied = guestargs_suboption(value, NULL);
	_cleanup_free_ char *named = guestargs_suboption(value, "size");
	_cleanup_free_ char *slots = guestargs_suboption(value, "slots");
	_cleanup_free_ char *maxmem = guestargs_suboption(value, "maxmem");
	const char *size = named ? named : implied;
	uint64_t bytes, most;
	char buf[32];
	int n;

	if (!size || parse_size(size, MIB, &bytes) < 0)
		return err_set(e, -EINVAL, "-m %s: not a size", value);
	if (bytes != boot)
		return err_set(e, -EINVAL, "-m %s differs from --memory %s: leave -m out", value,
			       format_size(boot, buf, sizeof(buf)));
	if (!slots && !maxmem)
		return 0;
	if (!slots || !maxmem || parse_size(maxmem, MIB, &most) < 0)
		return err_set(e, -EINVAL, "-m %s: slots and maxmem go together", value);
	n = snprintf(m->slots, sizeof(m->slots), ",slots=%s,maxmem=%lluB", slots,
		     (unsigned long long)most);
	return n < (int)sizeof(m->slots) ? 0 : err_set(e, -EINVAL, "-m %s: too long", value);
}

int memargs_read(const struct strv *argv, const struct ram_sizes *sizes, struct memargs *ret,
		 struct err *e)
{
	const char *name, *value, *m = NULL;
	bool on_node[RAM_BLOCKS_MAX] = { 0 }, nodes = false, own_nodes = false;
	size_t block, others = 0, last = 0;
	int r;

	*ret = (struct memargs){ 0 };
	for (size_t at = 1; guestargs_next(argv, &at, &name, &value);) {
		bool device = strcmp(name, "device") == 0, numa = strcmp(name, "numa") == 0;
		bool *used = device ? ret->dimm : on_node;

		if (strcmp(name, "m") == 0 && value)
			m = value;
		if (!value || (!device && !numa))
			continue;
		nodes |= numa && strncmp(value, "node", 4) == 0;
		r = block_of(name, value, sizes, &block, e);
		if (r < 0)
			return r;
		if (block == sizes->n)
			continue;
		if (ret->dimm[block] || on_node[block])
			return err_set(e, -EINVAL, "-%s %s: that block is used already", name,
				       value);
		used[block] = true;
		own_nodes |= numa;
	}
	for (size_t i = 0; i < sizes->n; i++) {
		if (ret->dimm[i])
			continue;
		others++;
		last = i;
		ret->boot += sizes->v[i];
	}
	if (!others)
		return err_set(e, -EINVAL,
			       "all --memory is in DIMMs: one block must be left to boot from");
	for (size_t i = 0; i < sizes->n; i++)
		if ((own_nodes || (nodes && others > 1)) && !ret->dimm[i] && !on_node[i])
			return err_set(
				e, -EINVAL,
				"block %zu of --memory is on no node: -numa node,memdev=vmkeep-ram%zu takes it",
				i, i);
	ret->nodes = !own_nodes && others > 1;
	if (!own_nodes && others == 1)
		snprintf(ret->machine, sizeof(ret->machine), RAM_BLOCK_ID, last);
	return m ? check_size(m, ret->boot, ret, e) : 0;
}

void memargs_add_backend(struct strv *argv, size_t i, uint64_t size, enum ram_path path)
{
	int fd = GUEST_FD_RAM + (int)i;
	char file[32];

	if (path == RAM_PATH_FDSET) {
		strv_add(argv, "-add-fd");
		strv_addf(argv, "fd=%d,set=%d", fd, fd);
		snprintf(file, sizeof(file), "/dev/fdset/%d", fd);
	} else {
		snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	}
	strv_add(argv, "-object");
	/* share=on is what x-ignore-shared leaves out of the checkpoint: without it RAM would be copied. */
	strv_addf(argv,
		  "memory-backend-file,id=" RAM_BLOCK_ID
		  ",size=%llu,mem-path=%s,share=on,prealloc=off,align=%llu",
		  i, (unsigned long long)size, file, RAM_BLOCK_UNIT);
}

void memargs_add(struct strv *argv, const struct ram_sizes *sizes, const struct memargs *m,
		 enum ram_path path)
{
	for (size_t i = 0; i < sizes->n; i++)
		memargs_add_backend(argv, i, sizes->v[i], path);
	strv_add(argv, "-m");
	strv_addf(argv, "%lluB%s", (unsigned long long)m->boot, m->slots);
	for (size_t i = 0; i < sizes->n && m->nodes; i++) {
		if (m->dimm[i])
			continue;
		strv_add(argv, "-numa");
		strv_addf(argv, "node,memdev=" RAM_BLOCK_ID, i);
	}
}

/* The block whose backend @value is, or sizes->n. */
static size_t backend_of(const char *value, const struct ram_sizes *sizes)
{
	for (size_t i = 0; i < sizes->n; i++) {
		_cleanup_free_ char *start = xasprintf("memory-backend-file,id=" RAM_BLOCK_ID ",",
						       i);

		if (begins(value, start))
			return i;
	}
	return sizes->n;
}

static bool is_our_fdset(const char *value, const struct ram_sizes *sizes)
{
	int fd, set;

	return sscanf(value, "fd=%d,set=%d", &fd, &set) == 2 && fd == set && fd >= GUEST_FD_RAM &&
	       fd < GUEST_FD_RAM + (int)sizes->n;
}

void memargs_set_path(struct strv *argv, const struct ram_sizes *sizes, enum ram_path path)
{
	struct strv ret = { 0 };

	for (size_t i = 0; i < argv->n; i++) {
		const char *value = i + 1 < argv->n ? argv->v[i + 1] : "";
		size_t block = strcmp(argv->v[i], "-object") == 0 ? backend_of(value, sizes)
								  : sizes->n;

		if (block < sizes->n) {
			memargs_add_backend(&ret, block, sizes->v[block], path);
			i++;
		} else if (strcmp(argv->v[i], "-add-fd") == 0 && is_our_fdset(value, sizes)) {
			i++; /* comes with the backend, if it is wanted */
		} else {
			strv_add(&ret, argv->v[i]);
		}
	}
	strv_free(argv);
	*argv = ret;
}

void memargs_set_private(struct strv *argv, const struct ram_sizes *sizes)
{
	for (size_t i = 1; i < argv->n; i++) {
		char *share;

		if (strcmp(argv->v[i - 1], "-object") != 0 ||
		    backend_of(argv->v[i], sizes) == sizes->n)
			continue;
		share = strstr(argv->v[i], ",share=on");
		if (share) {
			char *with = xasprintf("%.*s,share=off%s", (int)(share - argv->v[i]),
					       argv->v[i], share + strlen(",share=on"));

			free(argv->v[i]);
			argv->v[i] = with;
		}
	}
}
