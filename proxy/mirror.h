/*
 * mirror: keeps what clients read alive on the follower too. memcached moves an item up its LRU at
 * most once in 60 s; so the first hit of a key in that time is told to the follower (mg without
 * flags), at most one for ten reads. What the follower turns out to lack is copied.
 */
#ifndef MEMVIP_MIRROR_H
#define MEMVIP_MIRROR_H

#include <stddef.h>

#include "server.h"

/* Copies under way because a mirrored hit was a miss. */
#define MIRROR_COPIES 64

/* A client's get has hit at the leader. follower: NULL or a server in any state. */
void mirror_hit(struct server *follower, struct server *leader, const char *key, size_t len);

#endif
