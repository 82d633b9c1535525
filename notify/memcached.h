/* memcached: what one server says of itself, for check-setup. */
#ifndef MEMVIP_MEMCACHED_H
#define MEMVIP_MEMCACHED_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

#define MEMCACHED_TEXT_MAX 128

struct memcached {
	char version[32];
	char inter[MEMCACHED_TEXT_MAX]; /* where it listens: "NULL" is everywhere */
	uint64_t udp_port;		/* 0: none */
	uint64_t max_bytes, item_size_max, items;
	int flush, listing, cas, evicts; /* 0: switched off (-F, -X, -C, -M) */
	int auth;			 /* it wants a password (-Y) */
	char owner[MEMCACHED_TEXT_MAX];	 /* whose marker is in it, "": none */
	int in_use;			 /* and that one lives, and serves */
};

/*
 * Asks it. Returns 0, or -1 with a line in err. What the server does not tell (an old one) is as it is
 * by default.
 */
int memcached_ask(struct memcached *m, const struct addr *to, int timeout_ms, char *err,
		  size_t size);

/* Takes one line of an answer: no I/O. */
void memcached_line(struct memcached *m, const char *line);

/* Is the version at least major.minor? Returns 1 or 0. */
int memcached_is(const struct memcached *m, unsigned major, unsigned minor);

#endif
