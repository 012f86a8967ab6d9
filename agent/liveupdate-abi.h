/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The part of the kernel's Live Update interface that vmkeep uses, written down
 * from Documentation/userspace-api/liveupdate.rst because <linux/liveupdate.h>
 * is newer than the headers vmkeep is built with. tests/unit/test-abi.c compares
 * it with the real header wherever that is installed.
 */
#ifndef VMKEEP_LIVEUPDATE_ABI_H
#define VMKEEP_LIVEUPDATE_ABI_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define VK_LUO_NAME_LEN 64 /* session name, with its NUL */

struct vk_luo_session { /* create and retrieve, on /dev/liveupdate */
	__u32 size;
	__s32 fd;
	__u8 name[VK_LUO_NAME_LEN];
};

struct vk_luo_fd { /* preserve and retrieve, on a session */
	__u32 size;
	__s32 fd;
	__aligned_u64 token;
};

struct vk_luo_finish {
	__u32 size;
	__u32 reserved;
};

#define VK_LUO_CREATE_SESSION _IO(0xBA, 0x00)
#define VK_LUO_RETRIEVE_SESSION _IO(0xBA, 0x01)
#define VK_LUO_PRESERVE_FD _IO(0xBA, 0x40)
#define VK_LUO_RETRIEVE_FD _IO(0xBA, 0x41)
#define VK_LUO_FINISH _IO(0xBA, 0x42)

#endif
