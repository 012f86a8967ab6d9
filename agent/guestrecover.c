// SPDX-License-Identifier: GPL-2.0-or-later
/* Guests that an earlier agent has left running, found again. */

#include <sys/syscall.h>

#include "guestfiles.h"
#include "log.h"
#include "spawn.h"

static int recover_one(json *j, struct guest **ret, struct err *e)
{
	pid_t pid = (pid_t)json_int(j, "pid", 0);
	struct guest *g = NULL;
	int r;

	if (!json_str(j, "boot_id") || strcmp(json_str(j, "boot_id"), boot_id()) != 0)
		return err_set(e, -ESRCH, "it is from an earlier boot");
	if (pid <= 0 || process_start_time(pid) != (uint64_t)json_int(j, "pid_start", -1))
		return err_set(e, -ESRCH, "its QEMU ended while no agent ran");
	r = guest_from_json(j, &g, e);
	if (r < 0 || !g)
		return r;
	*ret = g;
	g->parts = json_object_get(json_get(j, "parts", json_type_object));
	g->pid = pid;
	g->state = GUEST_STARTING;
	g->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (g->pidfd < 0)
		return err_set(e, -ESRCH, "its QEMU ended while no agent ran");
	guest_watch(g);
	if (guestram_find(&g->ram, pid, json_get(j, "ram_inodes", json_type_array)) < 0 ||
	    guestram_check(&g->ram, e) < 0)
		return err_set(e, -ESTALE,
			       "its QEMU (pid %d) does not hold the memory it was started with",
			       pid);
	r = guest_connect(g, e);
	if (r < 0)
		return r;
	r = guest_query_running(g, e);
	if (r < 0)
		return r;
	g->state = r ? GUEST_RUNNING : GUEST_PAUSED;
	if (json_flag(j, "committing"))
		guest_disarm(g);
	if (!g->parts) {
		/* The agent that brought it back died before it had settled that. */
		g->x.state_in_qemu = true;
		guest_take_state(g);
		guest_disarm(g);
		guest_note_parts(g);
	}
	if (!r && json_flag(j, "committing")) {
		/* The agent that stopped it for an update died before the jump. */
		if (guest_cont(g, GUEST_QMP_TIMEOUT_MS, e) < 0) {
			log_error(
				"%s: was stopped for an update whose agent died, and does not run: %s",
				g->name, e->text);
		} else {
			g->state = GUEST_RUNNING;
			log_warn("%s: was stopped for an update whose agent died: runs again",
				 g->name);
		}
	}
	return 0;
}

void guest_recover(void)
{
	_cleanup_strv_ struct strv names = { 0 };

	guestfiles_list(&names);
	for (size_t i = 0; i < names.n; i++) {
		_cleanup_json_ json *j = NULL;
		struct guest *g = NULL;
		struct err e = { "its state file cannot be read" };
		int r;

		if (guest_find(names.v[i])) /* just came over a jump */
			continue;
		j = guestfiles_load(names.v[i]);
		r = j ? recover_one(j, &g, &e) : -EBADMSG;
		if (r == 0 && g) {
			log_info("%s: found again, pid %d", g->name, g->pid);
			guest_remember(g);
			continue;
		}
		log_error("%s: not taken over: %s", names.v[i], e.text);
		if (r == -ESRCH)
			guestfiles_forget(names.v[i]);
		/* Otherwise its QEMU runs: left alone, with its files, for its user to look after. */
		if (g && g->gone) {
			guest_remove(g);
		} else if (g) {
			guest_let_go(g);
		}
	}
}
