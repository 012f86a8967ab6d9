/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What files another user may open, by asking the kernel as that user. */
#ifndef VMKEEP_USERACCESS_H
#define VMKEEP_USERACCESS_H

#include "util.h"

/**
 * struct access_want - A file that is to be opened.
 * @path:	Where it is.
 * @mode:	As of access(2).
 * @error:	What comes of it: 0 or an errno.
 */
struct access_want {
	char *path;
	int mode;
	int error;
};

/**
 * user_access() - Find out which of @want @user may open. Blocks.
 * @user:	A name, or "uid:gid".
 *
 * A child becomes that user with all groups; this process stays what it is.
 *
 * Return: 0 with each @error set; -ENOENT when there is no such user; -errno when
 * it could not be found out.
 */
int user_access(const char *user, struct access_want *want, size_t n);

#endif
