// SPDX-License-Identifier: GPL-2.0-or-later

#include "checkkernel.h"

#include <malloc.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "checkinitrd.h"
#include "checkscratch.h"
#include "cmdline.h"
#include "findings.h"
#include "kexec.h"
#include "loop.h"

#define IMAGES_KEPT 3

/* --- images that were read --- */

struct seen {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec mtime, ctime;
	struct kimage k;
};

struct reading {
	const char *path;
	struct kimage *k;
	struct err *e;
};

static int read_thread(void *arg)
{
	struct reading *r = arg;

	/*
	 * Large blocks go back to the kernel when they are freed. By default, malloc()
	 * raises the bound after the first one, and the heap keeps some 10 MiB for good.
	 */
	mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	return kimage_read(r->path, r->k, r->e);
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

static bool same_file(const struct seen *s, const struct stat *st)
{
	return s->dev == st->st_dev && s->ino == st->st_ino && s->size == st->st_size &&
	       same_time(s->mtime, st->st_mtim) && same_time(s->ctime, st->st_ctim);
}

/*
 * kimage_read(), once a file: `check` and `prepare` come one after the other, and the running
 * kernel's own image does not change. What failed is not kept.
 */
static int image(const char *path, struct kimage *k, struct err *e)
{
	static struct seen seen[IMAGES_KEPT];
	static unsigned int next;
	struct reading r = { path, k, e };
	struct stat st;
	int ret;

	/* A file that is replaced after this is read anew the next time: its inode is another. */
	if (stat(path, &st) < 0)
		return err_set(e, -errno, "kernel %s: %s", path, strerror(errno));
	for (size_t i = 0; i < IMAGES_KEPT; i++) {
		if (seen[i].ino && same_file(&seen[i], &st)) {
			*k = seen[i].k;
			return 0;
		}
	}
	ret = task_background(read_thread, &r);
	if (ret == 0)
		seen[next++ % IMAGES_KEPT] = (struct seen){ .dev = st.st_dev,
							    .ino = st.st_ino,
							    .size = st.st_size,
							    .mtime = st.st_mtim,
							    .ctime = st.st_ctim,
							    .k = *k };
	return ret;
}

/* --- formats --- */

static void take_missing(struct kabi *to, const struct kabi *from)
{
	if (!to->kho[0])
		memcpy(to->kho, from->kho, sizeof(to->kho));
	if (!to->luo[0])
		memcpy(to->luo, from->luo, sizeof(to->luo));
	if (!to->memfd[0])
		memcpy(to->memfd, from->memfd, sizeof(to->memfd));
}

/* What debugfs does not show stands in the image this kernel came from, if that is still there. */
static void running_abi(const struct kimage *target, struct kabi *abi)
{
	static const struct {
		const char *before, *after;
	} images[] = { { "/boot/vmlinuz-", "" }, { "/lib/modules/", "/vmlinuz" } };
	const unsigned char *id;
	struct kho_self self;
	struct utsname uts;

	kho_abi(KHO_DEBUGFS, abi);
	if ((abi->kho[0] && abi->luo[0] && abi->memfd[0]) || kho_self(&self) < 0)
		return;
	id = self.has_build_id ? self.build_id : NULL;
	if (kimage_is(target, self.banner, id)) {
		take_missing(abi, &target->facts.abi);
		return;
	}
	uname(&uts);
	for (size_t i = 0; i < ARRAY_SIZE(images); i++) {
		_cleanup_free_ char *path = xasprintf("%s%s%s", images[i].before, uts.release,
						      images[i].after);
		struct kimage own;

		/* Another build of the same release may speak another format. */
		if (image(path, &own, NULL) == 0 && kimage_is(&own, self.banner, id)) {
			take_missing(abi, &own.facts.abi);
			return;
		}
	}
}

static void check_format(json *all, const char *release, const char *name, const char *option,
			 enum told has, const char *there, const char *here, const char *why)
{
	_cleanup_free_ char *what = NULL;

	if (has == TOLD_NO) {
		_cleanup_free_ char *cure = xasprintf("build it with %s=y, or take another",
						      option);

		what = xasprintf("kernel %s is built without %s", release, name);
		found(all, BLOCKED, "kernel", what, why, cure);
	} else if (has == TOLD_NOTHING || !there[0]) {
		what = xasprintf(
			"cannot tell from the image of kernel %s which format of %s it speaks%s",
			release, name, has == TOLD_NOTHING ? ", if any" : "");
		found(all, UNKNOWN, "kernel", what, why,
		      "take a kernel with CONFIG_IKCONFIG, or a newer vmkeep");
	} else if (!here[0]) {
		what = xasprintf("cannot tell whether this kernel speaks %s, as kernel %s does",
				 there, release);
		found(all, UNKNOWN, "host", what, why,
		      "mount debugfs on /sys/kernel/debug, and keep this kernel's own image in /boot as vmlinuz-RELEASE");
	} else if (strcmp(there, here) != 0) {
		what = xasprintf("kernel %s speaks %s, this one %s", release, there, here);
		found(all, BLOCKED, "kernel", what, why,
		      "take a kernel of the same format, or stop the guests and reboot");
	}
}

void check_formats(json *all, const struct kimage *k, const struct kabi *here)
{
	const struct kscan_facts *f = &k->facts;

	check_format(
		all, k->release, "Kexec HandOver", "CONFIG_KEXEC_HANDOVER", f->has_kho, f->abi.kho,
		here->kho,
		"a new kernel that does not understand this one's would boot as if nothing had been handed over: all guests' memory would be lost");
	check_format(
		all, k->release, "Live Update", "CONFIG_LIVEUPDATE", f->has_luo, f->abi.luo,
		here->luo,
		f->has_luo == TOLD_NO
			? "it would take nothing over: all guests' memory would be lost"
			: "a new kernel that does not understand this one's would panic at boot");
	check_format(
		all, k->release, "memfds in Live Update", "CONFIG_LIVEUPDATE_MEMFD", f->has_memfd,
		f->abi.memfd, here->memfd,
		"a new kernel that does not understand this one's could not give guests' memory back");
}

/* --- the image --- */

static void check_loadable(json *all, const struct kimage *k, const char *path)
{
	_cleanup_free_ char *what = NULL;

	if (!k->x86_64)
		what = xasprintf("kernel %s is not for 64-bit x86", path);
	else if (k->format == KIMAGE_VMLINUX)
		what = xasprintf("kernel %s is a plain vmlinux", path);
	else if (k->format == KIMAGE_ZBOOT)
		what = xasprintf("kernel %s is an EFI zboot image", path);
	else if (!k->loadable)
		what = xasprintf("kernel %s cannot be started above 4 GiB", path);
	if (what)
		found(all, BLOCKED, "kernel", what,
		      "kexec_file_load(2) takes only a relocatable 64-bit bzImage",
		      "give the bzImage of the same kernel, the file that is in /boot as vmlinuz");
}

bool lockdown_active(const char *text)
{
	const char *now = strchr(text, '[');

	return now && strncmp(now, "[none]", 6) != 0;
}

/*
 * kimage_validate_signature() in kernel/kexec_file.c: under lockdown, an image without a good
 * signature is refused unless IMA is sure to appraise it. Whether a signature is good, and
 * whether IMA is, the kernel says when it loads the image, in prepare, while guests run.
 */
void check_signature(json *all, const struct kimage *k, const char *lockdown, bool ima)
{
	if (k->has_signature || !lockdown_active(lockdown))
		return;
	found(all, ima ? NOTE : BLOCKED, "kernel",
	      "its image is not signed, and this kernel is locked down",
	      ima ? "it is refused at `vmkeep prepare` unless IMA appraises it"
		  : "kexec_file_load(2) refuses it",
	      "sign it with a key that this kernel trusts (sbsign)");
}

static void check_room(json *all, const struct kimage *k, uint64_t initrd, const char *next)
{
	_cleanup_free_ char *cmdline = NULL;
	struct kho_scratch s;
	struct host_size host;

	kho_scratch(KHO_DEBUGFS, &s);
	host_size_read("/proc/iomem", &host);
	if (read_file("/proc/cmdline", KEXEC_CMDLINE_MAX, &cmdline, NULL) == 0)
		check_scratch(all, k, initrd, next, &s, &host, cmdline);
}

void check_cmdline(json *all, const char *cmdline, const struct kimage *k)
{
	int kho = cmdline_switch(cmdline, "kho");

	if (cmdline_switch(cmdline, "liveupdate") != 1)
		found(all, BLOCKED, "kernel", "its command line does not have liveupdate=on",
		      "the new kernel would start without taking anything over: all guests' memory would be lost",
		      "give --reuse-cmdline, or --append liveupdate=on");
	if (kho < 0 && k->facts.kho_by_default == TOLD_NOTHING) {
		_cleanup_free_ char *running = NULL;

		/* This kernel tells then, as its successor is built alike more often than not. */
		if (read_file("/proc/cmdline", KEXEC_CMDLINE_MAX, &running, NULL) == 0 &&
		    cmdline_switch(running, "kho") == 1)
			kho = 0;
	}
	if (kho == 0 || (kho < 0 && k->facts.kho_by_default == TOLD_NO))
		found(all, BLOCKED, "kernel", "its command line does not have kho=on",
		      "the new kernel would take guests' memory for free memory",
		      "give --reuse-cmdline, or --append kho=on");
}

/* Whether it is the image that is wrong, or only that it cannot be looked into. */
static bool only_unknown(int error)
{
	return error == -EOPNOTSUPP || error == -EFBIG || error == -ENOMEM || error == -EAGAIN;
}

void check_kernel(json *all, struct target *t)
{
	_cleanup_free_ char *lockdown = NULL;
	struct kabi here;
	uint64_t initrd;
	struct kimage k = { 0 };
	struct err e;
	int r = image(t->kernel, &k, &e);

	snprintf(t->version, sizeof(t->version), "%s", k.release);
	initrd = check_initrd(all, t);
	if (only_unknown(r)) {
		found(all, UNKNOWN, "kernel", e.text,
		      "whether it can take over from this kernel is not known",
		      "take another image of the same kernel");
	} else if (r < 0) {
		found(all, BLOCKED, "kernel", e.text, "there is nothing to jump to",
		      "give the path of a kernel image");
	} else {
		running_abi(&k, &here);
		check_loadable(all, &k, t->kernel);
		check_formats(all, &k, &here);
		/* Not there: this kernel cannot be locked down. */
		if (read_file("/sys/kernel/security/lockdown", 256, &lockdown, NULL) == 0)
			check_signature(all, &k, lockdown,
					access("/sys/kernel/security/ima", F_OK) == 0);
		check_room(all, &k, initrd, t->cmdline);
	}
	check_cmdline(all, t->cmdline, &k);
}
