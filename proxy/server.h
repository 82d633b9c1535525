/*
 * server: one memcached: its connections, its way back into use, its silence. It decides nothing
 * that needs a second server; for that it asks the farm through struct server_ops.
 */
#ifndef MEMVIP_SERVER_H
#define MEMVIP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "backend.h"
#include "fence.h"
#include "op.h"
#include "replica.h"
#include "ring.h"
#include "stats.h"
#include "timer.h"

/* An idle connection is asked something this often: a frozen server is noticed, and nobody
 * between closes the connection for being idle. */
#define SERVER_PROBE_MS 1000
/* A fence that is not clear yet is looked at again after so long. */
#define SERVER_FENCE_MS 20
/* An operation this many timeouts old is overdue, even if the server dribbles bytes. */
#define SERVER_DRIBBLE 10
/* A timer that fires later than this was paused: every deadline moves by the pause. */
#define SERVER_PAUSE_MS 50

struct server;
struct server_ops {
	/* Is another server in use, or ready to be? Then this one may be put out for silence. */
	int (*others)(const struct server *s);
	/* Does a server that is not in use hold writes that s has missed? s waits a while for it. */
	int (*truth_elsewhere)(const struct server *s);
	/* It came into use, or went out of it, or a try has failed. */
	void (*changed)(struct server *s);
};

struct server {
	const struct server_ops *ops;
	void *owner;
	struct addr addr;
	struct replica replica;
	struct stats_server stats;
	struct fence fence;
	struct backend *conns;
	struct op *probes; /* one for each connection */
	unsigned n_conns, n_ready;
	uint64_t timeout_ms, connect_timeout_ms;
	struct timer pace;    /* the next try; the end of patience while it comes into use */
	struct timer silence; /* runs while something is expected */
	struct timer probe;
	struct op errand; /* what is asked while FENCING and PROVING */
	uint8_t errand_busy;
	uint8_t waited; /* for the truth elsewhere */
	uint8_t tried;	/* has been in use or has failed once */
	uint8_t silent; /* overdue, but the last one: nothing new is sent to it */
	uint16_t tag;	/* the farm's, for cas uniques; new each time it comes into use */
	char version[32];
};

/* s is zeroed memory that stays where it is, with addr set. Does not connect yet. */
void server_setup(struct server *s, const struct server_ops *ops, void *owner, unsigned n_conns,
		  uint64_t timeout_ms, uint64_t connect_timeout_ms);

/* Begins the first try. */
void server_start(struct server *s);

/* Puts it out of use: every operation ends as OP_LOST. why: a clause for the log. */
void server_out(struct server *s, const char *why);

/* Closes everything for good, without a word; frees what server_setup() has allocated. */
void server_stop(struct server *s);

/* New operations may be given to it. */
static inline int
server_usable(const struct server *s)
{
	return replica_usable(&s->replica) && !s->silent && !s->replica.stale;
}

/* The connection on which a key always travels. */
static inline struct backend *
server_conn(struct server *s, const char *key, size_t len)
{
	return &s->conns[ring_slot(key, len, s->n_conns)];
}

/* Operations that wait for an answer. */
unsigned server_in_flight(const struct server *s);

#endif
