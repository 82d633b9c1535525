/*
 * sweep: after the lists of servers were changed (another fingerprint in the markers), deletes from
 * each server the keys that belong to others now. Nobody keeps them up to date there, so a second
 * change of the lists, which might give them back, must not find them: until a server is swept its
 * marker says so, and whoever starts with other lists empties it.
 */
#ifndef MEMVIP_SWEEP_H
#define MEMVIP_SWEEP_H

#include "farm.h"

/* Deletes on the way at the same time. */
#define SWEEP_WINDOW 64
/* A listing misses keys that memcached moves meanwhile (see listing.h): so many have to find
 * nothing. */
#define SWEEP_PASSES 4

/*
 * Behind farm_start(), also after sweep_stop() and a turn (io_turn()); the farm is used by reference.
 * Looks after the servers by itself.
 */
void sweep_start(struct farm *farm);

/* Nothing more is begun. */
void sweep_stop(void);

#endif
