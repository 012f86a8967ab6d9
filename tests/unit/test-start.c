// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who is started at boot, and by hand: never one that came over a jump, nobody twice. Guests,
 * and the update, are played here, at link level.
 */

#include <stdio.h>
#include <sys/stat.h>

#include "bootmark.h"
#include "definitionfiles.h"
#include "restore.h"
#include "start.h"
#include "upgrade.h"

#include "kselftest_harness.h"

/* --- played --- */

static struct guest there[8]; /* by name; "" is none */
static bool complete = true, busy;
static enum upgrade_phase phase;
static char started[256];
static const char *fails; /* this one does */

int probe_qemu(const char *binary, const struct qemu_caps **ret, struct err *e)
{
	(void)binary, (void)ret, (void)e;
	return 0;
}

enum upgrade_phase upgrade_phase(void)
{
	return phase;
}

bool restore_busy(void)
{
	return busy;
}

bool restore_complete(void)
{
	return complete;
}

struct guest *guest_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(there); i++)
		if (there[i].name[0] && strcmp(there[i].name, name) == 0)
			return &there[i];
	return NULL;
}

const char *guest_state_name(const struct guest *g)
{
	return g->state == GUEST_KEPT ? "kept" : "running";
}

int guest_run(const struct guest_spec *spec, struct guest **ret, struct strv *notes, struct err *e)
{
	size_t len = strlen(started);

	(void)ret, (void)notes;
	snprintf(started + len, sizeof(started) - len, "%s ", spec->name);
	if (fails && strcmp(fails, spec->name) == 0)
		return err_set(e, -EIO, "no disk");
	return 0;
}

/* --- */

FIXTURE(boot)
{
	char dir[64];
};

static void define(const char *name, int priority, bool autostart)
{
	_cleanup_json_ json *j = json_tokener_parse("{\"memory\":[2097152],\"argv\":[\"/bin/q\"]}");
	struct err e;

	json_set_str(j, "name", name);
	json_set_int(j, "priority", priority);
	json_set_bool(j, "autostart", autostart);
	if (definitionfiles_save(j, true, &e) < 0)
		abort();
}

FIXTURE_SETUP(boot)
{
	snprintf(self->dir, sizeof(self->dir), "/tmp/vmkeep-boot-XXXXXX");
	ASSERT_NE(mkdtemp(self->dir), NULL);
	definitionfiles_setup(self->dir);
	bootmark_setup(self->dir);
	define("db", 0, true);
	define("dns", 9, true);
	define("manual", 5, false);
	define("web", 0, true);
}

FIXTURE_TEARDOWN(boot)
{
	_cleanup_free_ char *command = xasprintf("rm -rf %s", self->dir);

	ASSERT_EQ(system(command), 0);
}

static void stop_when_done(void *arg)
{
	(void)arg;
	start_at_boot();
	while (start_busy())
		task_sleep(1);
	loop_quit();
}

/* Another agent of the same boot: it knows what is written down. */
static const char *boot_agent(const char *dir)
{
	started[0] = '\0';
	bootmark_setup(dir);
	if (loop_init() < 0)
		abort();
	task_start(stop_when_done, NULL);
	loop_run();
	return started;
}

static void came_over(const char *name)
{
	_cleanup_strv_ struct strv names = { 0 };

	strv_add(&names, name);
	bootmark_add(&names);
}

TEST_F(boot, each_is_started_once_a_boot_by_priority)
{
	EXPECT_STREQ(boot_agent(self->dir), "dns db web ");
	/* Whatever has been stopped or defined since. */
	define("new", 0, true);
	EXPECT_STREQ(boot_agent(self->dir), "");
}

TEST_F(boot, another_boot_starts_them_again)
{
	_cleanup_free_ char *path = xasprintf("%s/boot.json", self->dir);
	static const char old[] =
		"{\"boot_id\":\"11111111-1111-1111-1111-111111111111\",\"decided\":[\"db\"],\"done\":true}";

	ASSERT_EQ(write_file_atomic(path, old, strlen(old)), 0);
	EXPECT_STREQ(boot_agent(self->dir), "dns db web ");
}

TEST_F(boot, who_came_over_is_never_started_anew)
{
	/* It has ended since; and a next agent is not told of it by the kernel any more. */
	came_over("db");
	EXPECT_STREQ(boot_agent(self->dir), "dns web ");
}

TEST_F(boot, who_is_there_is_not_started)
{
	snprintf(there[0].name, sizeof(there[0].name), "dns");
	there[0].state = GUEST_KEPT;
	EXPECT_STREQ(boot_agent(self->dir), "db web ");
}

TEST_F(boot, nobody_is_started_as_long_as_it_is_not_known_who_came_over)
{
	struct strv notes = { 0 };
	struct guest *g;
	struct err e;

	complete = false;
	EXPECT_STREQ(boot_agent(self->dir), "");
	EXPECT_EQ(start_defined("web", &g, &notes, &e), -EBUSY);
	EXPECT_NE(strstr(e.text, "vmkeep finish"), NULL);
	/* `vmkeep finish` has found out */
	complete = true;
	EXPECT_STREQ(boot_agent(self->dir), "dns db web ");
}

TEST_F(boot, an_agent_that_was_killed_is_followed_by_one_that_goes_on)
{
	came_over("dns"); /* as start_one() writes it down */
	EXPECT_STREQ(boot_agent(self->dir), "db web ");
}

TEST_F(boot, what_cannot_be_read_starts_nobody)
{
	_cleanup_free_ char *path = xasprintf("%s/boot.json", self->dir);

	ASSERT_EQ(write_file_atomic(path, "{\"boot", 6), 0);
	EXPECT_STREQ(boot_agent(self->dir), "");
}

TEST_F(boot, one_that_is_broken_or_fails_costs_the_others_nothing)
{
	_cleanup_free_ char *path = xasprintf("%s/guests/db.json", self->dir);

	ASSERT_EQ(write_file_atomic(path, "{", 1), 0);
	fails = "dns";
	EXPECT_STREQ(boot_agent(self->dir), "dns web ");
	EXPECT_STREQ(start_failure("dns"), "no disk");
	EXPECT_EQ(start_failure("web"), NULL);
	/* and is no failure any more when it runs */
	fails = NULL;
	{
		struct strv notes = { 0 };
		struct guest *g;
		struct err e;

		EXPECT_EQ(start_defined("dns", &g, &notes, &e), 0);
	}
	EXPECT_EQ(start_failure("dns"), NULL);
}

TEST_F(boot, by_hand_only_who_is_not_there)
{
	struct strv notes = { 0 };
	struct guest *g;
	struct err e;

	EXPECT_EQ(start_defined("none", &g, &notes, &e), -ENOENT);
	snprintf(there[0].name, sizeof(there[0].name), "web");
	there[0].state = GUEST_RUNNING;
	EXPECT_EQ(start_defined("web", &g, &notes, &e), -EEXIST);
	EXPECT_NE(strstr(e.text, "running"), NULL);
	there[0].state = GUEST_KEPT;
	EXPECT_EQ(start_defined("web", &g, &notes, &e), -EEXIST);
	EXPECT_NE(strstr(e.text, "finish --retry"), NULL);
	busy = true;
	EXPECT_EQ(start_defined("db", &g, &notes, &e), -EBUSY);
	busy = false;
	phase = UPGRADE_COMMITTING;
	EXPECT_EQ(start_defined("db", &g, &notes, &e), -EBUSY);
	EXPECT_STREQ(started, "");
	phase = UPGRADE_IDLE;
	EXPECT_EQ(start_defined("manual", &g, &notes, &e), 0);
	EXPECT_STREQ(started, "manual ");
}

TEST_HARNESS_MAIN
