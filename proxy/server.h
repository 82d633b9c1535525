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
#include "claim.h"
#include "conf.h"
#include "dirty.h"
#include "fence.h"
#include "op.h"
#include "proof.h"
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

/* Deletes of dirty keys that are on the way to one server at the same time. */
#define SERVER_DELETES 128
/* A predecessor's connections that are still listed after so long belong to a machine that is gone
 * or cut off; see proxy/REPLICATION.md. Our own that cannot be knocked at: another program has their ports. */
#define SERVER_FENCE_PATIENCE_MS 3000
/* The same before a server that may be trusted as it is: then clients wait for that. */
#define SERVER_OLD_PATIENCE_MS 300

/* What the farm decides when a server has proved what it can. */
enum server_verdict {
	SERVER_TRUST,	/* use it as it is */
	SERVER_CLEAN,	/* what is in its dirty list is deleted first, then copied */
	SERVER_SUSPECT, /* the same deletes; then use it as a follower, every key is to be compared */
	SERVER_EMPTY	/* flush it; everything is to be copied */
};

struct server;
struct server_ops {
	/* Is another server in use, or ready to be? Then this one may be put out for silence. */
	int (*others)(const struct server *s);
	/* s->proof is complete: server_decide() is to follow, now or later. */
	void (*proven)(struct server *s);
	/* A probe has read a marker that is not ours: another proxy serves. */
	void (*superseded)(struct server *s, const struct marker *m);
	/* It has answered the last marker that was written: s->claim.marked_epoch. */
	void (*marked)(struct server *s);
	/* The marker is not there any more, though nothing was lost. */
	void (*unmarked)(struct server *s);
	/* It is silent, and stays in use as the last one. */
	void (*overdue)(struct server *s);
	/* It came into use, or went out of it, or a try has failed. */
	void (*changed)(struct server *s);
};

enum server_phase {
	PHASE_ASK,   /* its proof is being asked for */
	PHASE_OLD,   /* proven; a predecessor's connections are waited for, for a moment */
	PHASE_WAIT,  /* the farm has not decided yet */
	PHASE_FENCE, /* decided; a predecessor's connections are waited for */
	PHASE_NAME,  /* decided; our own connections are being named */
	PHASE_FLUSH, /* decided; being emptied */
	PHASE_EMPTY, /* decided; emptied, and our connections are being named again */
	PHASE_DELETE /* decided; its dirty keys are being deleted */
};

struct server {
	const struct server_ops *ops;
	void *owner;
	struct addr addr;
	struct replica replica;
	struct stats_server stats, stats_before; /* since, and before, the last `stats reset` */
	struct fence fence;
	struct proof proof;
	struct dirty dirty; /* what it misses, or what is still to be copied to it */
	struct backend *conns;
	struct op *probes; /* one for each connection */
	unsigned n_conns, n_ready;
	uint64_t timeout_ms, connect_timeout_ms, hedge_ms;
	struct timer pace;    /* the next try; the end of patience while it comes into use */
	struct timer silence; /* runs while something is expected */
	struct timer hedge;   /* the same; see op.slow */
	struct timer probe;
	struct op errand; /* what is asked while FENCING and PROVING */
	uint8_t errand_busy;
	uint8_t tried;	    /* has been in use or has failed once */
	uint8_t silent;	    /* overdue, but the last one: nothing new is sent to it */
	uint8_t phase;	    /* enum server_phase, while PROVING */
	uint8_t verdict;    /* enum server_verdict */
	uint8_t last_look;  /* patience with a predecessor's connections ends with this listing */
	uint8_t incomplete; /* FILLING: everything is to be copied, not the dirty list only */
	uint64_t silent_since_ms;	       /* while silent */
	uint64_t old_until_ms, fence_until_ms; /* of PHASE_OLD; PHASE_FENCE */
	unsigned fence_blind;	 /* listings in a row with connections that cannot be knocked at */
	uint64_t waited_session; /* whose connections PHASE_OLD has waited for; 0: nobody's */
	struct op *deletes;	 /* SERVER_DELETES of them while PHASE_DELETE */
	uint32_t delete_at;
	unsigned n_deletes;
	struct claim claim;
	uint8_t kept;	  /* the farm that this one follows had it too */
	uint8_t swept;	  /* no key is there that belongs to other servers; see sweep.h */
	uint8_t in_epoch; /* the markers name it as current */
	uint64_t flushes; /* cmd_flush as we know it */
	uint64_t fill_done, fill_total;
	uint16_t tag;	 /* the farm's, for cas uniques; new each time it comes into use */
	uint16_t uses;	 /* how often it has come into use */
	uint16_t tagged; /* the use that tag is for */
	char version[32];
};

/* s is zeroed memory that stays where it is, with addr set. Does not connect yet. */
void server_setup(struct server *s, const struct server_ops *ops, void *owner,
		  const struct conf *conf);

/* The limits in conf: at the start, and when they have changed. */
void server_limits(struct server *s, const struct conf *conf);

/*
 * s, which is not set up yet, is to follow old, the same memcached of another farm that is about to
 * be stopped: what old has sent last is fenced, and its counters go on.
 */
void server_succeed(struct server *s, struct server *old);

/* Begins the first try. */
void server_start(struct server *s);

/* Has whoever was there last been waited for? It will not leave a clean marker any more. */
static inline int
server_has_waited(const struct server *s)
{
	return s->proof.ports != NULL && s->proof.ports_session == s->waited_session;
}

/* After ops->proven(), while PROVING: how it comes into use. why: a clause for the log. */
void server_decide(struct server *s, enum server_verdict verdict, const char *why);

/* Undecided still: its proof is asked for anew, ops->proven() follows. */
void server_ask_again(struct server *s);

/* It holds what it should: FILLING or SUSPECT -> CURRENT. */
void server_filled(struct server *s, const char *why);

/* It was promoted before it was full, and a fuller one is back: CURRENT -> FILLING. */
void server_behind(struct server *s);

/* Its items were flushed by a client's flush_all: what is ours has to be written anew. */
void server_flushed(struct server *s);

/* A write on the key is made without it. */
void server_misses(struct server *s, const char *key, size_t len);
/* More than a list of keys can say: flush_all, or it was not whole. */
void server_misses_all(struct server *s);

/* Puts it out of use: every operation ends as OP_LOST. why: a clause for the log. */
void server_out(struct server *s, const char *why);

/* Closes everything for good, without a word. */
void server_stop(struct server *s);
/* Frees what server_setup() has allocated; the turn in which it was stopped is over (io_turn()). */
void server_free(struct server *s);

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
