/*
 * flush: a client's flush_all in a proxy: a barrier. It travels on another connection than the key,
 * in no order with it; takes the markers along; and is answered when these are there again.
 */
#ifndef MEMVIP_MODEL_FLUSH_H
#define MEMVIP_MODEL_FLUSH_H

#include "world.h"

/* Does a flush_all keep others from beginning? */
int flush_gates(const struct world *w, unsigned n);
void flush_begins(struct world *w, unsigned i, unsigned n);

/* It waits still, and nothing is on the way any more. */
int flush_may_run(const struct world *w, unsigned i);
void flush_runs(struct world *w, unsigned i);

/* Server s has answered proxy n. */
void flush_answered(struct world *w, unsigned n, unsigned s);
/* Server s was put out. */
void flush_loses(struct world *w, struct client *c, unsigned s);
/* The new markers are there. */
int flush_is_marked(const struct world *w, unsigned n);

#endif
