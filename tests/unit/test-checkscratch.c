// SPDX-License-Identifier: GPL-2.0-or-later
/* Whether the next kernel can start in the scratch areas. */

#include "checkscratch.h"

#include <unistd.h>

#include "findings-said.h"

#include "kselftest_harness.h"

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

static const struct host_size host = { .ram = 12 * GIB, .cpus = 1 };

static struct kimage kernel(bool extends)
{
	return (struct kimage){ .release = "7.2.12",
				.memory = 30 * MIB,
				.facts = { .extends_scratch = extends } };
}

static json *check(bool extends, uint64_t initrd, const struct kho_scratch *s, const char *cmdline)
{
	struct kimage k = kernel(extends);
	json *all = json_object_new_array();

	check_scratch(all, &k, initrd, "quiet", s, &host, cmdline);
	return all;
}

TEST(a_list_of_all_pages_needs_room)
{
	/* Measured: with 192 MiB for a host of 12 GiB, 7.2 dies and 7.3 starts. */
	struct kho_scratch s = { .size = { 64 * MIB, 64 * MIB, 64 * MIB }, .n = 3 };
	_cleanup_json_ json *dies = check(false, 0, &s, ""), *starts = check(true, 0, &s, "");

	EXPECT_EQ(said_in_all(dies, 1), 1);
	EXPECT_TRUE(said(dies, BLOCKED,
			 "the scratch areas have 192 MiB, and kernel 7.2.12 may take 260 MiB"));
	EXPECT_STREQ(json_str(json_object_array_get_idx(dies, 0), "cure"),
		     "boot with kho_scratch=128M,512M,64M or more");
	EXPECT_EQ(said_in_all(starts, 0), 0);
}

TEST(what_suffices)
{
	struct kho_scratch much = { .size = { 128 * MIB, 128 * MIB, 128 * MIB }, .n = 3 },
			   less = { .size = { 96 * MIB, 96 * MIB, 96 * MIB }, .n = 3 };
	_cleanup_json_ json *enough = check(false, 12 * MIB, &much, ""),
			    *noted = check(false, 13 * MIB, &much, ""),
			    *starts = check(false, 28 * MIB, &less, ""),
			    *dies = check(false, 29 * MIB, &less, "");

	EXPECT_EQ(said_in_all(enough, 0), 0);
	EXPECT_TRUE(said(noted, NOTE, "may take 385 MiB"));
	EXPECT_EQ(said_in_all(starts, 1), 1);
	EXPECT_TRUE(said(starts, NOTE, "have 288 MiB"));
	EXPECT_TRUE(said(dies, BLOCKED, "may take 289 MiB"));
}

TEST(each_piece_must_fit_an_area)
{
	struct kho_scratch s = { .size = { 600 * MIB, 20 * MIB }, .n = 2 };
	_cleanup_json_ json *all = check(true, 580 * MIB, &s, "");

	EXPECT_TRUE(
		said(all, BLOCKED,
		     "no scratch area has room for the kernel (30 MiB) and its initrd (580 MiB)"));
}

TEST(what_a_crash_kernel_takes)
{
	EXPECT_EQ(scratch_crash("quiet", GIB), 0);
	EXPECT_EQ(scratch_crash("a crashkernel=512M b", GIB), 512 * MIB);
	EXPECT_EQ(scratch_crash("crashkernel=0x10000000@16M\n", GIB), 256 * MIB);
	EXPECT_EQ(scratch_crash("crashkernel=1G,high", GIB), GIB + 256 * MIB);
	EXPECT_EQ(scratch_crash("crashkernel=1G,high crashkernel=72M,low", GIB), GIB + 72 * MIB);
	EXPECT_EQ(scratch_crash("crashkernel=2G-64G:256M,64G-:512M", GIB), 0);
	EXPECT_EQ(scratch_crash("crashkernel=2G-64G:256M,64G-:512M", 2 * GIB), 256 * MIB);
	EXPECT_EQ(scratch_crash("crashkernel=2G-64G:256M,64G-:512M", 64 * GIB), 512 * MIB);
	EXPECT_EQ(scratch_crash("crashkernel=", GIB), 0);
	EXPECT_EQ(scratch_crash("crashkernel=:", GIB), 0);
	EXPECT_EQ(scratch_crash("crashkernel=1-:", GIB), 0);
	EXPECT_EQ(scratch_crash("crashkernel=1-2:3,", GIB), 0);
}

TEST(and_what_is_left_of_it)
{
	struct kho_scratch s = { .size = { 128 * MIB, 128 * MIB }, .n = 2 };
	_cleanup_json_ json *all = json_object_new_array();
	struct kimage k = kernel(true);

	check_scratch(all, &k, 0, "crashkernel=194M", &s, &host, "");
	EXPECT_EQ(said_in_all(all, 0), 0);
	check_scratch(all, &k, 0, "crashkernel=195M", &s, &host, "");
	EXPECT_TRUE(said(all, BLOCKED, "may take 257 MiB"));
}

TEST(not_known)
{
	struct kho_scratch s = { 0 };
	_cleanup_json_ json *chosen = check(false, 0, &s, "kho_scratch=64M,64M,64M"),
			    *scaled = check(false, 0, &s, "kho_scratch=200%"),
			    *kernels = check(false, 0, &s, "quiet"),
			    *extends = check(true, 0, &s, "kho_scratch=64M,64M,64M");

	EXPECT_TRUE(said(chosen, UNKNOWN, "cannot tell how large the scratch areas"));
	EXPECT_EQ(said_in_all(scaled, 0), 0);
	EXPECT_EQ(said_in_all(kernels, 0), 0);
	EXPECT_EQ(said_in_all(extends, 0), 0);
}

TEST(how_large_a_host_is)
{
	char path[] = "/tmp/vmkeep-iomem-XXXXXX";
	static const char text[] = "00000000-00000fff : Reserved\n"
				   "00001000-0009ffff : System RAM\n"
				   "00100000-7fffffff : System RAM\n"
				   "  01000000-01bfffff : Kernel code\n"
				   "  02000000-02ffffff : System RAM (kmem)\n"
				   "100000000-13fffffff : System RAM\n";
	int fd = mkstemp(path);
	struct host_size h;

	ASSERT_EQ(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	close(fd);
	host_size_read(path, &h);
	EXPECT_EQ(h.ram, 0x9f000 + 0x7ff00000ULL + 0x40000000);
	EXPECT_GE(h.cpus, 1);
	unlink(path);
	host_size_read("/proc/none", &h);
	EXPECT_EQ(h.ram, 0);
}

TEST_HARNESS_MAIN
