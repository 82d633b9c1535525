/*
 * farm: the servers, and who leads and who follows for a key. It does not know clients.
 */
#ifndef MEMVIP_FARM_H
#define MEMVIP_FARM_H

#include <stddef.h>
#include <stdint.h>

#include "conf.h"
#include "epoch.h"
#include "gate.h"
#include "ring.h"
#include "server.h"

struct farm {
	struct server *servers;
	unsigned n;
	struct ring ring;
	struct epoch epoch; /* its fill, give_up and closed are set by whoever starts the farm */
	uint16_t tags;	    /* the last one given out */
};

/* Where a key's commands go. leader NULL: no usable server; follower NULL: only one. */
struct route {
	struct server *leader, *follower;
};

enum route_for { ROUTE_READ, ROUTE_WRITE };

/* Where the servers of the lists are, in the lists' order. */
struct farm_addrs {
	struct addr servers[CONF_SERVERS_MAX], backups[CONF_SERVERS_MAX];
};

/* Looks them up (host names: may block). Returns 0, or -1 with one line in why (size bytes). */
int farm_lookup(struct farm_addrs *out, const struct conf *conf, char *why, size_t size);
/* Is no host name among them? Then that does not block. */
int farm_is_literal(const struct conf *conf);

/*
 * Makes *f of the lists of servers and backups. Returns 0, or -1 with one line in why (size bytes);
 * farm_free() is for both.
 */
int farm_resolve(struct farm *f, const struct conf *conf, const struct farm_addrs *addrs, char *why,
		 size_t size);

/* Where the servers are of which f was made. */
void farm_addrs(const struct farm *f, struct farm_addrs *out);

/*
 * f, which was made and not started, is to follow old in this process: old's markers are clean, or it
 * is as if it had crashed. Moves what is known of the servers that stay; old is to be stopped next.
 */
void farm_succeed(struct farm *f, struct farm *old);

/* Begins to connect; closes gate until every server has answered or failed. */
void farm_start(struct farm *f, const struct conf *conf, struct gate *gate);

/* Closes every connection; every op ends as OP_LOST. */
void farm_stop(struct farm *f);
/* The end of it; the turn in which it was stopped is over (io_turn()). */
void farm_free(struct farm *f);

/*
 * Who leads and who follows for a key. ROUTE_WRITE: the write is about to be made, so a home of the
 * key that is not in use misses it and will be emptied before it is trusted again.
 */
struct route farm_route(struct farm *f, const char *key, size_t len, enum route_for what);

/* flush_all is about to be made: the same for every server. */
void farm_flushes(struct farm *f);

/* "leader", "follower" or "none", as `stats servers` shows it. */
const char *farm_role(struct farm *f, const struct server *s);

/* Is nothing on the way to a server that is in use? */
int farm_is_quiet(const struct farm *f);

/* The oldest version among the servers that are in use ("1.6.18"): clients look for features. */
const char *farm_version(const struct farm *f);

/*
 * cas uniques are counters of one server. The number that a client gets carries in its upper bits
 * which server gave it and since when that one is in use (bits 48 to 62; the highest stays 0, for
 * clients that parse a signed number): after a change of leader it can match no more.
 */
uint64_t farm_cas_out(const struct server *s, uint64_t unique);
/* The server's own unique; UINT64_MAX, which no item has, when the token is not of s as it is. */
uint64_t farm_cas_in(const struct server *s, uint64_t token);

#endif
