/*
 * claim: what says on a server that it is ours, and the watch over it: the marker, the ports, the
 * lease (marker.h). All of it travels on the server's first connection.
 *
 *   claim_mark() ─► by cas on the marker seen last ─► marked()
 *                          └ another one is there ──► foreign()
 *   claim_watch() ─► foreign() | missing()
 */
#ifndef MEMVIP_CLAIM_H
#define MEMVIP_CLAIM_H

#include <stddef.h>
#include <stdint.h>

#include "backend.h"
#include "marker.h"
#include "op.h"

/* The lease that is renewed with each probe lapses after so many seconds. */
#define CLAIM_LEASE_S 10

struct claim;
struct claim_ops {
	/* The server has answered the last marker that was written: claim.marked_epoch. */
	void (*marked)(struct claim *c);
	/* A marker of another session is there: another proxy serves. */
	void (*foreign)(struct claim *c, const struct marker *m);
	/* The marker is not there any more, though nothing was lost. */
	void (*missing)(struct claim *c);
	/* It does not store the marker. */
	void (*refused)(struct claim *c);
	/* It has answered claim_ports(): are they there? */
	void (*named)(struct claim *c, int stored);
};

struct claim {
	const struct claim_ops *ops;
	struct backend *conns; /* the server's; the first one carries the claim */
	unsigned n_conns;
	uint64_t session;      /* ours; set by the owner */
	uint64_t marked_epoch; /* of the marker that the server has answered; 0: none */
	uint64_t sent_epoch;   /* of the one that was sent last */
	uint64_t next_epoch;   /* of text */
	uint64_t cas;	       /* of the marker that we saw last; 0: there was none */
	char *text;	       /* the marker it is to keep, with \r\n; len without */
	size_t len;
	struct op mark_op, watch_op, lease_op, ports_op, look_op;
	uint8_t mark_busy, mark_again, watch_busy, lease_busy, ports_busy, look_busy;
};

/* conns and ops are used by reference. */
void claim_setup(struct claim *c, const struct claim_ops *ops, struct backend *conns,
		 unsigned n_conns);
/* Frees what it holds. */
void claim_clear(struct claim *c);

/* The server was asked what marker it has: its cas unique, 0: none. */
static inline void
claim_seen(struct claim *c, uint64_t cas)
{
	c->cas = cas;
}

/* The server was emptied: marker, ports and lease have to be written anew. Writes the ports. */
void claim_flushed(struct claim *c);

/* Writes the marker (n bytes, copied); marked() follows when the last one was answered. */
void claim_mark(struct claim *c, const char *text, size_t n, uint64_t epoch);

/* Says that we live. */
void claim_lease(struct claim *c);

/*
 * Names our ends of the connections, for a successor's fence: before the first write is sent on
 * them. named() follows.
 */
void claim_ports(struct claim *c);

/*
 * They are to stay there: a look, which keeps them from being evicted, and where they were, they are
 * named anew; never over those of another proxy.
 */
void claim_keep_ports(struct claim *c);

/* Looks what the marker is now. */
void claim_watch(struct claim *c);

/* Is op one of ours, which a lost server may lose? */
int claim_has_op(const struct claim *c, const struct op *op);

#endif
