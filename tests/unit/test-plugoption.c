// SPDX-License-Identifier: GPL-2.0-or-later
/* From QMP's arguments to a command line's. */

#include "plugoption.h"

#include "kselftest_harness.h"

/* QMP takes "3" for a number, and -device does not. */
TEST(properties_get_their_types)
{
	_cleanup_json_ json *args = json_tokener_parse(
		"{\"lun\":\"0x3\",\"share-rw\":\"on\",\"serial\":\"123\",\"addr\":\"5\",\"n\":\"a\",\"ok\":7,\"s\":\"4k\",\"t\":12,\"u\":true}");
	_cleanup_json_ json *types = json_tokener_parse(
		"[{\"name\":\"lun\",\"type\":\"uint32\"},{\"name\":\"share-rw\",\"type\":\"bool\"},"
		"{\"name\":\"serial\",\"type\":\"str\"},{\"name\":\"addr\",\"type\":\"int32\"},"
		"{\"name\":\"n\",\"type\":\"int32\"},{\"name\":\"ok\",\"type\":\"uint8\"},{\"name\":\"s\",\"type\":\"size\"},"
		"{\"name\":\"t\",\"type\":\"str\"},{\"name\":\"u\",\"type\":\"OnOffAuto\"},{}]");

	plugoption_device(args, types);
	EXPECT_STREQ(
		"{\"lun\":3,\"share-rw\":true,\"serial\":\"123\",\"addr\":\"5\",\"n\":\"a\",\"ok\":7,\"s\":4096,\"t\":\"12\",\"u\":\"on\"}",
		json_object_to_json_string_ext(args, JSON_C_TO_STRING_PLAIN));
}

/* A number is a slot and its function to -device, and was a slot to QMP: QEMU is asked where it is. */
TEST(a_pci_address_that_is_a_number_is_left_out)
{
	_cleanup_json_ json *args = json_tokener_parse("{\"driver\":\"e1000e\",\"addr\":5}");

	plugoption_device(args, NULL);
	EXPECT_STREQ("{\"driver\":\"e1000e\"}",
		     json_object_to_json_string_ext(args, JSON_C_TO_STRING_PLAIN));
}

#define CHARDEV(wanted, backend)                                   \
	do {                                                       \
		_cleanup_json_ json *args = json_tokener_parse(    \
			"{\"id\":\"c\",\"backend\":" backend "}"); \
		_cleanup_free_ char *text = NULL;                  \
		struct err e;                                      \
		EXPECT_EQ(0, plugoption_chardev(args, &text, &e)); \
		EXPECT_STREQ(wanted, text);                        \
	} while (0)

TEST(character_devices)
{
	_cleanup_json_ json *spice = json_tokener_parse(
		"{\"id\":\"c\",\"backend\":{\"type\":\"spicevmc\",\"data\":{\"type\":\"x\"}}}");
	_cleanup_json_ json *in = json_tokener_parse(
		"{\"id\":\"c\",\"backend\":{\"type\":\"file\",\"data\":{\"out\":\"a\",\"in\":\"b\"}}}");
	_cleanup_json_ json *abstract = json_tokener_parse(
		"{\"id\":\"c\",\"backend\":{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":\"unix\","
		"\"data\":{\"path\":\"s\",\"abstract\":true}}}}}");
	char *text = NULL;
	struct err e;

	CHARDEV("null,id=c", "{\"type\":\"null\",\"data\":{}}");
	CHARDEV("file,id=c,path=/a,,b,append=on",
		"{\"type\":\"file\",\"data\":{\"out\":\"/a,b\",\"append\":true}}");
	/* What QMP takes for granted has to be said. */
	CHARDEV("socket,id=c,server=on,wait=off,path=/s",
		"{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":\"unix\",\"data\":{\"path\":\"/s\"}}}}");
	CHARDEV("socket,id=c,host=h,port=1,server=off",
		"{\"type\":\"socket\",\"data\":{\"addr\":{\"type\":\"inet\",\"data\":{\"host\":\"h\",\"port\":\"1\"}},\"server\":false}}");
	EXPECT_EQ(-EOPNOTSUPP, plugoption_chardev(spice, &text, &e));
	/* QEMU 7.2 has no word for it on the command line, and would not start. */
	EXPECT_EQ(-EOPNOTSUPP, plugoption_chardev(in, &text, &e));
	EXPECT_EQ(-EOPNOTSUPP, plugoption_chardev(abstract, &text, &e));
	EXPECT_EQ(-EOPNOTSUPP, plugoption_chardev(NULL, &text, &e));
}

TEST_HARNESS_MAIN
