/*
 * listing: the keys that a server holds, from `lru_crawler metadump all` on a connection of its
 * own (doc/protocol.txt, "lru_crawler"): a line a key, no values, then END. A live walk along the
 * LRU: a key may be named twice, and one that is moved up by a hit meanwhile may be missed (whoever
 * fills a server sees the hits too). Not `metadump hash`, which misses none: while its reader
 * pauses, memcached 1.6.18 holds the lock of an item, and worker threads get stuck on it.
 */
#ifndef MEMVIP_LISTING_H
#define MEMVIP_LISTING_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "io.h"
#include "timer.h"

/* Without a line for so long a listing has failed. */
#define LISTING_PATIENCE_MS 10000
/* Another listing is under way there: asked again after so long. */
#define LISTING_BUSY_MS 200

struct listing {
	struct io io;
	/* One key. Returns 1 to go on, 0 to pause until listing_resume(); it was taken either way. */
	int (*key)(struct listing *l, const char *key, size_t len);
	/* The end: why is NULL when all keys were named, else a clause for the log. */
	void (*end)(struct listing *l, const char *why);
	void *arg;
	const struct addr *server;
	struct timer patience;
	uint8_t running;
	uint8_t paused;
};

/* Once; arg and the callbacks are set by the caller. */
void listing_setup(struct listing *l);

/* Connects and asks. Returns 0, or -1 with errno set. */
int listing_start(struct listing *l, const struct addr *server);
void listing_resume(struct listing *l);
/* Ends it without a word. */
void listing_stop(struct listing *l);

#endif
