// SPDX-License-Identifier: GPL-2.0-or-later

#include <stdarg.h>

#include "netargs.h"

#include "kselftest_harness.h"

static json *parse(const char *first, ...)
{
	_cleanup_strv_ struct strv argv = { 0 };
	va_list ap;

	strv_add(&argv, "qemu");
	va_start(ap, first);
	for (const char *s = first; s; s = va_arg(ap, const char *))
		strv_add(&argv, s);
	va_end(ap);
	return netargs_parse(&argv);
}

#define EXPECT_PARSED(wanted, ...)                                                     \
	do {                                                                           \
		json *parsed = parse(__VA_ARGS__);                                     \
		EXPECT_STREQ(wanted, json_object_to_json_string_ext(                   \
					     parsed, JSON_C_TO_STRING_NOSLASHESCAPE)); \
		json_object_put(parsed);                                               \
	} while (0)

TEST(command_lines)
{
	EXPECT_PARSED("[]", "-nodefaults", NULL);
	EXPECT_PARSED("[{\"type\":\"user\"}]", "-display", "none", NULL);
	EXPECT_PARSED("[]", "-machine", "microvm,accel=kvm", NULL);
	EXPECT_PARSED("[]", "-nic", "none", NULL);
	EXPECT_PARSED("[]", "--net", "none", NULL);
	EXPECT_PARSED("[{\"type\":\"tap\",\"ifname\":\"a,b\",\"vhost\":\"on\"}]", "-netdev",
		      "tap,ifname=a,,b,vhost=on", NULL);
	EXPECT_PARSED("[{\"type\":\"tap\",\"vhost\":\"on\",\"queues\":\"2\"}]", "-netdev",
		      "{\"type\":\"tap\",\"vhost\":true,\"queues\":2}", NULL);
	EXPECT_PARSED("[{\"type\":\"user\"},{\"type\":\"bridge\",\"br\":\"br1\"}]", "-net", "nic",
		      "-net", "user", "-nic", "bridge,br=br1", NULL);
	EXPECT_PARSED("[{\"id\":\"x\",\"type\":\"tap\",\"vhost\":\"on\"}]", "-netdev",
		      "id=x,type=tap,vhost", NULL);
	EXPECT_PARSED("[]", "-nodefaults", "-append", "-netdev", "user", NULL);
	EXPECT_PARSED("[{}]", "-netdev", "{broken", NULL);
	EXPECT_PARSED("[{}]", "-netdev", ",", NULL);
	EXPECT_PARSED("[{\"type\":\",\"}]", "-netdev", ",,,", NULL);
}

TEST_HARNESS_MAIN
