// SPDX-License-Identifier: GPL-2.0-or-later
/* What a guest's command line becomes of what is plugged in and out of its QEMU. */

#include "plug.h"

#include <stdio.h>
#include <sys/stat.h>

#include "memfd.h"

#include "fakeqemu.h"

#include "kselftest_harness.h"

#define MEMORY (64ULL << 20)

static struct guest *guest;
static const char *command, *arguments;
static json *returned;
static struct err e;
static int result;

static void note_parts(void)
{
	guest->qmp = fake_qmp;
	guest_note_parts(guest);
	*fake_told = '\0';
}

FIXTURE(a_guest)
{
	char dir[32];
};

FIXTURE_SETUP(a_guest)
{
	_cleanup_json_ json *j = json_tokener_parse(
		"{\"name\":\"a\",\"uuid\":\"01234567-89ab-cdef-0123-456789abcdef\",\"cwd\":\"/\","
		"\"user_argv\":[],\"ram_path\":\"procfd\",\"ram\":[67108864],\"argv\":[\"/qemu\","
		"\"-device\",\"virtio-net-pci,id=net0,netdev=n0\",\"-netdev\",\"user,id=n0\","
		"\"-device\",\"virtio-blk-pci,id=blk0,drive=d0\",\"-drive\",\"if=none,id=d0,file=x\","
		"\"-mon\",\"chardev=vmkeep-qmp,mode=control\"]}");
	char path[64];

	strcpy(self->dir, "/tmp/vmkeep-plug-XXXXXX");
	ASSERT_NE(NULL, mkdtemp(self->dir));
	guest_setup(self->dir, self->dir);
	snprintf(path, sizeof(path), "%s/guests", self->dir);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/guests/a", self->dir);
	mkdir(path, 0700);
	ASSERT_EQ(0, guest_from_json(j, &guest, &e));
	guest->state = GUEST_RUNNING;
	guest->pid = getpid();
	guest->ram.fd[0] = memfd_create_ram("a", MEMORY);
	returned = NULL;
	fake_run(NULL, note_parts);
}

FIXTURE_TEARDOWN(a_guest)
{
	char remove[64];

	json_object_put(returned);
	snprintf(remove, sizeof(remove), "rm -r %s", self->dir);
	EXPECT_EQ(0, system(remove));
}

static void run(void)
{
	_cleanup_json_ json *args = json_tokener_parse(arguments);
	const struct plugrule *rule;

	guest->qmp = fake_qmp;
	result = plugrules_check(command, args, &rule, &e);
	if (!result)
		result = plug_command(guest, rule, command, args, &returned, &e);
}

static void tell(const struct fake_answer *special, const char *what, const char *args)
{
	command = what;
	arguments = args;
	fake_run(special, run);
}

/* The words of the command line from the last of vmkeep's on. */
static const char *added(void)
{
	static char text[2048];
	bool on = false;

	*text = '\0';
	for (size_t i = 0; i < guest->argv.n; i++) {
		size_t at = strlen(text);

		if (on)
			snprintf(text + at, sizeof(text) - at, "%s%s", at ? " " : "",
				 guest->argv.v[i]);
		on |= strcmp(guest->argv.v[i], "chardev=vmkeep-qmp,mode=control") == 0;
	}
	return text;
}

static bool has_word(const char *word)
{
	for (size_t i = 0; i < guest->argv.n; i++)
		if (strcmp(guest->argv.v[i], word) == 0)
			return true;
	return false;
}

/* What a restarted agent would read. */
static bool state_says(const char *dir, const char *words)
{
	_cleanup_free_ char *path = xasprintf("%s/guests/a/state.json", dir), *text = NULL;
	_cleanup_json_ json *j = NULL;

	if (read_file(path, 65536, &text, NULL) < 0)
		return false;
	j = json_tokener_parse(text);
	return strstr(json_object_to_json_string_ext(j, JSON_C_TO_STRING_PLAIN |
								JSON_C_TO_STRING_NOSLASHESCAPE),
		      words);
}

#define NEW "/machine/peripheral/new"
static const struct fake_answer takes_a_card[] = {
	{ "device_add", "{}" },
	{ "device-list-properties", "[{\"name\":\"rx\",\"type\":\"uint16\"}]" },
	{ "qom-get " NEW ":type", "\"virtio-net-pci\"" },
	{ "qom-get " NEW ":parent_bus", "\"/machine/peripheral/port1/port1\"" },
	{ "qom-get " NEW ":addr", "17" },
	{ "qom-get " NEW ":mac", "\"52:54:00:00:00:01\"" },
	{ "qom-get", "no such property" },
	{ "qom-list /machine/peripheral",
	  "[{\"name\":\"net0\",\"type\":\"child<virtio-net-pci>\"},"
	  "{\"name\":\"new\",\"type\":\"child<virtio-net-pci>\"}]" },
	{ 0 },
};

TEST_F(a_guest, comes_back_with_a_card_in_its_place)
{
	tell(takes_a_card, "device_add",
	     "{\"driver\":\"virtio-net-pci\",\"id\":\"new\",\"rx\":\"64\"}");
	ASSERT_EQ(0, result)
	{
		TH_LOG("%s", e.text);
	}
	EXPECT_STREQ(
		"-device {\"driver\":\"virtio-net-pci\",\"id\":\"new\",\"rx\":64,\"bus\":\"port1\",\"addr\":\"2.1\",\"mac\":\"52:54:00:00:00:01\"}",
		added());
	/* As it was typed, not as it is written down. */
	EXPECT_STREQ("device_add{\"driver\":\"virtio-net-pci\",\"id\":\"new\",\"rx\":\"64\"} ",
		     fake_told);
	EXPECT_TRUE(state_says(self->dir, "\\\"addr\\\":\\\"2.1\\\""));
	EXPECT_EQ(1, guest->changes);
	/* A check has nothing against it. */
	EXPECT_STREQ("virtio-net-pci",
		     json_str(json_get(guest->parts, "devices", json_type_object), "new"));
}

TEST_F(a_guest, is_as_it_was_when_qemu_says_no)
{
	static const struct fake_answer no[] = { { "device_add", "no room" }, { 0 } };

	tell(no, "device_add", "{\"driver\":\"virtio-net-pci\",\"id\":\"new\"}");
	EXPECT_EQ(-EREMOTEIO, result);
	EXPECT_STREQ("device_add: no room", e.text);
	EXPECT_STREQ("", added());
	EXPECT_EQ(0, guest->changes);
	EXPECT_FALSE(plug_busy());
}

static const char *going = "blk0";

static void let_go(void)
{
	guest->qmp = fake_qmp;
	plug_unplugged(guest, going);
	result = plug_busy();
	while (plug_busy())
		task_sleep(1);
}

/* And its drive with it, but not the option that the user has placed after it. */
TEST_F(a_guest, loses_what_it_lets_go_of)
{
	static const struct fake_answer special[] = {
		{ "device_del", "{}" },
		{ "qom-get /machine/peripheral/net0:addr", "8" },
		{ "qom-get", "no such property" },
		{ 0 },
	};

	tell(special, "device_del", "{\"id\":\"blk0\"}");
	ASSERT_EQ(0, result);
	EXPECT_TRUE(has_word("virtio-blk-pci,id=blk0,drive=d0"));
	EXPECT_EQ(0, guest->changes);

	fake_run(special, let_go);
	EXPECT_EQ(1, result);
	EXPECT_FALSE(has_word("virtio-blk-pci,id=blk0,drive=d0"));
	EXPECT_FALSE(has_word("if=none,id=d0,file=x"));
	EXPECT_TRUE(has_word("virtio-net-pci,id=net0,netdev=n0,addr=1.0"));
	EXPECT_NE(0, guest->changes);
	EXPECT_EQ(0, guest->unplugged);
}

TEST_F(a_guest, keeps_devices_whose_place_nobody_knows)
{
	strv_add(&guest->argv, "-device");
	strv_add(&guest->argv, "virtio-rng-pci");
	tell(NULL, "device_del", "{\"id\":\"blk0\"}");
	EXPECT_EQ(-EPERM, result);
	EXPECT_STREQ("", fake_told);
}

TEST_F(a_guest, has_backends_of_all_kinds)
{
	static const struct fake_answer special[] = {
		{ "netdev_add", "{}" },	  { "chardev-add", "{\"pty\":\"/dev/pts/1\"}" },
		{ "blockdev-add", "{}" }, { "object-add", "{}" },
		{ "netdev_del", "{}" },	  { 0 },
	};

	tell(special, "netdev_add", "{\"type\":\"tap\",\"id\":\"n1\",\"ifname\":\"t1\"}");
	tell(special, "chardev-add", "{\"id\":\"c1\",\"backend\":{\"type\":\"pty\",\"data\":{}}}");
	EXPECT_STREQ("/dev/pts/1", json_str(returned, "pty"));
	tell(special, "blockdev-add",
	     "{\"driver\":\"file\",\"node-name\":\"f\",\"filename\":\"/f\"}");
	tell(special, "object-add", "{\"qom-type\":\"iothread\",\"id\":\"io\"}");
	EXPECT_STREQ("-netdev {\"type\":\"tap\",\"id\":\"n1\",\"ifname\":\"t1\"} "
		     "-chardev pty,id=c1 "
		     "-blockdev {\"driver\":\"file\",\"node-name\":\"f\",\"filename\":\"/f\"} "
		     "-object {\"qom-type\":\"iothread\",\"id\":\"io\"}",
		     added());
	tell(special, "netdev_del", "{\"id\":\"n1\"}");
	EXPECT_EQ(0, result);
	EXPECT_EQ(NULL, strstr(added(), "-netdev"));
	EXPECT_EQ(5, guest->changes);
}

/* QEMU would do it. */
TEST_F(a_guest, keeps_a_backend_that_a_device_needs)
{
	static const struct fake_answer special[] = { { "netdev_del", "{}" }, { 0 } };

	tell(special, "netdev_del", "{\"id\":\"n0\"}");
	EXPECT_EQ(-EBUSY, result);
	EXPECT_STREQ("", fake_told);
	EXPECT_TRUE(has_word("user,id=n0"));
}

TEST_F(a_guest, takes_no_device_on_a_backend_of_another_monitor)
{
	static const struct fake_answer special[] = {
		{ "device_add", "{}" },
		{ "query-named-block-nodes", "[{\"node-name\":\"theirs\",\"drv\":\"raw\"}]" },
		{ 0 },
	};

	tell(special, "device_add",
	     "{\"driver\":\"virtio-blk-pci\",\"id\":\"new\",\"drive\":\"theirs\"}");
	EXPECT_EQ(-EPERM, result);
	EXPECT_NE(NULL, strstr(e.text, "theirs was added by another monitor"));
	EXPECT_STREQ("", fake_told);
}

TEST_F(a_guest, keeps_what_qemu_has_made_unasked)
{
	static const struct fake_answer special[] = { { "device_add", "{}" }, { 0 } };

	tell(special, "device_add", "{\"driver\":\"scsi-hd\",\"id\":\"new\",\"drive\":\"d0\"}");
	EXPECT_EQ(-EPERM, result);
	EXPECT_NE(NULL, strstr(e.text, "take away"));
	EXPECT_STREQ("", fake_told);
}

/* It would be elsewhere after an update: a check has to speak of it. */
TEST_F(a_guest, does_not_stand_for_a_device_whose_place_is_not_told)
{
	static const struct fake_answer special[] = {
		{ "device_add", "{}" },
		{ "qom-get " NEW ":type", "\"virtio-net-pci\"" },
		{ "qom-list /machine/peripheral",
		  "[{\"name\":\"new\",\"type\":\"child<virtio-net-pci>\"}]" },
		{ "qom-get " NEW ":parent_bus", FAKE_HANGS_UP },
		{ 0 },
	};

	tell(special, "device_add", "{\"driver\":\"virtio-net-pci\",\"id\":\"new\"}");
	EXPECT_EQ(0, result);
	EXPECT_EQ(NULL, json_str(json_get(guest->parts, "devices", json_type_object), "new"));
}

static void plug(void)
{
	guest->qmp = fake_qmp;
	result = plug_memory(guest, 128ULL << 20, 1, &returned, &e);
}

static const struct fake_answer takes_memory[] = {
	{ "add-fd", "{\"fdset-id\":11,\"fd\":42}" },
	{ "object-add", "{}" },
	{ "object-del", "{}" },
	{ "remove-fd", "{}" },
	{ "device_add", "{}" },
	{ "qom-get /machine/peripheral/vmkeep-dimm1:addr", "4294967296" },
	{ "qom-get /machine/peripheral/vmkeep-dimm1:slot", "0" },
	{ "qom-get", "no such property" },
	{ 0 },
};

TEST_F(a_guest, comes_back_with_more_memory)
{
	fake_run(takes_memory, plug);
	ASSERT_EQ(0, result)
	{
		TH_LOG("%s", e.text);
	}
	EXPECT_STREQ(
		"add-fd{\"fdset-id\":11} "
		"object-add{\"qom-type\":\"memory-backend-file\",\"id\":\"vmkeep-ram1\",\"mem-path\":\"/proc/self/fd/42\",\"size\":134217728,\"share\":true,\"prealloc\":false,\"align\":2097152} "
		"remove-fd{\"fdset-id\":11} "
		"device_add{\"driver\":\"pc-dimm\",\"id\":\"vmkeep-dimm1\",\"memdev\":\"vmkeep-ram1\",\"node\":1} ",
		fake_told);
	EXPECT_STREQ(
		"-object memory-backend-file,id=vmkeep-ram1,size=134217728,mem-path=/proc/self/fd/11,share=on,prealloc=off,align=2097152 "
		"-device {\"driver\":\"pc-dimm\",\"id\":\"vmkeep-dimm1\",\"memdev\":\"vmkeep-ram1\",\"node\":1,\"addr\":4294967296,\"slot\":0}",
		added());
	ASSERT_EQ(2, guest->ram.size.n);
	EXPECT_EQ(0, guestram_check(&guest->ram, &e));
	EXPECT_TRUE(state_says(self->dir, "\"ram\":[67108864,134217728]"));

	/* Out again: not while it is in use, and the one it was started with stays. */
	tell(takes_memory, "object-del", "{\"id\":\"vmkeep-ram1\"}");
	EXPECT_EQ(-EBUSY, result);
	going = "vmkeep-dimm1";
	fake_run(takes_memory, let_go);
	tell(takes_memory, "object-del", "{\"id\":\"vmkeep-ram0\"}");
	EXPECT_EQ(-EBUSY, result);
	tell(takes_memory, "object-del", "{\"id\":\"vmkeep-ram1\"}");
	EXPECT_EQ(0, result);
	EXPECT_EQ(1, guest->ram.size.n);
	EXPECT_FALSE(has_word(
		"memory-backend-file,id=vmkeep-ram1,size=134217728,mem-path=/proc/self/fd/11,share=on,prealloc=off,align=2097152"));
}

TEST_F(a_guest, without_slots_keeps_what_it_has)
{
	static const struct fake_answer no[] = {
		{ "add-fd", "{\"fdset-id\":11,\"fd\":42}" },
		{ "object-add", "{}" },
		{ "object-del", "{}" },
		{ "remove-fd", "{}" },
		{ "device_add", "no slots where allocated" },
		{ 0 },
	};

	fake_run(no, plug);
	EXPECT_EQ(-EREMOTEIO, result);
	EXPECT_NE(NULL, strstr(fake_told, "object-del{\"id\":\"vmkeep-ram1\"}"));
	EXPECT_STREQ("", added());
	EXPECT_EQ(1, guest->ram.size.n);
}

TEST_HARNESS_MAIN
