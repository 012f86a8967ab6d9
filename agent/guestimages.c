// SPDX-License-Identifier: GPL-2.0-or-later

#include "guestimages.h"

#include <stdio.h>
#include <sys/stat.h>

#include "fileargs.h"

/* What is compared on a thread: a file system may hang. */
struct comparing {
	json *ours, *theirs; /* fileargs_parse() */
	const char *cwd, *their_cwd;
	char *clash;
};

static bool written_image(json *j)
{
	return json_flag(j, "image") && !json_flag(j, "readonly");
}

/* Return: Whether it is there. */
static bool look(const char *path, const char *cwd, struct stat *st)
{
	_cleanup_free_ char *absolute = path_absolute(path, cwd);

	return stat(absolute, st) == 0;
}

static bool same(const struct comparing *c, const char *path, json *other)
{
	struct stat a, b;

	if (!look(path, c->cwd, &a) || !look(json_str(other, "path"), c->their_cwd, &b))
		return false;
	if (S_ISBLK(a.st_mode) && S_ISBLK(b.st_mode))
		return a.st_rdev == b.st_rdev;
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static int compare(void *arg)
{
	struct comparing *c = arg;

	for (size_t i = 0; i < json_object_array_length(c->ours) && !c->clash; i++) {
		json *j = json_object_array_get_idx(c->ours, i);
		const char *path = json_str(j, "path");

		for (size_t k = 0; k < json_object_array_length(c->theirs) && !c->clash; k++) {
			json *other = json_object_array_get_idx(c->theirs, k);

			if (written_image(j) && json_flag(other, "image") && same(c, path, other))
				c->clash = xstrdup(path);
		}
	}
	return 0;
}

static int compare_with(const struct guest *g, const struct guest *kept, struct err *e)
{
	struct comparing c = { .ours = fileargs_parse(&g->argv),
			       .theirs = fileargs_parse(&kept->argv),
			       .cwd = g->cwd,
			       .their_cwd = kept->cwd };
	int r = task_blocking(compare, &c);

	json_object_put(c.ours);
	json_object_put(c.theirs);
	if (r < 0)
		return err_set(e, r, "its images cannot be looked at: %s", strerror(-r));
	if (c.clash)
		r = err_set(
			e, -EBUSY,
			"image %s belongs to guest %s, which is kept from the last update: `vmkeep finish --retry` brings it back, `vmkeep discard` gives it up",
			c.clash, kept->name);
	free(c.clash);
	return r;
}

int guestimages_free(const struct guest *g, struct err *e)
{
	_cleanup_guest_set_ struct guest_set all = guest_set_all();
	_cleanup_free_ bool *kept = xmalloc0((all.n + 1) * sizeof(*kept));
	int r = 0;

	/* Before any wait: one that is tried again meanwhile is kept again if this one takes its images. */
	for (size_t i = 0; i < all.n; i++)
		kept[i] = all.v[i]->state == GUEST_KEPT;
	for (size_t i = 0; i < all.n && !r; i++)
		if (kept[i])
			r = compare_with(g, all.v[i], e);
	return r;
}
