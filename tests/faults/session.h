/*
 * session: one client connection, with a few operations on their way at a time, which comes back
 * when it breaks.
 *
 *   session_start ──► poll(session_events) ──► session_ready ──► session_turn ──► poll ...
 */
#ifndef MEMVIP_FAULTS_SESSION_H
#define MEMVIP_FAULTS_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "op.h"

#define SESSION_DEPTH_MAX 8
#define SESSION_SIDES	  2

struct session_rules {
	struct addr to;
	struct addr from[SESSION_SIDES]; /* a side's own address; len 0: any */
	int held[SESSION_SIDES];	 /* the side begins no connection now */
	unsigned depth;	  /* operations on their way at most, up to SESSION_DEPTH_MAX */
	uint64_t pace_us; /* between two operations on average */
	uint64_t
	    patience_us; /* an answer that takes longer does not come: the connection is broken */
};

struct session {
	const struct session_rules *rules;
	struct op_world *world;
	struct judge *judge; /* of what it begins */
	unsigned n, side;
	uint64_t rng;
	int fd; /* -1: none */
	int connected;
	int stopped;	/* begins nothing by itself any more */
	int told;	/* that it is broken */
	uint64_t at_us; /* the next operation; without a connection: the next try */
	struct op fifo[SESSION_DEPTH_MAX];
	unsigned first, pending; /* of the fifo */
	char *in, *out;
	size_t in_len, out_len, out_sent;
	size_t data_len; /* of the data block that is awaited */
	int data;	 /* one is awaited */
};

void session_start(struct session *s, unsigned n, const struct session_rules *rules,
		   struct op_world *world, struct judge *judge, uint64_t seed);
void session_free(struct session *s);
/* From the outside: its connection ends, what is on its way is not answered. */
void session_break(struct session *s, const char *why);
/* The same, if an answer is awaited since that long. */
void session_give_up(struct session *s, uint64_t waited_us);

/* What to poll s->fd for. */
short session_events(const struct session *s);
void session_ready(struct session *s, short revents);
/* Begins, sends and gives up what is due. Returns when to be called next at the latest. */
uint64_t session_turn(struct session *s);

/* Nothing further is begun but by session_ask(). */
void session_stop(struct session *s);
/* Begins this one. Returns -1 when it cannot: too much on its way, or no connection. */
int session_ask(struct session *s, const struct op *op);

#endif
