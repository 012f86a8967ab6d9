// SPDX-License-Identifier: GPL-2.0-or-later
/* What has been plugged in or out since the start, by QEMU's answers then and now. */

#include "guestparts.h"

#include "fakeqemu.h"
#include "findings-said.h"

#include "kselftest_harness.h"

static json *got;
static int got_r;
static struct err got_e;

static void ask(void)
{
	got_r = guestparts_ask(fake_qmp, &got, &got_e);
}

static json *parts(const struct fake_answer *special)
{
	got = NULL;
	fake_run(special, ask);
	return got;
}

/* What is found when QEMU answers by default at the start, and then @special. */
static json *since_start(const struct fake_answer *special)
{
	json *all = json_object_new_array(), *start = parts(NULL), *now = parts(special);

	guestparts_compare(start, now, "a", all);
	json_object_put(start);
	json_object_put(now);
	return all;
}

TEST(what_a_qemu_consists_of)
{
	_cleanup_json_ json *p = parts(NULL);

	ASSERT_EQ(got_r, 0);
	EXPECT_STREQ(
		json_object_to_json_string_ext(p, JSON_C_TO_STRING_PLAIN |
							  JSON_C_TO_STRING_NOSLASHESCAPE),
		"{\"devices\":{\"net0\":\"virtio-net-pci\"},"
		"\"unnamed\":{\"device[0]\":\"virtio-blk-pci\"},"
		"\"drives\":{\"virtio0\":\"/proc/self/exe\",\"cd\":\"cd.iso\"},"
		"\"objects\":{\"vmkeep-ram0\":\"memory-backend-file\","
		"\"compat_monitor0\":\"monitor-qmp\"},"
		"\"nodes\":{},\"netdevs\":{\"n0\":\"user\"},\"chardevs\":{\"vmkeep-qmp\":\"\"}}");
}

TEST(one_that_does_not_answer)
{
	static const struct fake_answer special[] = { { "query-chardev", "broken" }, { 0 } };

	EXPECT_EQ(parts(special), NULL);
	EXPECT_EQ(got_r, -EREMOTEIO);
	EXPECT_STREQ(got_e.text, "query-chardev: broken");
}

TEST(nothing_changed)
{
	_cleanup_json_ json *all = since_start(NULL);

	EXPECT_EQ(said_in_all(all, 0), 0);
}

TEST(a_device_came)
{
	static const struct fake_answer special[] = {
		{ "qom-list /machine/peripheral",
		  "[{\"name\":\"net0\",\"type\":\"child<virtio-net-pci>\"},"
		  "{\"name\":\"hot0\",\"type\":\"child<virtio-rng-pci>\"}]" },
		{ 0 },
	};
	_cleanup_json_ json *all = since_start(special);

	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "device hot0 (virtio-rng-pci) has come"));
}

TEST(a_device_went)
{
	static const struct fake_answer special[] = { { "qom-list /machine/peripheral", "[]" },
						      { "qom-list /machine/peripheral-anon", "[]" },
						      { 0 } };
	_cleanup_json_ json *all = since_start(special);

	EXPECT_EQ(said_in_all(all, 2), 2);
	EXPECT_TRUE(said(all, BLOCKED, "device net0 (virtio-net-pci) has gone"));
	EXPECT_TRUE(said(all, BLOCKED, "device without id, device[0] (virtio-blk-pci) has gone"));
}

TEST(another_device_of_the_same_name)
{
	static const struct fake_answer special[] = {
		{ "qom-list /machine/peripheral",
		  "[{\"name\":\"net0\",\"type\":\"child<e1000e>\"}]" },
		{ 0 },
	};
	_cleanup_json_ json *all = since_start(special);

	EXPECT_EQ(said_in_all(all, 2), 2);
	EXPECT_TRUE(said(all, BLOCKED, "device net0 (e1000e) has come"));
	EXPECT_TRUE(said(all, BLOCKED, "device net0 (virtio-net-pci) has gone"));
}

#define CD(inserted)                                                                           \
	"query-block", "[{\"device\":\"virtio0\",\"inserted\":{\"file\":\"/proc/self/exe\"}}," \
		       "{\"device\":\"\",\"qdev\":\"cd\"" inserted "}]"

TEST(a_medium_was_taken_out)
{
	static const struct fake_answer special[] = { { CD(",\"tray_open\":true") }, { 0 } };
	_cleanup_json_ json *all = since_start(special);

	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "the medium of drive cd, cd.iso, has been taken out"));
}

TEST(a_medium_was_changed)
{
	static const struct fake_answer special[] = { { CD(",\"inserted\":{\"file\":\"b.iso\"}") },
						      { 0 } };
	_cleanup_json_ json *all = since_start(special);

	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "drive cd has b.iso now, and had cd.iso"));
}

TEST(a_medium_was_put_in)
{
	static const struct fake_answer empty[] = { { CD("") }, { 0 } };
	_cleanup_json_ json *all = json_object_new_array();
	_cleanup_json_ json *start = parts(empty);
	_cleanup_json_ json *now = parts(NULL);

	guestparts_compare(start, now, "a", all);
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "a medium has been put into drive cd: cd.iso"));
}

TEST(backends_are_only_noted)
{
	static const struct fake_answer special[] = {
		{ "query-chardev", "[{\"label\":\"new\"}]" },
		{ "human-monitor-command",
		  "\"net0: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:57\\r\\n"
		  " \\\\ n0: index=0,type=user,net=10.0.2.0\\r\\n"
		  "n1: index=0,type=tap,ifname=t0\\r\\n\"" },
		{ "query-named-block-nodes",
		  "[{\"node-name\":\"#block123\",\"drv\":\"file\"},{\"node-name\":\"d9\",\"drv\":\"raw\"}]" },
		{ "qom-list /objects",
		  "[{\"name\":\"vmkeep-ram0\",\"type\":\"child<memory-backend-file>\"},"
		  "{\"name\":\"compat_monitor0\",\"type\":\"child<monitor-qmp>\"},"
		  "{\"name\":\"io1\",\"type\":\"child<iothread>\"},"
		  "{\"name\":\"m1\",\"type\":\"child<memory-backend-ram>\"}]" },
		{ 0 },
	};
	_cleanup_json_ json *all = since_start(special);

	/* Not the node whose name QEMU made up; not the memory, which check_guest() speaks of. */
	EXPECT_EQ(said_in_all(all, 5), 5);
	EXPECT_TRUE(said(all, NOTE, "character device new has come"));
	EXPECT_TRUE(said(all, NOTE, "character device vmkeep-qmp has gone"));
	EXPECT_TRUE(said(all, NOTE, "network backend n1 (tap) has come"));
	EXPECT_TRUE(said(all, NOTE, "block node d9 (raw) has come"));
	EXPECT_TRUE(said(all, NOTE, "object io1 (iothread) has come"));
}

TEST(a_state_file_that_makes_no_sense)
{
	_cleanup_json_ json *all = json_object_new_array();
	_cleanup_json_ json *start = json_tokener_parse(
		"{\"devices\":[],\"drives\":{\"cd\":5},\"netdevs\":\"x\",\"chardevs\":{\"vmkeep-qmp\":{}}}");
	_cleanup_json_ json *now = parts(NULL);

	guestparts_compare(start, now, "a", all);
	EXPECT_TRUE(said(all, BLOCKED, "a medium has been put into drive cd"));
}

TEST_HARNESS_MAIN
