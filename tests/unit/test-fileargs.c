// SPDX-License-Identifier: GPL-2.0-or-later
/* Files on QEMU's command line. */

#include "fileargs.h"

#include <stdarg.h>

#include "kselftest_harness.h"

/* "option path flags", one a line; flags: i image, r read only, s searched, o output. */
static char *named(const char *first, ...)
{
	_cleanup_strv_ struct strv argv = { 0 };
	_cleanup_json_ json *all = NULL;
	char *ret = xstrdup("");
	va_list ap;

	strv_add(&argv, "qemu");
	va_start(ap, first);
	for (const char *s = first; s; s = va_arg(ap, const char *))
		strv_add(&argv, s);
	va_end(ap);
	all = fileargs_parse(&argv);
	for (size_t i = 0; i < json_object_array_length(all); i++) {
		json *j = json_object_array_get_idx(all, i);
		char *more = xasprintf(
			"%s%s %s %s%s%s%s\n", ret, json_str(j, "option"), json_str(j, "path"),
			json_flag(j, "image") ? "i" : "", json_flag(j, "readonly") ? "r" : "",
			json_flag(j, "searched") ? "s" : "", json_flag(j, "output") ? "o" : "");

		free(ret);
		ret = more;
	}
	return ret;
}

#define EXPECT_NAMED(expected, ...)                                        \
	do {                                                               \
		_cleanup_free_ char *got_names = named(__VA_ARGS__, NULL); \
		EXPECT_STREQ(got_names, expected);                         \
	} while (0)

TEST(images)
{
	EXPECT_NAMED("drive /a b.img i\n", "-drive", "file=/a b.img,if=virtio");
	EXPECT_NAMED("drive /a,b.img i\n", "-drive", "if=none,id=d,file=/a,,b.img");
	EXPECT_NAMED("cdrom x.iso ir\nhda h i\n", "-cdrom", "x.iso", "-hda", "h");
	EXPECT_NAMED("blockdev /x i\n", "-blockdev", "driver=file,node-name=n,filename=/x");
	EXPECT_NAMED("blockdev /x i\n", "-blockdev",
		     "driver=qcow2,node-name=n,file.driver=file,file.filename=/x");
	EXPECT_NAMED("blockdev /x i\n", "-blockdev",
		     "{\"driver\":\"file\",\"node-name\":\"n\",\"filename\":\"/x\"}");
	EXPECT_NAMED("drive /x:y i\n", "-drive", "file=file:/x:y");
	EXPECT_NAMED("drive /x:y i\n", "-drive", "file=/x:y");
}

TEST(what_it_writes)
{
	EXPECT_NAMED("chardev /a,b o\n", "-chardev", "file,id=c,path=/a,,b,append=on");
	EXPECT_NAMED("", "-chardev", "socket,id=c,path=/sock,server=on", "-chardev",
		     "null,id=file");
}

TEST(images_that_are_only_read)
{
	EXPECT_NAMED("drive /x ir\n", "-drive", "file=/x,readonly=on,if=pflash");
	EXPECT_NAMED("drive /x ir\n", "-drive", "file=/x,media=cdrom");
	EXPECT_NAMED("drive /x i\n", "-drive", "file=/x,readonly=off");
	EXPECT_NAMED("blockdev /x ir\n", "-blockdev",
		     "{\"driver\":\"file\",\"read-only\":true,\"filename\":\"/x\"}");
}

TEST(no_files)
{
	EXPECT_NAMED("", "-drive", "file=nbd://host/x", "-drive", "if=none,id=x", "-drive",
		     "file=json:{}", "-blockdev", "driver=null-co,node-name=n", "-drive",
		     "file=/dev/fdset/3", "-cdrom", "");
	EXPECT_NAMED("", "-append", "kernel=/x", "-name", "file=/x", "-device", "virtio-rng-pci",
		     "-object", "memory-backend-file,id=vmkeep-ram0,mem-path=/proc/self/fd/10");
}

TEST(firmware)
{
	EXPECT_NAMED("bios b.bin s\n", "-bios", "b.bin");
	EXPECT_NAMED("bios /b.bin \n", "-bios", "/b.bin");
	EXPECT_NAMED("device efi.rom s\n", "-device", "virtio-net-pci,romfile=efi.rom");
	EXPECT_NAMED("", "-device", "virtio-net-pci,romfile=");
	EXPECT_NAMED("option-rom r s\noption-rom /r \n", "-option-rom", "r", "-option-rom",
		     "romfile=/r,bootindex=1");
	EXPECT_NAMED("kernel k \ninitrd i \ndtb d \n", "--kernel", "k", "-initrd", "i", "-dtb",
		     "d");
	EXPECT_NAMED("fw_cfg /f \n", "-fw_cfg", "name=opt/x,file=/f");
}

TEST_HARNESS_MAIN
