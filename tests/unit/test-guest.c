// SPDX-License-Identifier: GPL-2.0-or-later
/* A guest's name and record come from outside: neither may lead out of its directory. */

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "guestfiles.h"
#include "guestimages.h"

#include "kselftest_harness.h"

#define UUID "0b9e8f1c-5d1e-4d7e-9a53-4b7a6f3f2c11"

static const char *const bad_names[] = {
	"",	    ".",    "..",	 "../b",
	"a/b",	    "/etc", "a/../../b", ".hidden",
	"-rf",	    "a b",  "a\nb",	 "a\\b",
	"\303\244", "a%n",  "a*",	 "0123456789012345678901234567890123456789012345678",
};

static const char *const good_names[] = {
	"a",
	"web-1",
	"_x.y..z",
	"012345678901234567890123456789012345678901234567",
};

FIXTURE(files)
{
	char dir[64];
};

FIXTURE_SETUP(files)
{
	snprintf(self->dir, sizeof(self->dir), "/tmp/vmkeep-guest-XXXXXX");
	ASSERT_NE(mkdtemp(self->dir), NULL);
	guest_setup(self->dir, self->dir);
}

FIXTURE_TEARDOWN(files)
{
	_cleanup_free_ char *command = xasprintf("rm -rf %s", self->dir);

	ASSERT_EQ(system(command), 0);
}

TEST(names_are_file_names)
{
	for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++) {
		EXPECT_FALSE(guest_name_valid(bad_names[i]))
		{
			TH_LOG("%s", bad_names[i]);
		}
	}
	for (size_t i = 0; i < ARRAY_SIZE(good_names); i++) {
		EXPECT_TRUE(guest_name_valid(good_names[i]))
		{
			TH_LOG("%s", good_names[i]);
		}
	}
}

TEST_F(files, a_bad_name_starts_nothing)
{
	_cleanup_strv_ struct strv notes = { 0 };
	struct guest_spec spec = { .memory = { .v = { 1UL << 21 }, .n = 1 } };
	struct guest *g = NULL;
	struct err e;

	strv_add(&spec.argv, "/bin/true");
	for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++) {
		spec.name = bad_names[i];
		EXPECT_EQ(guest_validate(&spec, &notes, &e), -EINVAL);
		EXPECT_EQ(guest_run(&spec, &g, &notes, &e), -EINVAL);
		EXPECT_EQ(strncmp(e.text, "name ", 5), 0)
		{
			TH_LOG("%s", e.text);
		}
	}
	EXPECT_EQ(guest_first(), NULL);
	EXPECT_EQ(rmdir(self->dir), 0); /* nothing was made in it */
	ASSERT_EQ(mkdir(self->dir, 0700), 0);
	strv_free(&spec.argv);
}

static json *record(const char *name, const char *uuid, const char *program)
{
	_cleanup_strv_ struct strv argv = { 0 };
	json *j = qmp_args("name", name, "uuid", uuid, "ram_path", "fdset", NULL);

	strv_add(&argv, program);
	json_set_strv(j, "argv", &argv);
	json_set_strv(j, "user_argv", &argv);
	json_object_object_add(j, "ram", json_tokener_parse("[2097152]"));
	return j;
}

static int take(json *j, struct err *e)
{
	struct guest *g;
	int r = guest_from_json(j, &g, e);

	if (!r)
		guest_remove(g);
	json_object_put(j);
	return r;
}

TEST_F(files, a_record_cannot_lead_elsewhere)
{
	struct err e;

	EXPECT_EQ(take(record("a", UUID, "/bin/true"), &e), 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad_names); i++) {
		EXPECT_EQ(take(record(bad_names[i], UUID, "/bin/true"), &e), -EBADMSG);
	}
	EXPECT_EQ(take(record("a", "../../../../../../../../../../../../", "/bin/true"), &e),
		  -EBADMSG);
	/* What would be executed depends on nobody's current directory. */
	EXPECT_EQ(take(record("a", UUID, "qemu"), &e), -EBADMSG);
	EXPECT_EQ(take(record("a", UUID, "./qemu"), &e), -EBADMSG);
	EXPECT_EQ(take(record("a", UUID, ""), &e), -EBADMSG);
}

static int priority_of(const char *value)
{
	json *j = record("a", UUID, "/bin/true");
	struct guest *g;
	struct err e;
	int priority;

	if (value)
		json_object_object_add(j, "priority", json_tokener_parse(value));
	if (guest_from_json(j, &g, &e) < 0)
		abort();
	json_object_put(j);
	priority = g->priority;
	/* and it is handed on */
	j = guest_to_json(g);
	if (json_int(j, "priority", -1) != priority)
		abort();
	json_object_put(j);
	guest_remove(g);
	return priority;
}

TEST_F(files, no_guest_is_lost_for_its_priority)
{
	EXPECT_EQ(priority_of(NULL), 0); /* an older vmkeep's */
	EXPECT_EQ(priority_of("7"), 7);
	EXPECT_EQ(priority_of("-1000"), -1000);
	EXPECT_EQ(priority_of("1001"), 0);
	EXPECT_EQ(priority_of("-4294967295"), 0);
	EXPECT_EQ(priority_of("\"7\""), 0);
}

static void put_state(const char *dir, const char *name, const char *text)
{
	_cleanup_free_ char *guest = xasprintf("%s/guests/%s", dir, name);
	_cleanup_free_ char *path = xasprintf("%s/state.json", guest);

	mkdir_parents(guest, 0700);
	write_file_atomic(path, text, strlen(text));
}

TEST_F(files, state_is_that_of_its_directory)
{
	_cleanup_strv_ struct strv names = { 0 };
	json *j;

	put_state(self->dir, "a", "{\"name\":\"a\"}");
	put_state(self->dir, "b", "{\"name\":\"a\"}");
	put_state(self->dir, "c", "[]");
	put_state(self->dir, ".d", "{\"name\":\".d\"}");
	put_state(self->dir, "../e", "{\"name\":\"../e\"}");
	j = guestfiles_load("a");
	EXPECT_NE(j, NULL);
	json_object_put(j);
	EXPECT_EQ(guestfiles_load("b"), NULL);
	EXPECT_EQ(guestfiles_load("c"), NULL);
	EXPECT_EQ(guestfiles_load(".d"), NULL);
	EXPECT_EQ(guestfiles_load("../e"), NULL);
	guestfiles_list(&names);
	EXPECT_EQ(names.n, 3);
}

/* QEMU has it open, and appends. */
TEST_F(files, a_log_stays_small)
{
	_cleanup_free_ char *path = xasprintf("%s/web.log", self->dir);
	_cleanup_free_ char *old = xasprintf("%s/web.log.old", self->dir);
	_cleanup_free_ char *text = NULL;
	struct guest g = { .name = "web" };
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	struct stat st;

	ASSERT_GE(fd, 0);
	ASSERT_EQ(write(fd, "a few words\n", 12), 12);
	guestfiles_bound_log(&g);
	ASSERT_EQ(stat(path, &st), 0);
	EXPECT_EQ(st.st_size, 12);
	for (int i = 0; i < 25000; i++)
		dprintf(fd, "qemu-system-x86_64: the same complaint, number %05d\n", i);
	guestfiles_bound_log(&g);
	dprintf(fd, "more\n");
	ASSERT_EQ(stat(path, &st), 0);
	EXPECT_EQ(st.st_size, 5);
	ASSERT_EQ(read_file(old, 1 << 20, &text, NULL), 0);
	EXPECT_LE(strlen(text), 256 * 1024);
	EXPECT_NE(strstr(text, "number 24999\n"), NULL);
	close(fd);
}

static struct guest *with_image(const char *name, const char *cwd, const char *drive)
{
	_cleanup_free_ char *text = xasprintf(
		"{\"name\":\"%s\",\"uuid\":\"" UUID "\",\"cwd\":\"%s\",\"user_argv\":[],"
		"\"argv\":[\"/qemu\",\"-drive\",\"file=%s,if=virtio\"],"
		"\"ram_path\":\"procfd\",\"ram\":[67108864]}",
		name, cwd, drive);
	_cleanup_json_ json *j = json_tokener_parse(text);
	struct guest *g = NULL;
	struct err e;

	return guest_from_json(j, &g, &e) < 0 ? NULL : g;
}

static struct guest *kept, *other;
static int while_running, while_kept, of_another, read_only, it_reads;
static struct err why;

static void with_drive(struct guest *g, const char *drive)
{
	strv_free(&g->argv);
	strv_add(&g->argv, "/qemu");
	strv_add(&g->argv, "-drive");
	strv_add(&g->argv, drive);
}

static void ask_for_images(void *unused)
{
	(void)unused;
	kept->state = GUEST_RUNNING; /* QEMU's locks are there */
	while_running = guestimages_free(other, &why);
	kept->state = GUEST_KEPT;
	while_kept = guestimages_free(other, &why);
	strv_free(&other->argv);
	strv_add(&other->argv, "/qemu");
	of_another = guestimages_free(other, &why);
	with_drive(other, "file=disk.img,readonly=on");
	read_only = guestimages_free(other, &why);
	/* A lock of QEMU's on what it reads keeps writers out, too. */
	with_drive(kept, "file=disk.img,readonly=on");
	with_drive(other, "file=link.img");
	it_reads = guestimages_free(other, &why);
	loop_quit();
}

TEST_F(files, an_image_of_a_kept_guest_is_its_own)
{
	_cleanup_free_ char *path = xasprintf("%s/disk.img", self->dir);
	_cleanup_free_ char *same = xasprintf("%s/link.img", self->dir);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	ASSERT_GE(fd, 0);
	close(fd);
	ASSERT_EQ(symlink(path, same), 0);
	kept = with_image("kept", self->dir, "disk.img");
	other = with_image("other", self->dir, same);
	ASSERT_NE(kept, NULL);
	ASSERT_NE(other, NULL);
	ASSERT_EQ(loop_init(), 0);
	task_start(ask_for_images, NULL);
	ASSERT_EQ(loop_run(), 0);
	EXPECT_EQ(while_running, 0);
	EXPECT_EQ(while_kept, -EBUSY);
	EXPECT_NE(strstr(why.text, "belongs to guest kept"), NULL);
	EXPECT_EQ(of_another, 0);
	EXPECT_EQ(read_only, 0);
	EXPECT_EQ(it_reads, -EBUSY);
}

TEST_HARNESS_MAIN
