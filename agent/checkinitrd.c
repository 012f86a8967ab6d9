// SPDX-License-Identifier: GPL-2.0-or-later

#include "checkinitrd.h"

#include <fcntl.h>
#include <malloc.h>
#include <sys/stat.h>

#include "cmdline.h"
#include "findings.h"
#include "initrd.h"

struct reading {
	const char *path;
	struct initrd i;
	struct err e;
};

static int read_thread(void *arg)
{
	struct reading *r = arg;

	mallopt(M_MMAP_THRESHOLD, 128 * 1024); /* as for kernel images: see checkkernel.c */
	return initrd_read(r->path, &r->i, &r->e);
}

static void want(struct initrd *i, const char *path)
{
	const char *base = strrchr(path, '/');

	base = base ? base + 1 : path;
	for (size_t n = 0; n < i->names.n; n++)
		if (strcmp(i->names.v[n], base) == 0)
			return;
	strv_add(&i->names, base);
}

static void check_content(json *all, const struct target *t, const struct initrd *i)
{
	_cleanup_free_ char *root = cmdline_value(t->cmdline, "root");

	/*
	 * With etc/initrd-release, its first program looks for the root file system itself
	 * (systemd-gpt-auto-generator(8)). Without an init in it the kernel does.
	 */
	if (root || !i->has_init || i->temporary)
		return;
	for (size_t n = 0; n < i->names.n; n++) {
		_cleanup_free_ char *what = NULL;

		if (i->there[n])
			continue;
		what = xasprintf("there is no %s in initrd %s", i->names.v[n], t->initrd);
		found(all, BLOCKED, "kernel", what,
		      "without root= on the kernel's command line the initrd is all there is: no guest could be brought back",
		      "give --reuse-cmdline or --append root=…, or another initrd");
	}
}

static void look_inside(json *all, const struct target *t)
{
	_cleanup_free_ char *rdinit = cmdline_value(t->cmdline, "rdinit");
	_cleanup_free_ char *root = cmdline_value(t->cmdline, "root");
	struct reading r = { .path = t->initrd, .e = { "the initrd could not be read" } };
	int ret;

	r.i.init = rdinit ? rdinit + strspn(rdinit, "/") : "init";
	want(&r.i, "vmkeepd");
	for (const struct guest *g = guest_first(); g; g = g->next)
		if (!g->gone && g->argv.n)
			want(&r.i, g->argv.v[0]);
	r.i.there = xmalloc0(r.i.names.n * sizeof(bool));
	ret = task_background(read_thread, &r);
	if (ret == 0)
		check_content(all, t, &r.i);
	else if (ret == -EBADMSG || (ret == -ENOEXEC && !r.i.entries))
		found(all, BLOCKED, "kernel", r.e.text, "the new kernel could not start",
		      "make the initrd anew");
	else if (ret == -ENOEXEC) /* the kernel complains, and goes on with what it has */
		found(all, NOTE, "kernel", r.e.text, "the kernel leaves out the rest", "");
	else
		found(all, root ? NOTE : UNKNOWN, "kernel", r.e.text,
		      "whether the new kernel can start from it is not known",
		      "make the initrd smaller, or free some memory");
	free(r.i.there);
	strv_free(&r.i.names);
}

uint64_t check_initrd(json *all, const struct target *t)
{
	const char *path = t->initrd;
	_cleanup_close_ int fd = path ? open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -EBADF;
	_cleanup_free_ char *what = NULL;
	const char *matter = NULL;
	struct stat st = { 0 };

	if (!path)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		matter = strerror(errno);
	else if (!S_ISREG(st.st_mode))
		matter = "not a regular file";
	else if (!st.st_size)
		matter = "empty";
	if (!matter) {
		look_inside(all, t);
		return (uint64_t)st.st_size;
	}
	what = xasprintf("initrd %s: %s", path, matter);
	found(all, BLOCKED, "kernel", what, "the new kernel could not start",
	      "give the path of its initrd");
	return 0;
}
