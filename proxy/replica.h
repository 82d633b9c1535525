/*
 * replica: what one server is to us. A state machine without descriptors and timers: events go in,
 * the new state and what to do next come out.
 *
 *   DOWN ──TRY──► CONNECTING ──READY──► FENCING ──FENCED──► PROVING ──TRUSTED──────► CURRENT
 *    ▲                                                         │                       ▲
 *    │                                                         ├─EMPTIED─► FILLING ──FILLED
 *    │                                                         └─SUSPECTED─► SUSPECT ──┘
 *    │                                    FILLING ◄─BEHIND─ CURRENT
 *    └──────────────────────────── LOST, from anywhere ────────────────────────────────┘
 *
 * One function makes the transitions and logs each of them.
 */
#ifndef MEMVIP_REPLICA_H
#define MEMVIP_REPLICA_H

#include <stdint.h>

/* Retries back off from the first to the last; a server that was in use this long starts anew. */
#define REPLICA_RETRY_FIRST_MS 100
#define REPLICA_RETRY_LAST_MS  5000
#define REPLICA_STEADY_MS      10000

enum replica_state {
	REPLICA_DOWN,
	REPLICA_CONNECTING,
	REPLICA_FENCING, /* connected; is nothing of our earlier connections left at it? */
	REPLICA_PROVING, /* connected; whether its items can be trusted is being settled */
	REPLICA_FILLING, /* it may lack items; written to, read from where no current server lives */
	REPLICA_SUSPECT, /* the same, and it may hold what it should not */
	REPLICA_CURRENT
};

enum replica_event {
	REPLICA_EV_TRY,	      /* it is time to connect */
	REPLICA_EV_READY,     /* all its connections have answered */
	REPLICA_EV_FENCED,    /* it has executed or dropped all that was sent to it before */
	REPLICA_EV_TRUSTED,   /* it holds what it should */
	REPLICA_EV_SUSPECTED, /* its predecessor's last writes may have reached it alone, or not */
	REPLICA_EV_EMPTIED,   /* nothing is in it that should not be */
	REPLICA_EV_BEHIND,    /* it was promoted half filled, and a fuller one is back */
	REPLICA_EV_FILLED,    /* it holds what the leader holds; or nobody else holds anything */
	REPLICA_EV_LOST	      /* dead, silent, or talking nonsense */
};

enum replica_action {
	REPLICA_DO_NOTHING,
	REPLICA_DO_CONNECT,
	REPLICA_DO_FENCE,
	REPLICA_DO_PROVE,
	REPLICA_DO_RETRY /* send REPLICA_EV_TRY after retry_ms */
};

struct replica {
	const char *name; /* for the log; kept by reference */
	enum replica_state state;
	/* A write was made without it: nothing that it holds may be served before it was emptied. */
	uint8_t stale;
	uint8_t told;	   /* that it cannot be reached was logged; not again until it was */
	uint8_t others;	   /* for the log: its keys have another copy in use while it is out */
	uint32_t retry_ms; /* the pause before the next try */
	uint64_t since_ms; /* when the state was entered (mono_ms) */
	uint64_t out_ms;   /* when it went out of use, or the start */
};

void replica_init(struct replica *r, const char *name, uint64_t now_ms);

/*
 * The one place that changes r->state. why: a clause for the log ("connection refused"), or NULL.
 * An event that means nothing in this state changes nothing and returns REPLICA_DO_NOTHING.
 */
enum replica_action replica_event(struct replica *r, enum replica_event ev, uint64_t now_ms,
				  const char *why);

/* The process ends: down, without a word. */
static inline void
replica_stop(struct replica *r)
{
	r->state = REPLICA_DOWN;
}

/* "current", "filling", … as `stats servers` shows them. */
const char *replica_state_name(enum replica_state s);

/* Takes part in every write. */
static inline int
replica_usable(const struct replica *r)
{
	return r->state >= REPLICA_FILLING;
}

#endif
