// SPDX-License-Identifier: GPL-2.0-or-later
/* Which QMP commands are passed on. */

#include "plugrules.h"

#include "kselftest_harness.h"

static const struct plugrule *rule;
static struct err e;

static int check(const char *command, const char *args)
{
	_cleanup_json_ json *j = args ? json_tokener_parse(args) : NULL;

	return plugrules_check(command, j, &rule, &e);
}

TEST(what_only_asks_goes_through)
{
	EXPECT_EQ(0, check("query-status", NULL));
	EXPECT_EQ(NULL, rule);
	EXPECT_EQ(0, check("qom-list", "{\"path\":\"/\"}"));
	EXPECT_EQ(0, check("human-monitor-command", "{\"command-line\":\"info pci\"}"));
	EXPECT_EQ(
		0,
		check("qom-set",
		      "{\"path\":\"/objects/vmkeep-ram0\",\"property\":\"discard-data\",\"value\":false}"));
}

TEST(what_plugs_is_known)
{
	EXPECT_EQ(0, check("device_add", "{\"driver\":\"e1000e\",\"id\":\"a\"}"));
	ASSERT_NE(NULL, rule);
	EXPECT_TRUE(rule->adds);
	EXPECT_EQ(0, check("blockdev-del", "{\"node-name\":\"d\"}"));
	ASSERT_NE(NULL, rule);
	EXPECT_FALSE(rule->adds);
	EXPECT_EQ(0, check("object-del", "{\"id\":\"vmkeep-ram1\"}"));
}

TEST(what_would_break_an_update)
{
	static const struct {
		const char *command, *args;
	} bad[] = {
		{ "quit", NULL },
		{ "migrate", "{\"uri\":\"x\"}" },
		{ "migrate_cancel", NULL },
		{ "migrate-set-capabilities", NULL },
		{ "snapshot-load", NULL },
		{ "add-fd", NULL },
		{ "getfd", "{\"fdname\":\"x\"}" },
		{ "x-exit-preconfig", NULL },
		{ "dump-guest-memory", NULL },
		{ "x-query-virtio-status", "{\"path\":\"x\"}" },
		{ "human-monitor-command", "{\"command-line\":\"info  virtio-status x\"}" },
		{ "blockdev-mirror", NULL },
		{ "", NULL },
		{ "qom-set", "{\"path\":\"/machine\",\"property\":\"x\"}" },
		{ "human-monitor-command", "{\"command-line\":\"loadvm x\"}" },
		{ "human-monitor-command", "{\"command-line\":\"info x\\nloadvm x\"}" },
		{ "human-monitor-command", NULL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(-EPERM, check(bad[i].command, bad[i].args))
		{
			TH_LOG("%s", bad[i].command);
		}
	}
}

TEST(names_that_a_command_line_can_say)
{
	EXPECT_EQ(-EINVAL, check("device_add", "{\"driver\":\"e1000e\"}"));
	EXPECT_EQ(-EINVAL, check("device_add", NULL));
	EXPECT_EQ(-EINVAL, check("device_add", "{\"driver\":\"e1000e\",\"id\":\"a,b=c\"}"));
	EXPECT_EQ(-EINVAL, check("device_del", "{\"id\":\"/machine/peripheral-anon/device[0]\"}"));
	EXPECT_EQ(-EINVAL, check("blockdev-add", "{\"driver\":\"raw\",\"node-name\":\"#b\"}"));
	EXPECT_EQ(-EPERM, check("chardev-add", "{\"id\":\"vmkeep-x\"}"));
	EXPECT_EQ(-EPERM, check("chardev-remove", "{\"id\":\"vmkeep-qmp\"}"));
}

TEST(memory_has_to_be_vmkeeps)
{
	EXPECT_EQ(-EPERM,
		  check("object-add", "{\"qom-type\":\"memory-backend-file\",\"id\":\"m\"}"));
	EXPECT_NE(NULL, strstr(e.text, "vmkeep plug-memory"));
	EXPECT_EQ(-EPERM,
		  check("device_add", "{\"driver\":\"pc-dimm\",\"id\":\"d\",\"memdev\":\"m\"}"));
	EXPECT_NE(NULL, strstr(e.text, "vmkeep plug-memory"));
}

TEST(what_does_not_come_over)
{
	EXPECT_EQ(-EPERM, check("netdev_add", "{\"type\":\"tap\",\"id\":\"n\",\"fd\":\"5\"}"));
	EXPECT_EQ(
		-EPERM,
		check("blockdev-add",
		      "{\"driver\":\"raw\",\"node-name\":\"d\",\"file\":{\"driver\":\"file\",\"filename\":\"/dev/fdset/3\"}}"));
	EXPECT_EQ(-EPERM,
		  check("object-add", "{\"qom-type\":\"secret\",\"id\":\"s\",\"data\":\"x\"}"));
	EXPECT_EQ(0, check("object-add", "{\"qom-type\":\"secret\",\"id\":\"s\",\"file\":\"/x\"}"));
	EXPECT_EQ(-EINVAL, check("device_add", "{\"driver\":\"usb-tablet\",\"id\":\"t\"}"));
	EXPECT_EQ(0,
		  check("device_add", "{\"driver\":\"usb-tablet\",\"id\":\"t\",\"port\":\"1\"}"));
}

TEST(arguments_are_bounded)
{
	_cleanup_json_ json *args = json_object_new_object();
	char *big = xmalloc0(20001);

	memset(big, 'x', 20000);
	json_set_str(args, "id", "a");
	json_set_str(args, "serial", big);
	EXPECT_EQ(-EINVAL, plugrules_check("device_add", args, &rule, &e));
	free(big);
}

TEST_HARNESS_MAIN
