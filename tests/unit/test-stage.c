// SPDX-License-Identifier: GPL-2.0-or-later
/* The loop that runs an update's stages and walks back. */

#include "stage.h"

#include "kselftest_harness.h"

struct update {
	char trace[512];
	const char *fail_host;
	const char *fail_guest; /* name of the guest whose turn in "two" fails */
};

static void note(struct update *u, const char *what, const struct guest *g)
{
	size_t len = strlen(u->trace);

	snprintf(u->trace + len, sizeof(u->trace) - len, "%s%s%s ", what, g ? ":" : "",
		 g ? g->name : "");
}

static int one_host(struct update *u, struct err *e)
{
	(void)e;
	note(u, "one", NULL);
	return 0;
}

static void undo_one_host(struct update *u)
{
	note(u, "-one", NULL);
}

static int two_guest(struct update *u, struct guest *g, struct err *e)
{
	task_sleep(strcmp(g->name, "a") == 0 ? 20
					     : 1); /* b first: they do not wait for each other */
	note(u, "two", g);
	if (u->fail_guest && strcmp(u->fail_guest, g->name) == 0)
		return err_set(e, -EIO, "no luck");
	return 0;
}

static void undo_two_guest(struct update *u, struct guest *g)
{
	note(u, "-two", g);
}

static int three_host(struct update *u, struct err *e)
{
	note(u, "three", NULL);
	return u->fail_host ? err_set(e, -EPERM, "refused") : 0;
}

static void undo_three(struct update *u)
{
	note(u, "-three", NULL);
}

static const struct stage table[] = {
	{ .name = "one", .host = one_host, .undo_host = undo_one_host },
	{ .name = "two", .guest = two_guest, .undo_guest = undo_two_guest },
	{ .name = "three", .host = three_host, .undo_host = undo_three },
};

static struct update u;
static struct stage_run run;
static struct err e;
static int ret;

static void body(void *arg)
{
	static struct guest a = { .name = "a" }, b = { .name = "b" };
	struct guest *list[] = { &a, &b };
	struct guest_set guests = { list, 2 };

	(void)arg;
	run.u = &u;
	run.guests = &guests;
	run.timings = json_object_new_object();
	ret = stages_run(&run, table, ARRAY_SIZE(table), &e);
	loop_quit();
}

static void go(void)
{
	if (loop_init() < 0)
		abort();
	task_start(body, NULL);
	loop_run();
}

TEST(all_in_order_guests_side_by_side)
{
	go();
	EXPECT_EQ(ret, 0);
	EXPECT_STREQ(u.trace, "one two:b two:a three ");
	EXPECT_EQ(json_object_object_length(run.timings), 3);
}

TEST(a_failing_guest_walks_all_guests_back)
{
	u.fail_guest = "a";
	go();
	EXPECT_EQ(ret, -EIO);
	EXPECT_STREQ(u.trace, "one two:b two:a -two:a -two:b -one ");
	EXPECT_STREQ(e.text, "guest a: two: no luck");
	EXPECT_STREQ(run.failed_stage, "two");
	EXPECT_STREQ(run.failed_guest, "a");
}

TEST(a_failing_host_stage_undoes_itself_too)
{
	u.fail_host = "three";
	go();
	EXPECT_EQ(ret, -EPERM);
	EXPECT_STREQ(u.trace, "one two:b two:a three -three -two:a -two:b -one ");
	EXPECT_STREQ(e.text, "three: refused");
	EXPECT_EQ(run.failed_guest, NULL);
}

TEST_HARNESS_MAIN
