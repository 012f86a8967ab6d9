// SPDX-License-Identifier: GPL-2.0-or-later
/* Our own Live Update header says what the kernel's says, wherever that is installed. */

#include "liveupdate-abi.h"

#if __has_include(<linux/liveupdate.h>)
#include <linux/liveupdate.h>
#define HAVE_REAL 1
#endif

#include "kselftest_harness.h"

TEST(sizes_are_the_protocol)
{
	EXPECT_EQ(sizeof(struct vk_luo_session), 72);
	EXPECT_EQ(sizeof(struct vk_luo_fd), 16);
	EXPECT_EQ(sizeof(struct vk_luo_finish), 8);
}

#ifdef HAVE_REAL
TEST(as_in_the_kernels_header)
{
	EXPECT_EQ(VK_LUO_NAME_LEN, LIVEUPDATE_SESSION_NAME_LENGTH);
	EXPECT_EQ(sizeof(struct vk_luo_session), sizeof(struct liveupdate_ioctl_create_session));
	EXPECT_EQ(sizeof(struct vk_luo_session), sizeof(struct liveupdate_ioctl_retrieve_session));
	EXPECT_EQ(sizeof(struct vk_luo_fd), sizeof(struct liveupdate_session_preserve_fd));
	EXPECT_EQ(sizeof(struct vk_luo_fd), sizeof(struct liveupdate_session_retrieve_fd));
	EXPECT_EQ(sizeof(struct vk_luo_finish), sizeof(struct liveupdate_session_finish));
	EXPECT_EQ(VK_LUO_CREATE_SESSION, LIVEUPDATE_IOCTL_CREATE_SESSION);
	EXPECT_EQ(VK_LUO_RETRIEVE_SESSION, LIVEUPDATE_IOCTL_RETRIEVE_SESSION);
	EXPECT_EQ(VK_LUO_PRESERVE_FD, LIVEUPDATE_SESSION_PRESERVE_FD);
	EXPECT_EQ(VK_LUO_RETRIEVE_FD, LIVEUPDATE_SESSION_RETRIEVE_FD);
	EXPECT_EQ(VK_LUO_FINISH, LIVEUPDATE_SESSION_FINISH);
}
#endif

TEST_HARNESS_MAIN
