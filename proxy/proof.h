/*
 * proof: what a server says of itself before it is trusted: its marker, the lease beside it, how
 * much it holds and how often it was flushed.
 */
#ifndef MEMVIP_PROOF_H
#define MEMVIP_PROOF_H

#include <stdint.h>

#include "backend.h"
#include "marker.h"
#include "op.h"

struct proof {
	/* All was asked. why: NULL, or what makes the server unfit, a clause for the log. */
	void (*done)(struct proof *p, const char *why);
	struct backend *conn;
	struct op op;
	uint8_t step;
	uint8_t busy;
	uint8_t has_marker;
	uint8_t has_lease; /* not lapsed: its owner lived a few seconds ago */
	struct marker marker;
	char *marker_text; /* marker.current refers into it */
	char *ports;	   /* addresses of whoever wrote there last, joined by commas, or NULL */
	uint64_t ports_session;
	const char *unfit;   /* a clause for the log, or NULL */
	uint64_t marker_cas; /* 0: there is none */
	uint64_t curr_items, cmd_flush;
};

void proof_setup(struct proof *p, void (*done)(struct proof *p, const char *why));

/* Asks on conn; done() follows, unless the connection is lost. */
void proof_ask(struct proof *p, struct backend *conn);

/* The cas unique in a meta reply that was asked for it (c). */
uint64_t proof_cas(const struct op_reply *reply);

/* Forgets and frees. */
void proof_clear(struct proof *p);

#endif
