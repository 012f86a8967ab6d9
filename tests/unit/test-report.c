// SPDX-License-Identifier: GPL-2.0-or-later

#include <stdio.h>
#include <sys/stat.h>

#include "clock.h"
#include "report.h"

#include "kselftest_harness.h"

static double number(json *obj, const char *key)
{
	json *v = NULL;

	json_object_object_get_ex(obj, key, &v);
	return v ? json_object_get_double(v) : -1;
}

TEST(phases_add_up_to_the_blackout_and_survive_the_file)
{
	static const char *const phases[] = { "stop",	  "save",   "preserve", "jump",	 "boot",
					      "retrieve", "launch", "load",	"resume" };
	char dir[] = "/tmp/vmkeep-report-XXXXXX", path[64];
	_cleanup_json_ json *index = json_object_new_object();
	struct handover_late late = { .complete = 1, .tsc_hz = 1000000000 };
	struct guest g = { .name = "g1",
			   .state = GUEST_RUNNING,
			   .ram.size = { .v = { 1 << 28 }, .n = 1 } },
		     kept = { .name = "g2", .state = GUEST_KEPT };
	json *guests, *first, *ms;
	struct stat st;
	double sum = 0;
	uint64_t now;

	clock_init();
	now = clock_start_tsc();
	ASSERT_NE(mkdtemp(dir), NULL);
	report_setup(dir);
	late.realtime_ns = clock_realtime_ns();
	late.tsc_jump = now;
	report_begin(index, &late);
	g.x.late = (struct handover_late){ .running = 1,
					   .state_bytes = 290000,
					   .tsc_stop = now - 4000000000U,
					   .tsc_stopped = now - 3990000000U,
					   .tsc_saved = now - 3950000000U,
					   .tsc_preserved = now - 3940000000U };
	g.x.tsc_retrieved = now + 10000000;
	g.x.tsc_launched = now + 200000000;
	g.x.tsc_loaded = now + 300000000;
	g.x.tsc_resumed = now + 310000000;
	report_guest(&g);
	snprintf(kept.kept_reason, sizeof(kept.kept_reason), "why");
	report_guest(&kept);
	report_guest(&g); /* replaces, does not add */
	report_save();

	snprintf(path, sizeof(path), "%s/report.json", dir);
	ASSERT_EQ(stat(path, &st), 0);
	guests = json_get(json_object_from_file(path), "guests", json_type_array);
	ASSERT_EQ(json_object_array_length(guests), 2);
	first = json_object_array_get_idx(guests, 0);
	EXPECT_STREQ(json_str(first, "name"), "g1");
	EXPECT_EQ((int)number(first, "blackout_ms"), 4310);
	ms = json_get(first, "phases_ms", json_type_object);
	for (size_t i = 0; i < ARRAY_SIZE(phases); i++)
		sum += number(ms, phases[i]);
	EXPECT_LT(sum - number(first, "blackout_ms"), 0.1);
	EXPECT_GT(sum - number(first, "blackout_ms"), -0.1);
	EXPECT_EQ((int)number(ms, "save"), 40);
	EXPECT_STREQ(json_str(json_object_array_get_idx(guests, 1), "reason"), "why");
	unlink(path);
	rmdir(dir);
}

TEST_HARNESS_MAIN
