/*
 * mirror: keeps what clients read alive on the follower too. memcached evicts what was not read
 * while it went through the LRU; so hits are told to the follower (mg without flags): each key's once
 * in a while, at most one for ten reads. What the follower turns out to lack is copied.
 *
 * How often is often enough depends on its memory and on what is written, and is found out: twice as
 * often when it lacks what it was told of, more and more seldom while it does not.
 */
#ifndef MEMVIP_MIRROR_H
#define MEMVIP_MIRROR_H

#include <stddef.h>

#include "server.h"

/* Copies under way because a mirrored hit was a miss. */
#define MIRROR_COPIES 64

/* A client's get has hit at the leader. follower: NULL or a server in any state. */
void mirror_hit(struct server *follower, struct server *leader, const char *key, size_t len);

/* The same for every item of the reply (OP_ITEM, OP_GET). */
void mirror_hits(struct server *follower, struct server *leader, const struct op_reply *reply);

#endif
