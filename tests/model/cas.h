/*
 * cas: gets and cas in a proxy: the leader decides alone, and nobody passes until the follower has the
 * value. A token says whose unique it is.
 */
#ifndef MEMVIP_MODEL_CAS_H
#define MEMVIP_MODEL_CAS_H

#include "world.h"

/* Is a cas at work, so that others on the key wait? */
int cas_holds(const struct world *w, unsigned n);
/* Does the leader of proxy n take the client's token for one of its own? */
int cas_token_holds(const struct world *w, const struct client *c, unsigned n);
/* Client i relies on its token, which holds. */
void cas_begins(struct world *w, unsigned i, unsigned n);

/* Server s has answered gets (o: a hit), or client i's cas. */
void gets_answered(struct world *w, struct client *c, unsigned s, op_t o);
void cas_answered(struct world *w, unsigned i, unsigned s, op_t o);
/* Server s was put out before the leader has answered client i's cas. */
void cas_loses(struct world *w, unsigned i, unsigned s);

#endif
