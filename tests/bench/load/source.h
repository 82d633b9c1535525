/*
 * source: which request comes next, and when: every key set once; or a mix of gets and sets by
 * chance, as fast as the answers come (closed loop) or at a fixed rate.
 *
 * At a fixed rate request j of connection c is due at start + (j * conns + c) / rate, rounded up to
 * a tick (a timer for each one would cost more than the request), whatever became of those before
 * it: what an answer that is late does to those behind it is in their latency, too (no
 * "coordinated omission").
 */
#ifndef MEMVIP_LOAD_SOURCE_H
#define MEMVIP_LOAD_SOURCE_H

#include <stdint.h>

#include "op.h"
#include "work.h"

#define SOURCE_TICK_NS 100000u

enum source_kind { SOURCE_NOTHING, SOURCE_EACH_KEY, SOURCE_MIX };

struct source {
	const struct work *work;
#define SOURCE_TICK_NS 100000u

	enum source_kind kind;
	uint64_t left;	   /* requests that may still begin */
	uint32_t next_key; /* SOURCE_EACH_KEY */
	uint64_t rng;
	uint64_t start_ns; /* the schedule's, where the rate is fixed */
};

void source_setup(struct source *s, const struct work *work);

/* What is asked from now on. left: how many at most. A schedule starts at now_ns. */
void source_begin(struct source *s,
#define SOURCE_TICK_NS 100000u

		  enum source_kind kind, uint64_t left, uint64_t now_ns);

/*
 * The next request of a connection, which has begun begun of the schedule's so far. Returns 0, or
 * -1: none is due.
 */
int source_next(struct source *s, unsigned conn, uint64_t begun, uint64_t now_ns, struct op *op);

/* When request n of all is due, where the rate is fixed. */
uint64_t source_due_ns(const struct source *s, uint64_t n);

/* Is there a schedule? */
int source_is_paced(const struct source *s);

#endif
