/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One guest's restart: what the two methods (restartrelaunch.h, restartexec.h) have in common. */
#ifndef VMKEEP_RESTARTONE_H
#define VMKEEP_RESTARTONE_H

#include "guest.h"

enum restart_method { RESTART_AUTO, RESTART_EXEC, RESTART_RELAUNCH };

/**
 * struct restart - One guest's restart, or the rehearsal of one.
 * @g:		The guest.
 * @heir:	The same with its new QEMU; by exec only a description of it.
 * @tsc_launch:	Time-stamp counter: the new QEMU was about to be started (not by exec),
 * @tsc_launched: and answered.
 * @tsc_ready:	The state was saved and the new QEMU there to load it,
 * @tsc_loaded:	it had,
 * @tsc_resumed: and the guest ran on.
 */
struct restart {
	struct guest *g, *heir;
	bool rehearsal;
	enum restart_method method;
	uint64_t tsc_launch, tsc_launched, tsc_ready, tsc_loaded, tsc_resumed;
};

/** restart_tell() - What restart_guests() returns of one guest. */
json *restart_tell(const struct restart *r);

/** restart_forget_note() - No agent that finds @g has anything to settle any more; guest_remember() makes it so. */
void restart_forget_note(struct guest *g);

/** restart_set_clock() - Have the agent in the guest set its clock, if it has one. Does not wait. */
void restart_set_clock(struct guest *g);

/** restart_run_again() - The guest that was to be restarted goes on in the QEMU it had. */
void restart_run_again(struct restart *r);

/** restart_put_away() - After restart_run_again(): nothing is left in the guest's QEMU of what was got ready. */
void restart_put_away(struct guest *g);

#endif
