/*
 * ketama: a circle of points that spreads keys over servers by weight, so that a server more or
 * less moves few of them. Point for point the one of libmemcached's
 * MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED: a client that has the same list, written the same, looks for a
 * key on the same server.
 */
#ifndef MEMVIP_KETAMA_H
#define MEMVIP_KETAMA_H

#include <stddef.h>
#include <stdint.h>

/* A server as it is written in the list: its name, and not what it resolves to, makes its points. */
struct ketama_server {
	const char *host; /* without an IPv6 address's brackets */
	uint16_t port;
	uint32_t weight; /* 1 or more */
};

/* Keys whose hash is up to value, and above the previous point's, live here. */
struct ketama_point {
	uint32_t value;
	uint16_t server; /* its place in the list */
	uint16_t other;	 /* the next server round the circle that is another one */
};

struct ketama {
	unsigned n;
	struct ketama_point points[]; /* by value */
};

/*
 * The circle of a list of n servers, 2 to 65535 of them. Keeps no pointer into the list. Returns
 * NULL when there is no memory; the caller frees it with free().
 */
struct ketama *ketama_new(const struct ketama_server *list, unsigned n);

/* Points that server i of the list gets: 160 on average; 0 where its weight is next to nothing. */
unsigned ketama_share(const struct ketama_server *list, unsigned n, unsigned i);

/* Where on the circle a key is. */
uint32_t ketama_hash(const char *key, size_t len);

/* The point that a hash belongs to. Never NULL. */
const struct ketama_point *ketama_find(const struct ketama *k, uint32_t hash);

#endif
