// SPDX-License-Identifier: GPL-2.0-or-later
/* What is stored of a guest is run as root: only what is whole, known and root's own is taken. */

#include <stdio.h>
#include <sys/stat.h>

#include "definitionfiles.h"

#include "kselftest_harness.h"

#define GOOD                                                                                   \
	"{\"name\":\"web\",\"memory\":[2097152,4194304],\"argv\":[\"/bin/q\",\"-M\",\"q35\"]," \
	"\"user\":null,\"cwd\":\"/srv\",\"priority\":-3,\"autostart\":true}"

FIXTURE(files)
{
	char dir[64];
};

FIXTURE_SETUP(files)
{
	snprintf(self->dir, sizeof(self->dir), "/tmp/vmkeep-define-XXXXXX");
	ASSERT_NE(mkdtemp(self->dir), NULL);
	definitionfiles_setup(self->dir);
}

FIXTURE_TEARDOWN(files)
{
	_cleanup_free_ char *command = xasprintf("rm -rf %s", self->dir);

	ASSERT_EQ(system(command), 0);
}

static char *path_of(const char *dir, const char *file)
{
	return xasprintf("%s/guests/%s", dir, file);
}

static void put(const char *dir, const char *file, const char *text, mode_t mode)
{
	_cleanup_free_ char *guests = path_of(dir, ""), *path = path_of(dir, file);

	mkdir_parents(guests, 0700);
	write_file_atomic(path, text, strlen(text));
	chmod(path, mode);
}

static int save(const char *text, bool replace, struct err *e)
{
	_cleanup_json_ json *j = json_tokener_parse(text);

	return definitionfiles_save(j, replace, e);
}

TEST_F(files, comes_back_as_it_was)
{
	_cleanup_definition_ struct definition d = { 0 };
	_cleanup_free_ char *path = path_of(self->dir, "web.json");
	struct stat st;
	struct err e = { "" };

	ASSERT_EQ(save(GOOD, false, &e), 0)
	{
		TH_LOG("%s", e.text);
	}
	ASSERT_EQ(stat(path, &st), 0);
	EXPECT_EQ(st.st_mode, S_IFREG | 0600);
	ASSERT_EQ(definitionfiles_load("web", &d, &e), 0)
	{
		TH_LOG("%s", e.text);
	}
	EXPECT_STREQ(d.spec.name, "web");
	EXPECT_EQ(d.spec.user, NULL);
	EXPECT_STREQ(d.spec.cwd, "/srv");
	EXPECT_EQ(d.spec.ram_path, NULL);
	EXPECT_EQ(d.spec.memory.n, 2);
	EXPECT_EQ(d.spec.memory.v[1], 4194304);
	EXPECT_EQ(d.spec.argv.n, 3);
	EXPECT_STREQ(d.spec.argv.v[2], "q35");
	EXPECT_EQ(d.spec.priority, -3);
	EXPECT_TRUE(d.autostart);
}

TEST_F(files, is_replaced_only_when_told_and_removed)
{
	static const char other[] =
		"{\"name\":\"web\",\"memory\":[2097152],\"argv\":[\"/bin/other\"]}";
	_cleanup_definition_ struct definition d = { 0 }, old = { 0 };
	struct err e;

	ASSERT_EQ(save(GOOD, false, &e), 0);
	EXPECT_EQ(save(other, false, &e), -EEXIST);
	ASSERT_EQ(definitionfiles_load("web", &old, &e), 0);
	EXPECT_STREQ(old.spec.argv.v[0], "/bin/q");
	EXPECT_EQ(save(other, true, &e), 0);
	ASSERT_EQ(definitionfiles_load("web", &d, &e), 0);
	EXPECT_STREQ(d.spec.argv.v[0], "/bin/other");
	EXPECT_FALSE(d.autostart);
	EXPECT_EQ(definitionfiles_remove("web", &e), 0);
	EXPECT_EQ(definitionfiles_remove("web", &e), -ENOENT);
	EXPECT_EQ(definitionfiles_load("web", &d, &e), -ENOENT);
}

TEST_F(files, a_name_cannot_lead_elsewhere)
{
	static const char *const names[] = { "../x", "a/b", "/etc/x", ".x", "-x", "", ".." };
	struct definition d;
	struct err e;

	put(self->dir, "web.json", GOOD, 0600);
	put(self->dir, "../x.json", GOOD, 0600);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		_cleanup_json_ json *j = json_tokener_parse(GOOD);

		json_set_str(j, "name", names[i]);
		EXPECT_EQ(definitionfiles_save(j, true, &e), -EINVAL);
		EXPECT_EQ(definitionfiles_load(names[i], &d, &e), -ENOENT);
		EXPECT_EQ(definitionfiles_remove(names[i], &e), -ENOENT);
	}
}

TEST_F(files, broken_ones_say_where_and_what_to_do)
{
	static const struct {
		const char *text;
		const char *says;
	} bad[] = {
		{ "", "line 1: " },
		{ "{\n\n\"name\":\"web\",,", "line 3: " },
		{ "{\"name\":\"web\"", "line 1: " },
		{ GOOD "\n\n{}", "more than one" },
		{ "[]", "no JSON object" },
		{ "{\"memory\":[2097152],\"argv\":[\"/bin/q\"]}", "\"name\": is needed" },
		{ "{\"name\":\"other\",\"memory\":[2097152],\"argv\":[\"/bin/q\"]}",
		  "\"name\": must be web" },
		{ "{\"name\":\"web\",\"argv\":[\"/bin/q\"]}", "\"memory\": is needed" },
		{ "{\"name\":\"web\",\"memory\":[0],\"argv\":[\"/bin/q\"]}", "--memory: " },
		{ "{\"name\":\"web\",\"memory\":[2097152]}", "\"argv\": is needed" },
		{ "{\"name\":\"web\",\"memory\":[2097152],\"argv\":[]}", "\"argv\": " },
		{ "{\"name\":\"web\",\"memory\":[2097152],\"argv\":[\"q\"]}", "\"argv\": " },
		{ "{\"name\":\"web\",\"memory\":[2097152],\"argv\":[\"/bin/q\",1]}", "\"argv\": " },
		/* As if it were not there, it would be root. */
		{ "{\"name\":\"web\",\"memory\":[2097152],\"argv\":[\"/bin/q\"],\"user\":0}",
		  "\"user\": must be of type string" },
		{ "{\"name\":\"web\",\"memory\":[2097152],\"argv\":[\"/bin/q\"],\"usr\":\"x\"}",
		  "\"usr\": there is no such key" },
		{ "{\"name\":\"web\",\"memory\":[2097152],\"argv\":[\"/bin/q\"],\"cwd\":\"x\"}",
		  "\"cwd\": " },
		{ "{\"name\":\"web\",\"memory\":[2097152],\"argv\":[\"/bin/q\"],\"priority\":1001}",
		  "--priority: " },
		{ "{\"name\":\"web\",\"memory\":[2097152],\"argv\":[\"/bin/q\"],\"autostart\":1}",
		  "\"autostart\": " },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct definition d;
		struct err e = { "" };

		put(self->dir, "web.json", bad[i].text, 0600);
		EXPECT_LT(definitionfiles_load("web", &d, &e), 0);
		EXPECT_NE(strstr(e.text, bad[i].says), NULL)
		{
			TH_LOG("%s: %s", bad[i].text, e.text);
		}
		EXPECT_NE(strstr(e.text, "/guests/web.json: "), NULL);
		EXPECT_NE(strstr(e.text, "mend it"), NULL);
	}
}

TEST_F(files, only_root_can_have_written_it)
{
	_cleanup_free_ char *path = path_of(self->dir, "web.json"),
			    *fifo = path_of(self->dir, "fifo.json"),
			    *link = path_of(self->dir, "link.json");
	struct definition d = { 0 };
	struct err e;

	put(self->dir, "web.json", GOOD, 0620);
	EXPECT_EQ(definitionfiles_load("web", &d, &e), -EPERM);
	chmod(path, 0602);
	EXPECT_EQ(definitionfiles_load("web", &d, &e), -EPERM);
	chmod(path, 0644);
	EXPECT_EQ(definitionfiles_load("web", &d, &e), 0);
	definition_free(&d);
	if (chown(path, 65534, 65534) == 0) {
		EXPECT_EQ(definitionfiles_load("web", &d, &e), -EPERM);
	}
	/* and reading it holds nobody up */
	ASSERT_EQ(mkfifo(fifo, 0600), 0);
	EXPECT_EQ(definitionfiles_load("fifo", &d, &e), -EINVAL);
	ASSERT_EQ(symlink("web.json", link), 0);
	EXPECT_EQ(definitionfiles_load("link", &d, &e), -ELOOP);
}

TEST_F(files, too_long_is_refused)
{
	char *text = xmalloc0(DEFINITION_BYTES_MAX + 64);
	struct definition d;
	struct err e;

	memset(text, ' ', DEFINITION_BYTES_MAX + 32);
	memcpy(text, GOOD, strlen(GOOD));
	put(self->dir, "web.json", text, 0600);
	EXPECT_EQ(definitionfiles_load("web", &d, &e), -EFBIG);
	free(text);
}

TEST_F(files, the_list_is_of_definitions_and_sorted)
{
	_cleanup_strv_ struct strv names = { 0 };

	definitionfiles_list(&names); /* no directory yet: none */
	EXPECT_EQ(names.n, 0);
	put(self->dir, "web.json", GOOD, 0600);
	put(self->dir, "db.json", "broken", 0600);
	put(self->dir, "web.json.bak", GOOD, 0600);
	put(self->dir, ".hidden.json", GOOD, 0600);
	put(self->dir, ".json", GOOD, 0600);
	definitionfiles_list(&names);
	ASSERT_EQ(names.n, 2);
	EXPECT_STREQ(names.v[0], "db");
	EXPECT_STREQ(names.v[1], "web");
}

TEST_HARNESS_MAIN
