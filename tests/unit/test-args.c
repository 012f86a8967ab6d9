// SPDX-License-Identifier: GPL-2.0-or-later
/* The user's command line and what becomes of it. */

#include <stdarg.h>

#include "guestargs.h"
#include "qmp.h"

#include "kselftest_harness.h"

#define MEMORY (256ULL << 20)

FIXTURE(args)
{
	struct qemu_caps caps;
	struct ram_sizes sizes;
	struct strv out, notes;
	char *machine;
	struct err e;
};

FIXTURE_SETUP(args)
{
	self->caps = (struct qemu_caps){ .version = "11.1.3", .default_machine = "pc-i440fx-11.1" };
	self->caps.machines = qmp_args("pc", "pc-i440fx-11.1", "pc-i440fx-11.1", "pc-i440fx-11.1",
				       "q35", "pc-q35-11.1", "pc-q35-11.1", "pc-q35-11.1",
				       "microvm", "microvm", NULL);
	self->out = self->notes = (struct strv){ 0 };
	self->machine = NULL;
	self->sizes = (struct ram_sizes){ .v = { MEMORY }, .n = 1 };
}

FIXTURE_TEARDOWN(args)
{
	json_object_put(self->caps.machines);
	strv_free(&self->out);
	strv_free(&self->notes);
	free(self->machine);
}

static int build(FIXTURE_DATA(args) * self, enum ram_path path, const char *first, ...)
{
	_cleanup_strv_ struct strv user = { 0 };
	va_list ap;

	strv_free(&self->out);
	strv_free(&self->notes);
	free(self->machine);
	self->machine = NULL;
	strv_add(&user, "/usr/bin/qemu-system-x86_64");
	va_start(ap, first);
	for (const char *s = first; s; s = va_arg(ap, const char *))
		strv_add(&user, s);
	va_end(ap);
	return guestargs_build(&user, &self->sizes, path, &self->caps, &self->out, &self->machine,
			       &self->notes, &self->e);
}

/* How often @opt stands with exactly @value after it; with NULL, whatever follows. */
static int count(const struct strv *sv, const char *opt, const char *value)
{
	int n = 0;

	for (size_t i = 0; i + 1 < sv->n; i++)
		n += strcmp(sv->v[i], opt) == 0 && (!value || strcmp(sv->v[i + 1], value) == 0);
	return n;
}

TEST_F(args, an_unversioned_machine_is_pinned_and_said)
{
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-M", "q35,accel=kvm", NULL), 0);
	EXPECT_EQ(count(&self->out, "-M", "pc-q35-11.1,accel=kvm"), 1);
	EXPECT_STREQ(self->machine, "pc-q35-11.1");
	ASSERT_EQ(self->notes.n, 1);
	EXPECT_NE(strstr(self->notes.v[0], "q35"), NULL);
}

TEST_F(args, one_that_can_replace_itself_shares_its_video_memory)
{
	const char *mine = "type=pc-q35-11.1,memory-backend=vmkeep-ram0";

	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-M", "q35", NULL), 0);
	EXPECT_EQ(count(&self->out, "-machine", mine), 1);
	EXPECT_FALSE(guestargs_aux_share(&self->out));
	self->caps.cpr_exec = true;
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-M", "q35", NULL), 0);
	EXPECT_TRUE(guestargs_aux_share(&self->out));
	/* For a QEMU that knows it not, and back. */
	guestargs_set_aux_share(&self->out, false);
	EXPECT_EQ(count(&self->out, "-machine", mine), 1);
	guestargs_set_aux_share(&self->out, true);
	guestargs_set_aux_share(&self->out, true);
	EXPECT_EQ(count(&self->out, "-machine",
			"type=pc-q35-11.1,memory-backend=vmkeep-ram0,aux-ram-share=on"),
		  1);
	/* The user knows better. */
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-M", "q35,aux-ram-share=off", NULL), 0);
	EXPECT_FALSE(guestargs_aux_share(&self->out));
	EXPECT_EQ(count(&self->out, "-machine", mine), 1);
}

TEST_F(args, what_another_qemu_has_not)
{
	struct qemu_caps other = { .version = "7.2.0" };
	_cleanup_strv_ struct strv argv = { 0 };

	self->caps.devices = qmp_args("virtio-net-pci", "", "virtio-sound-pci", "", NULL);
	self->caps.cpus = qmp_args("qemu64", "", "SierraForest", "", NULL);
	other.devices = qmp_args("virtio-net-pci", "", NULL);
	other.cpus = qmp_args("qemu64", "", NULL);
	strv_add(&argv, "qemu");
	for (const char *const *s = (const char *const[]){ "-cpu", "qemu64,+arat", "-device",
							   "virtio-net-pci,netdev=n", "-device",
							   "virtio-blk,drive=d", "-append",
							   "-device virtio-sound-pci", NULL };
	     *s; s++)
		strv_add(&argv, *s);
	EXPECT_EQ(guestargs_check_caps(&argv, &self->caps, &other, &self->e), 0);
	strv_add(&argv, "-device");
	strv_add(&argv, "{\"driver\": \"virtio-sound-pci\", \"audiodev\": \"a\"}");
	EXPECT_EQ(guestargs_check_caps(&argv, &self->caps, &other, &self->e), -EOPNOTSUPP);
	EXPECT_STREQ(self->e.text, "QEMU 7.2.0 has no device virtio-sound-pci");
	free(argv.v[2]);
	argv.v[2] = xstrdup("SierraForest,+arat");
	EXPECT_EQ(guestargs_check_caps(&argv, &self->caps, &other, &self->e), -EOPNOTSUPP);
	EXPECT_STREQ(self->e.text, "QEMU 7.2.0 has no CPU model SierraForest");
	json_object_put(self->caps.devices);
	json_object_put(self->caps.cpus);
	json_object_put(other.devices);
	json_object_put(other.cpus);
}

TEST_F(args, machine_forms)
{
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-machine", "type=q35,accel=tcg", NULL), 0);
	EXPECT_EQ(count(&self->out, "-machine", "pc-q35-11.1,accel=tcg"), 1);
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "--machine", "pc-q35-11.1", NULL), 0);
	EXPECT_EQ(count(&self->out, "--machine", "pc-q35-11.1"), 1);
	EXPECT_EQ(self->notes.n, 0);
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-machine", "kernel_irqchip=on", "-nographic", NULL),
		  0);
	EXPECT_STREQ(self->machine, "pc-i440fx-11.1");
	EXPECT_EQ(count(&self->out, "-machine", "pc-i440fx-11.1,kernel_irqchip=on"), 1);
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-nographic", NULL), 0);
	EXPECT_EQ(count(&self->out, "-machine", "pc-i440fx-11.1"), 1);
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-M", "microvm", NULL), 0);
	EXPECT_EQ(self->notes.n, 0);
	EXPECT_EQ(build(self, RAM_PATH_PROCFD, "-M", "pc-q35-99.0", NULL), -EINVAL);
	EXPECT_NE(strstr(self->e.text, "pc-q35-99.0"), NULL);
}

/* A QEMU that takes a guest over may take its RAM in another way. */
TEST_F(args, another_way_to_the_ram)
{
	_cleanup_strv_ struct strv asked = { 0 };

	self->sizes = (struct ram_sizes){ .v = { MEMORY, MEMORY }, .n = 2 };
	ASSERT_EQ(build(self, RAM_PATH_FDSET, "-M", "q35", "-add-fd", "fd=10,set=7", NULL), 0);
	asked = self->out;
	self->out = (struct strv){ 0 };
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-M", "q35", "-add-fd", "fd=10,set=7", NULL), 0);
	memargs_set_path(&asked, &self->sizes, RAM_PATH_PROCFD);
	ASSERT_EQ(asked.n, self->out.n);
	for (size_t i = 0; i < asked.n; i++)
		EXPECT_STREQ(asked.v[i], self->out.v[i]);
	memargs_set_path(&asked, &self->sizes, RAM_PATH_FDSET);
	EXPECT_EQ(count(&asked, "-add-fd", "fd=11,set=11"), 1);
	EXPECT_EQ(count(&asked, "-add-fd", "fd=10,set=7"), 1);
}

TEST_F(args, only_for_looking_at_the_ram)
{
	self->sizes = (struct ram_sizes){ .v = { MEMORY, MEMORY }, .n = 2 };
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-M", "q35", "-device", "ivshmem,share=on", NULL),
		  0);
	memargs_set_private(&self->out, &self->sizes);
	EXPECT_EQ(count(&self->out, "-object",
			"memory-backend-file,id=vmkeep-ram1,size=268435456,mem-path=/proc/self/"
			"fd/11,share=off,prealloc=off,align=2097152"),
		  1);
	EXPECT_EQ(count(&self->out, "-device", "ivshmem,share=on"), 1);
}

/* QEMU's own "auto" is another at each start. */
TEST_F(args, a_generation_id_stays)
{
	const char *forms[] = { "vmgenid", "vmgenid,guid=auto", "driver=vmgenid,id=g",
				"{\"driver\":\"vmgenid\",\"guid\":\"auto\"}" };
	char uuid[37], *at, *guid = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-M", "microvm", "-device", forms[i], NULL),
			  0);
		ASSERT_EQ(self->notes.n, 1);
		EXPECT_EQ(strncmp(self->notes.v[0], "vmgenid pinned", 14), 0);
		EXPECT_EQ(count(&self->out, "-device", forms[i]), 0);
		/* Of several, the last counts. */
		for (at = self->out.v[4]; (at = strstr(at, "guid")); at++)
			guid = at;
		ASSERT_NE(guid, NULL);
		guid += strcspn(guid, "=:");
		snprintf(uuid, sizeof(uuid), "%s", guid + strspn(guid, "=:\" "));
		EXPECT_TRUE(uuid_valid(uuid));
	}
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-M", "microvm", "-device",
			"vmgenid,guid=324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87", NULL),
		  0);
	EXPECT_EQ(self->notes.n, 0);
	EXPECT_EQ(count(&self->out, "-device", "vmgenid,guid=324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87"),
		  1);
}

TEST_F(args, ram_is_shared_and_comes_the_way_asked)
{
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-nographic", NULL), 0);
	EXPECT_EQ(
		count(&self->out, "-object",
		      "memory-backend-file,id=vmkeep-ram0,size=268435456,mem-path=/proc/self/fd/10,share=on,prealloc=off,align=2097152"),
		1);
	EXPECT_EQ(count(&self->out, "-add-fd", NULL), 0);
	EXPECT_EQ(count(&self->out, "-machine", "type=pc-i440fx-11.1,memory-backend=vmkeep-ram0"),
		  1);
	EXPECT_EQ(count(&self->out, "-m", "268435456B"), 1);
	ASSERT_EQ(build(self, RAM_PATH_FDSET, "-nographic", NULL), 0);
	EXPECT_EQ(
		count(&self->out, "-object",
		      "memory-backend-file,id=vmkeep-ram0,size=268435456,mem-path=/dev/fdset/10,share=on,prealloc=off,align=2097152"),
		1);
	EXPECT_EQ(count(&self->out, "-add-fd", "fd=10,set=10"), 1);
}

/* The rest of a backend's definition is asserted above. */
static bool has_backend(const struct strv *sv, const char *id, int fd)
{
	_cleanup_free_ char *start = xasprintf("memory-backend-file,id=%s,", id),
			    *path = xasprintf("mem-path=/proc/self/fd/%d,", fd);

	for (size_t i = 0; i < sv->n; i++)
		if (strncmp(sv->v[i], start, strlen(start)) == 0 && strstr(sv->v[i], path))
			return true;
	return false;
}

TEST_F(args, several_blocks_become_nodes)
{
	self->sizes = (struct ram_sizes){ .v = { MEMORY, 2 * MEMORY }, .n = 2 };
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-M", "q35", NULL), 0);
	EXPECT_TRUE(has_backend(&self->out, "vmkeep-ram0", 10));
	EXPECT_TRUE(has_backend(&self->out, "vmkeep-ram1", 11));
	EXPECT_EQ(count(&self->out, "-numa", "node,memdev=vmkeep-ram0"), 1);
	EXPECT_EQ(count(&self->out, "-numa", "node,memdev=vmkeep-ram1"), 1);
	EXPECT_EQ(count(&self->out, "-machine", "type=pc-q35-11.1"), 1);
	EXPECT_EQ(count(&self->out, "-m", "805306368B"), 1);
	ASSERT_EQ(build(self, RAM_PATH_FDSET, "-M", "q35", NULL), 0);
	EXPECT_EQ(count(&self->out, "-add-fd", "fd=11,set=11"), 1);
}

TEST_F(args, the_users_own_nodes_are_taken)
{
	self->sizes = (struct ram_sizes){ .v = { MEMORY, MEMORY }, .n = 2 };
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-numa", "node,cpus=0,memdev=vmkeep-ram1", "-numa",
			"node,cpus=1,memdev=vmkeep-ram0", "-numa", "dist,src=0,dst=1,val=20", NULL),
		  0);
	EXPECT_EQ(count(&self->out, "-numa", NULL), 3);
	EXPECT_EQ(count(&self->out, "-machine", "type=pc-i440fx-11.1"), 1);
	/* one of two only, one twice, and nodes that have none */
	EXPECT_EQ(build(self, RAM_PATH_PROCFD, "-numa", "node,memdev=vmkeep-ram0", NULL), -EINVAL);
	EXPECT_NE(strstr(self->e.text, "block 1 of --memory is on no node"), NULL);
	EXPECT_EQ(build(self, RAM_PATH_PROCFD, "-numa", "node,memdev=vmkeep-ram0", "-numa",
			"node,memdev=vmkeep-ram0", NULL),
		  -EINVAL);
	EXPECT_NE(strstr(self->e.text, "used already"), NULL);
	EXPECT_EQ(build(self, RAM_PATH_PROCFD, "-numa", "node", "-numa", "node", NULL), -EINVAL);
	EXPECT_NE(strstr(self->e.text, "block 0 of --memory is on no node"), NULL);
	/* one block, on a node of the user's */
	self->sizes.n = 1;
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-numa", "node,memdev=vmkeep-ram0", NULL), 0);
	EXPECT_EQ(count(&self->out, "-machine", "type=pc-i440fx-11.1"), 1);
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-numa", "node,nodeid=0,cpus=0", NULL), 0);
	EXPECT_EQ(count(&self->out, "-machine", "type=pc-i440fx-11.1,memory-backend=vmkeep-ram0"),
		  1);
}

TEST_F(args, a_dimm_is_not_in_m)
{
	self->sizes = (struct ram_sizes){ .v = { MEMORY, 2 * MEMORY }, .n = 2 };
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-m", "256,slots=4,maxmem=4G", "-device",
			"pc-dimm,id=d0,memdev=vmkeep-ram1", NULL),
		  0);
	EXPECT_EQ(count(&self->out, "-m", "268435456B,slots=4,maxmem=4294967296B"), 1);
	EXPECT_EQ(count(&self->out, "-machine", "type=pc-i440fx-11.1,memory-backend=vmkeep-ram0"),
		  1);
	EXPECT_EQ(count(&self->out, "-numa", NULL), 0);
	EXPECT_EQ(count(&self->out, "-device", "pc-dimm,id=d0,memdev=vmkeep-ram1"), 1);
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-m", "256,slots=4,maxmem=4G", "-device",
			"{\"driver\":\"pc-dimm\",\"memdev\":\"vmkeep-ram1\"}", NULL),
		  0);
	EXPECT_EQ(build(self, RAM_PATH_PROCFD, "-m", "768,slots=4,maxmem=4G", "-device",
			"pc-dimm,id=d0,memdev=vmkeep-ram1", NULL),
		  -EINVAL);
}

TEST_F(args, an_equal_m_is_taken_and_said_once)
{
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-m", "256", "-nographic", NULL), 0);
	EXPECT_EQ(count(&self->out, "-m", NULL), 1);
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-m", "size=256M", NULL), 0);
	EXPECT_EQ(count(&self->out, "-m", NULL), 1);
}

TEST_F(args, conflicts_are_refused_by_name)
{
	static const char *const bad[][3] = {
		{ "-m", "512", "-m" },
		{ "-m", "256,maxmem=1G", "maxmem" },
		{ "-m", "256,slots=2,maxmem=lots", "maxmem" },
		{ "-m", "lots", "-m lots" },
		{ "-object", "memory-backend-ram,id=m,size=1G", "memory-backend-ram" },
		{ "--object", "qom-type=memory-backend-file,id=m", "-object" },
		{ "-machine", "q35,memory-backend=mine", "memory-backend=mine" },
		{ "-numa", "node,memdev=mine", "memdev=mine" },
		{ "-numa", "node,memdev=vmkeep-ram1", "memdev=vmkeep-ram1" },
		{ "-device", "pc-dimm,id=d0,memdev=mine", "memdev=mine" },
		{ "-device", "{\"driver\":\"pc-dimm\",\"memdev\":\"mine\"}", "memdev=mine" },
		{ "-device", "pc-dimm,memdev=vmkeep-ram0", "one block must be left" },
		{ "-mem-path", "/dev/hugepages", "-mem-path" },
		{ "-daemonize", NULL, "-daemonize" },
		{ "-incoming", "defer", "-incoming" },
		{ "-loadvm", "x", "-loadvm" },
		{ "-snapshot", NULL, "-snapshot" },
		{ "-drive", "file=a,snapshot=on", "snapshot=on" },
		{ "-object", "{\"qom-type\":\"memory-backend-memfd\",\"id\":\"m\"}",
		  "memory-backend-memfd" },
		{ "-readconfig", "f", "-readconfig" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		EXPECT_EQ(build(self, RAM_PATH_PROCFD, bad[i][0], bad[i][1], NULL), -EINVAL)
		{
			TH_LOG("%s", bad[i][0]);
		}
		EXPECT_NE(strstr(self->e.text, bad[i][2]), NULL)
		{
			TH_LOG("%s", self->e.text);
		}
	}
}

TEST_F(args, text_that_looks_like_an_option_is_left_alone)
{
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-append", "-daemonize", "-name", "-m", "-nographic",
			NULL),
		  0);
	EXPECT_EQ(count(&self->out, "-append", "-daemonize"), 1);
	EXPECT_EQ(count(&self->out, "-name", "-m"), 1);
}

TEST_F(args, nothing_of_the_users_is_lost)
{
	ASSERT_EQ(build(self, RAM_PATH_PROCFD, "-cpu", "qemu64", "-m", "256", "-nodefaults",
			"-drive", "file=a,b=c", "disk.img", NULL),
		  0);
	EXPECT_EQ(count(&self->out, "-cpu", "qemu64"), 1);
	EXPECT_EQ(count(&self->out, "-nodefaults", "-drive"), 1);
	EXPECT_EQ(count(&self->out, "-drive", "file=a,b=c"), 1);
	EXPECT_EQ(count(&self->out, "file=a,b=c", "disk.img"), 1);
	EXPECT_STREQ(self->out.v[0], "/usr/bin/qemu-system-x86_64");
}

TEST_HARNESS_MAIN
