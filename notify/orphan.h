/* orphan: the VIP that a dead keepalived has left behind is taken away from this machine. */
#ifndef MEMVIP_ORPHAN_H
#define MEMVIP_ORPHAN_H

#include "site.h"
#include "state.h"

/*
 * Takes it away from every interface that has it, a bounded number, or leaves it there (keep_vip).
 * What cannot be done is told to the log; note says what was left, for status, and else stays.
 */
void orphan_abandon(const struct site *site, char note[STATE_NOTE_MAX]);

#endif
