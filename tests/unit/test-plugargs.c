// SPDX-License-Identifier: GPL-2.0-or-later
/* The journal: what was plugged in or out, on a command line. */

#include <stdarg.h>

#include "plugargs.h"

#include "kselftest_harness.h"

static struct strv argv;

static void line(const char *first, ...)
{
	va_list ap;

	strv_free(&argv);
	strv_add(&argv, "qemu");
	va_start(ap, first);
	for (const char *s = first; s; s = va_arg(ap, const char *))
		strv_add(&argv, s);
	va_end(ap);
}

#define EXPECT_LINE(wanted)                                                                        \
	do {                                                                                       \
		_cleanup_json_ json *j = json_object_new_object();                                 \
		json_set_strv(j, "l", &argv);                                                      \
		EXPECT_STREQ(wanted,                                                               \
			     json_object_to_json_string_ext(                                       \
				     j, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE)); \
		EXPECT_EQ(NULL, argv.v[argv.n]);                                                   \
	} while (0)

TEST(found_in_either_notation)
{
	_cleanup_json_ json *a = NULL, *b = NULL;

	line("-device", "virtio-blk-pci,drive=d,id=a", "-device",
	     "{\"driver\":\"e1000e\",\"id\":\"b\",\"addr\":\"2.0\"}", NULL);
	a = plugargs_find(&argv, "device", "a");
	b = plugargs_find(&argv, "device", "b");
	EXPECT_STREQ("virtio-blk-pci", json_str(a, "driver"));
	EXPECT_STREQ("2.0", json_str(b, "addr"));
	EXPECT_EQ(NULL, plugargs_find(&argv, "device", "c"));
	EXPECT_EQ(NULL, plugargs_find(&argv, "netdev", "a"));
}

TEST(a_block_node_goes_by_its_own_name)
{
	line("-blockdev", "driver=raw,node-name=d,file=f", "-blockdev",
	     "{\"driver\":\"file\",\"node-name\":\"f\",\"filename\":\"d\"}", NULL);
	EXPECT_TRUE(plugargs_remove(&argv, "blockdev", "f"));
	EXPECT_LINE("{\"l\":[\"qemu\",\"-blockdev\",\"driver=raw,node-name=d,file=f\"]}");
}

TEST(the_last_option_goes_and_comes)
{
	line("-nodefaults", "-netdev", "tap,id=n", NULL);
	EXPECT_TRUE(plugargs_remove(&argv, "netdev", "n"));
	EXPECT_FALSE(plugargs_remove(&argv, "netdev", "n"));
	EXPECT_LINE("{\"l\":[\"qemu\",\"-nodefaults\"]}");
	plugargs_add(&argv, "netdev", "user,id=n");
	EXPECT_LINE("{\"l\":[\"qemu\",\"-nodefaults\",\"-netdev\",\"user,id=n\"]}");
}

TEST(a_property_in_the_option_s_own_notation)
{
	_cleanup_json_ json *n = json_object_new_int64(3), *s = json_object_new_string("1.0");

	line("-device", "scsi-hd,id=a", "-device", "{\"driver\":\"scsi-hd\",\"id\":\"b\"}", NULL);
	plugargs_set(&argv, "a", "lun", n);
	plugargs_set(&argv, "b", "lun", n);
	plugargs_set(&argv, "b", "addr", s);
	EXPECT_LINE(
		"{\"l\":[\"qemu\",\"-device\",\"scsi-hd,id=a,lun=3\",\"-device\","
		"\"{\\\"driver\\\":\\\"scsi-hd\\\",\\\"id\\\":\\\"b\\\",\\\"lun\\\":3,\\\"addr\\\":\\\"1.0\\\"}\"]}");
}

#define END_OF_START "-mon", "chardev=vmkeep-qmp,mode=control"

TEST(who_would_move_up)
{
	line("-device", "e1000e,id=a", "-device", "virtio-rng-pci", END_OF_START, NULL);
	EXPECT_FALSE(plugargs_stays(&argv, "a"));
	line("-device", "e1000e,id=a", "-drive", "if=virtio,file=x", END_OF_START, NULL);
	EXPECT_FALSE(plugargs_stays(&argv, "a"));
	line("-device", "e1000e,id=a", "-device", "virtio-rng-pci,addr=5", "-device", "usb-tablet",
	     END_OF_START, NULL);
	EXPECT_TRUE(plugargs_stays(&argv, "a"));
	line("-device", "e1000e,id=a", "-device", "virtio-rng-pci,id=b", END_OF_START, NULL);
	EXPECT_TRUE(plugargs_stays(&argv, "a"));
	/* A port has one place, and what came later is behind all that is placed by turn. */
	line("-device", "pcie-root-port,id=p", "-device", "e1000e,id=a,bus=p", "-device",
	     "virtio-rng-pci", END_OF_START, NULL);
	EXPECT_TRUE(plugargs_stays(&argv, "a"));
	line("-device", "virtio-rng-pci", END_OF_START, "-device", "e1000e,id=a", NULL);
	EXPECT_TRUE(plugargs_stays(&argv, "a"));
}

TEST(on_usb_ports_are_given_out)
{
	line("-device", "usb-tablet,id=a", "-device", "usb-kbd,id=b", END_OF_START, NULL);
	EXPECT_FALSE(plugargs_stays(&argv, "a"));
	line("-device", "usb-tablet,id=a", "-device", "usb-kbd,id=b,port=2", END_OF_START, NULL);
	EXPECT_TRUE(plugargs_stays(&argv, "a"));
	/* Its controller is not on it. */
	line("-device", "e1000e,id=a", "-device", "usb-ehci", END_OF_START, NULL);
	EXPECT_FALSE(plugargs_stays(&argv, "a"));
}

TEST(what_another_option_needs)
{
	line("-netdev", "tap,id=t0,ifname=t0", "-device", "e1000e,netdev=t0,id=c", NULL);
	EXPECT_STREQ("e1000e,netdev=t0,id=c", plugargs_user(&argv, "netdev", "t0"));
	EXPECT_EQ(NULL, plugargs_user(&argv, "netdev", "c"));
	EXPECT_TRUE(plugargs_remove(&argv, "device", "c"));
	/* Its own is none. */
	EXPECT_EQ(NULL, plugargs_user(&argv, "netdev", "t0"));
	line("-object", "iothread,id=io", "-device",
	     "{\"driver\":\"x\",\"id\":\"io2\",\"m\":[{\"iothread\":\"io\"}]}", NULL);
	EXPECT_NE(NULL, plugargs_user(&argv, "object", "io"));
	EXPECT_EQ(NULL, plugargs_user(&argv, "object", "io2"));
	line("-append", "net", "-name", "net", "-netdev", "user,id=net", NULL);
	EXPECT_EQ(NULL, plugargs_user(&argv, "netdev", "net"));
}

TEST(what_would_go_with_a_device)
{
	line("-device", "virtio-scsi-pci,id=s", "-device", "scsi-hd,drive=d,bus=s.0", NULL);
	EXPECT_STREQ("scsi-hd,drive=d,bus=s.0", plugargs_user(&argv, "device", "s"));
	line("-device", "virtio-scsi-pci,id=s", "-device", "scsi-hd,drive=d,bus=s.0,id=h",
	     "-device", "scsi-hd,bus=s1.0", NULL);
	EXPECT_EQ(NULL, plugargs_user(&argv, "device", "s"));
	line("-device", "e1000e,id=c", "-set", "device.c.mac=x", NULL);
	EXPECT_STREQ("device.c.mac=x", plugargs_user(&argv, "device", "c"));
}

TEST(what_qemu_makes_unasked)
{
	line("-cpu", "host", NULL);
	EXPECT_EQ(DEFAULT_NET | DEFAULT_CDROM, plugargs_defaults(&argv));
	line("-netdev", "{\"type\":\"user\",\"id\":\"n\"}", NULL);
	EXPECT_EQ(DEFAULT_CDROM, plugargs_defaults(&argv));
	line("-device", "{\"driver\":\"scsi-hd\",\"id\":\"n\"}", NULL);
	EXPECT_EQ(DEFAULT_NET, plugargs_defaults(&argv));
	line("-m", "1G", "-nodefaults", NULL);
	EXPECT_EQ(0, plugargs_defaults(&argv));
}

TEST_HARNESS_MAIN
