// SPDX-License-Identifier: GPL-2.0-or-later
/* What `vmkeep check` says of a guest, by what its QEMU answers. */

#include "checkguest.h"
#include "guestparts.h"
#include "memfd.h"

#include "fakeguest.h"
#include "fakeqemu.h"
#include "findings-said.h"

#include "kselftest_harness.h"

#define MEMORY FAKE_GUEST_MEMORY

static struct guest *guest;
static json *all;

static void note_parts(void)
{
	guest->qmp = fake_qmp;
	guest_note_parts(guest);
}

static void check(void)
{
	guest->qmp = fake_qmp;
	check_guest(all, guest);
}

FIXTURE(a_guest)
{
	int unused;
};

FIXTURE_SETUP(a_guest)
{
	(void)self;
	guest = fake_guest("-nodefaults", NULL);
	guest->state = GUEST_RUNNING;
	guest->ram.fd[0] = memfd_create_ram("a", MEMORY);
	all = json_object_new_array();
	fake_run(NULL, note_parts);
}

FIXTURE_TEARDOWN(a_guest)
{
	json_object_put(all);
}

#define ONE(cmd, what)                                                        \
	static const struct fake_answer special[] = { { cmd, what }, { 0 } }; \
	fake_run(special, check)

TEST_F(a_guest, with_nothing_against_it)
{
	fake_run(NULL, check);
	EXPECT_EQ(said_in_all(all, 0), 0);
}

TEST_F(a_guest, whose_devices_are_elsewhere)
{
	strv_add(&guest->argv, "-chardev");
	strv_add(&guest->argv, "socket,id=t,path=/run/swtpm");
	strv_add(&guest->argv, "-serial");
	strv_add(&guest->argv, "pty");
	strv_add(&guest->argv, "-tpmdev");
	strv_add(&guest->argv, "passthrough,id=p");
	strv_add(&guest->argv, "-chardev");
	strv_add(&guest->argv, "socket,id=u,host=logs,port=514");
	strv_add(&guest->argv, "-serial");
	strv_add(&guest->argv, "tcp:logs:515");
	strv_add(&guest->argv, "-run-with");
	strv_add(&guest->argv, "chroot=/srv/jail");
	fake_run(NULL, check);
	EXPECT_EQ(said_in_all(all, 6), 6);
	EXPECT_TRUE(said(all, NOTE, "at logs:514"));
	EXPECT_TRUE(said(all, NOTE, "at logs:515"));
	EXPECT_TRUE(said(all, BLOCKED, "(chroot)"));
	EXPECT_TRUE(said(all, NOTE, "connected to another program, at /run/swtpm"));
	EXPECT_TRUE(said(all, NOTE, "-serial pty is a terminal"));
	EXPECT_TRUE(said(all, BLOCKED, "the host's own TPM"));
}

TEST_F(a_guest, with_a_balloon)
{
	ONE("query-balloon", "{\"actual\":41943040}");
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, NOTE, "its balloon holds 24 MiB"));
}

TEST_F(a_guest, with_an_empty_balloon)
{
	ONE("query-balloon", "{\"actual\":67108864}");
	EXPECT_EQ(said_in_all(all, 0), 0);
}

TEST_F(a_guest, with_memory_of_another)
{
	ONE("query-memdev", "[{\"id\":\"vmkeep-ram0\",\"share\":true,\"size\":67108864},"
			    "{\"id\":\"m1\",\"share\":false,\"size\":1048576}]");
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "has memory that is not vmkeep's: object m1"));
}

TEST_F(a_guest, on_memory_that_is_not_shared)
{
	ONE("query-memdev", "[{\"id\":\"vmkeep-ram0\",\"share\":false,\"size\":67108864}]");
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "does not run on the memory that vmkeep made"));
}

TEST_F(a_guest, with_memory_plugged_in)
{
	ONE("query-memory-size-summary", "{\"base-memory\":67108864,\"plugged-memory\":1048576}");
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "it has 65 MiB of memory, and vmkeep made 64 MiB"));
}

TEST_F(a_guest, whose_memory_is_not_sealed)
{
	fd_close(&guest->ram.fd[0]);
	guest->ram.fd[0] = memfd_create_plain("a", MEMORY);
	fake_run(NULL, check);
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "(vmkeep-ram0) is not what it was: not sealed"));
}

TEST_F(a_guest, whose_memory_is_thrown_away)
{
	ONE("qom-get", "true");
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "discard-data=on"));
}

TEST_F(a_guest, of_a_qemu_without_that_property)
{
	ONE("qom-get", "Property 'memory-backend-file.discard-data' not found");
	EXPECT_EQ(said_in_all(all, 0), 0);
}

TEST_F(a_guest, whose_disk_is_not_flushed)
{
	ONE("query-named-block-nodes",
	    "[{\"node-name\":\"#block1\",\"drv\":\"qcow2\",\"ro\":false,\"file\":\"nbd://x\","
	    "\"cache\":{\"no-flush\":true}},"
	    "{\"node-name\":\"#block2\",\"drv\":\"nbd\",\"ro\":false,\"file\":\"nbd://x\","
	    "\"cache\":{\"no-flush\":true}},"
	    "{\"node-name\":\"#block3\",\"drv\":\"nbd\",\"ro\":true,\"file\":\"nbd://y\","
	    "\"cache\":{\"no-flush\":true}}]");
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "image nbd://x has cache=unsafe"));
}

TEST_F(a_guest, that_qemu_will_not_save)
{
	ONE("query-migrate",
	    "{\"blocked-reasons\":[\"State blocked by non-migratable CPU device (invtsc flag)\","
	    "\"something new\"]}");
	EXPECT_EQ(said_in_all(all, 2), 2);
	EXPECT_TRUE(said(all, BLOCKED, "something new"));
	EXPECT_NE(strstr(json_str(json_object_array_get_idx(all, 0), "cure"), "tsc-frequency="),
		  NULL);
}

TEST_F(a_guest, of_the_hosts_processor)
{
	strv_add(&guest->argv, "-cpu");
	strv_add(&guest->argv, "host,migratable=on");
	fake_run(NULL, check);
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, NOTE, "its processor is of the model host"));
	strv_add(&guest->argv, "-cpu");
	strv_add(&guest->argv, "maxwell"); /* the last one counts */
	fake_run(NULL, check);
	EXPECT_EQ(said_in_all(all, 1), 1);
}

TEST_F(a_guest, without_its_qemu)
{
	free(guest->argv.v[0]);
	guest->argv.v[0] = xstrdup("/nonexistent/qemu");
	fake_run(NULL, check);
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, BLOCKED, "its QEMU, /nonexistent/qemu: No such file"));
}

static struct err refused;
static int same;

static void compare(void)
{
	guest->qmp = fake_qmp;
	same = check_guest_parts_same(guest, &refused);
}

/* A commit asks once more, and takes no answer for no. */
TEST_F(a_guest, compared_at_the_commit)
{
	static const struct fake_answer more[] = {
		{ "qom-list /machine/peripheral",
		  "[{\"name\":\"m0\",\"type\":\"child<usb-mouse>\"},"
		  "{\"name\":\"net0\",\"type\":\"child<virtio-net-pci>\"}]" },
		{ 0 }
	};
	static const struct fake_answer broken[] = { { "qom-list /machine/peripheral", "broken" },
						     { 0 } };

	fake_run(NULL, compare);
	EXPECT_EQ(same, 0);
	fake_run(more, compare);
	EXPECT_EQ(same, -EBUSY);
	EXPECT_NE(strstr(refused.text, "device m0 (usb-mouse) has come"), NULL);
	fake_run(broken, compare);
	EXPECT_EQ(same, -EBUSY);
	EXPECT_NE(strstr(refused.text, "qom-list: broken"), NULL);
}

TEST_F(a_guest, whose_start_nobody_saw)
{
	json_object_put(guest->parts);
	guest->parts = NULL;
	fake_run(NULL, check);
	EXPECT_EQ(said_in_all(all, 1), 1);
	EXPECT_TRUE(said(all, UNKNOWN, "what it was started with is not known"));
}

/* One answer that is missing leaves one thing unknown, and the others told. */
TEST_F(a_guest, that_does_not_tell_all)
{
	static const struct fake_answer special[] = { { "query-memdev", "broken" },
						      { "query-named-block-nodes", "broken" },
						      { "query-balloon", "{\"actual\":41943040}" },
						      { 0 } };

	fake_run(special, check);
	EXPECT_TRUE(said(all, UNKNOWN, "query-memdev: broken"));
	EXPECT_TRUE(said(all, UNKNOWN, "query-named-block-nodes: broken"));
	EXPECT_TRUE(said(all, NOTE, "its balloon"));
	EXPECT_FALSE(said(all, BLOCKED, ""));
}

TEST_F(a_guest, whose_answers_make_no_sense)
{
	static const struct fake_answer special[] = { { "query-memdev", "{}" },
						      { "query-named-block-nodes", "{\"a\":[]}" },
						      { "query-block", "[[],5,null,{}]" },
						      { "query-chardev", "7" },
						      { "qom-list /objects", "[{\"name\":5}]" },
						      { "human-monitor-command", "{}" },
						      { 0 } };

	fake_run(special, check);
	EXPECT_TRUE(said(all, BLOCKED, "does not run on the memory"));
}

TEST_HARNESS_MAIN
