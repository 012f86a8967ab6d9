// SPDX-License-Identifier: GPL-2.0-or-later
/* What `vmkeep check` says of a kernel, by level and in words. */

#include "checkkernel.h"

#include "findings.h"

#include "kselftest_harness.h"

FIXTURE(kernel)
{
	struct kimage k;
	struct kabi here;
	json *all;
};

FIXTURE_SETUP(kernel)
{
	self->k = (struct kimage){ .release = "7.3.4",
				   .facts = { .abi = { "kho-v4", "luo-v5", "memfd-v2" },
					      .has_kho = TOLD_YES,
					      .has_luo = TOLD_YES,
					      .has_memfd = TOLD_YES } };
	self->here = self->k.facts.abi;
	self->all = json_object_new_array();
}

FIXTURE_TEARDOWN(kernel)
{
	json_object_put(self->all);
}

static const char *say(json *all, size_t i, const char *key)
{
	return i < json_object_array_length(all) ? json_str(json_object_array_get_idx(all, i), key)
						 : "";
}

TEST_F(kernel, of_the_same_formats)
{
	check_formats(self->all, &self->k, &self->here);
	EXPECT_EQ(json_object_array_length(self->all), 0);
}

TEST_F(kernel, of_another_live_update)
{
	strcpy(self->k.facts.abi.luo, "luo-v1");
	check_formats(self->all, &self->k, &self->here);
	ASSERT_EQ(json_object_array_length(self->all), 1);
	EXPECT_STREQ(say(self->all, 0, "level"), BLOCKED);
	EXPECT_STREQ(say(self->all, 0, "what"), "kernel 7.3.4 speaks luo-v1, this one luo-v5");
	EXPECT_NE(strstr(say(self->all, 0, "why"), "panic"), NULL);
}

TEST_F(kernel, of_another_handover)
{
	strcpy(self->k.facts.abi.kho, "kho-v5");
	check_formats(self->all, &self->k, &self->here);
	EXPECT_STREQ(say(self->all, 0, "level"), BLOCKED);
	EXPECT_STREQ(say(self->all, 0, "what"), "kernel 7.3.4 speaks kho-v5, this one kho-v4");
}

TEST_F(kernel, of_another_memfd)
{
	strcpy(self->k.facts.abi.memfd, "memfd-v1");
	check_formats(self->all, &self->k, &self->here);
	EXPECT_STREQ(say(self->all, 0, "level"), BLOCKED);
	EXPECT_STREQ(say(self->all, 0, "what"), "kernel 7.3.4 speaks memfd-v1, this one memfd-v2");
}

TEST_F(kernel, without_live_update)
{
	self->k.facts.has_luo = self->k.facts.has_memfd = TOLD_NO;
	check_formats(self->all, &self->k, &self->here);
	ASSERT_EQ(json_object_array_length(self->all), 2);
	EXPECT_STREQ(say(self->all, 0, "level"), BLOCKED);
	EXPECT_NE(strstr(say(self->all, 0, "cure"), "CONFIG_LIVEUPDATE=y"), NULL);
	EXPECT_NE(strstr(say(self->all, 1, "cure"), "CONFIG_LIVEUPDATE_MEMFD=y"), NULL);
}

TEST_F(kernel, that_does_not_tell)
{
	self->k.facts.abi.luo[0] = '\0';
	self->k.facts.has_memfd = TOLD_NOTHING;
	check_formats(self->all, &self->k, &self->here);
	ASSERT_EQ(json_object_array_length(self->all), 2);
	EXPECT_STREQ(say(self->all, 0, "level"), UNKNOWN);
	EXPECT_STREQ(say(self->all, 1, "level"), UNKNOWN);
}

TEST_F(kernel, under_one_that_does_not_tell)
{
	self->here = (struct kabi){ .kho = "kho-v4", .luo = "luo-v5" };
	check_formats(self->all, &self->k, &self->here);
	ASSERT_EQ(json_object_array_length(self->all), 1);
	EXPECT_STREQ(say(self->all, 0, "level"), UNKNOWN);
	EXPECT_STREQ(say(self->all, 0, "where"), "host");
	EXPECT_NE(strstr(say(self->all, 0, "what"), "memfd-v2"), NULL);
}

TEST_F(kernel, and_its_command_line)
{
	self->k.facts.kho_by_default = TOLD_YES;
	check_cmdline(self->all, "quiet liveupdate=on", &self->k);
	EXPECT_EQ(json_object_array_length(self->all), 0);
	self->k.facts.kho_by_default = TOLD_NO;
	check_cmdline(self->all, "quiet liveupdate=on kho=on", &self->k);
	EXPECT_EQ(json_object_array_length(self->all), 0);
	check_cmdline(self->all, "quiet liveupdate=on", &self->k);
	ASSERT_EQ(json_object_array_length(self->all), 1);
	EXPECT_STREQ(say(self->all, 0, "what"), "its command line does not have kho=on");
	self->k.facts.kho_by_default = TOLD_YES;
	check_cmdline(self->all, "kho=off", &self->k);
	EXPECT_EQ(json_object_array_length(self->all), 3);
}

TEST_F(kernel, under_lockdown)
{
	static const char integrity[] = "none [integrity] confidentiality\n";

	check_signature(self->all, &self->k, "[none] integrity confidentiality\n", false);
	EXPECT_EQ(json_object_array_length(self->all), 0);
	self->k.has_signature = true;
	check_signature(self->all, &self->k, integrity, false);
	EXPECT_EQ(json_object_array_length(self->all), 0);
	self->k.has_signature = false;
	check_signature(self->all, &self->k, integrity, false);
	EXPECT_STREQ(say(self->all, 0, "level"), BLOCKED);
	EXPECT_STREQ(say(self->all, 0, "what"),
		     "its image is not signed, and this kernel is locked down");
	check_signature(self->all, &self->k, integrity, true);
	EXPECT_STREQ(say(self->all, 1, "level"), NOTE);
}

TEST(lockdown)
{
	EXPECT_FALSE(lockdown_active("[none] integrity confidentiality\n"));
	EXPECT_TRUE(lockdown_active("none [integrity] confidentiality\n"));
	EXPECT_TRUE(lockdown_active("none integrity [confidentiality]\n"));
	EXPECT_FALSE(lockdown_active(""));
}

TEST_HARNESS_MAIN
