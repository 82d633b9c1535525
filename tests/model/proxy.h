/*
 * proxy: what happens inside a proxy, at once, when something has come in: the part that stands for
 * memvip-proxy. n is the number of the proxy, s of the server.
 */
#ifndef MEMVIP_MODEL_PROXY_H
#define MEMVIP_MODEL_PROXY_H

#include "world.h"

/* What is explored; the set of enum mutation: what is left out. */
extern const struct scenario *scenario;
extern unsigned mutations;

int alive(const struct proxy *p);
/* Has the proxy a connection to the server? */
int connected(const struct proxy *p, unsigned s);
unsigned current_set(const struct proxy *p);
/* A server, or -1: none. */
int leader(const struct proxy *p);
int follower(const struct proxy *p);

/* May its marker be written, and does it need to be? */
int marker_lags(const struct world *w, unsigned n, unsigned s);

/* A start has seen enough. */
int start_decides(const struct proxy *p);
/*
 * The set of servers that are current by the markers that were read; *suspect: those which may
 * differ in what was not acknowledged. Empty: nobody can prove it.
 */
unsigned elected(const struct proxy *p, unsigned *suspect);
/* The marker with which a start claims a server. */
marker_t claim_due(const struct proxy *p, unsigned n);
/* Nothing that an earlier session, or this one before, has sent to the server is left there. */
int fenced(const struct world *w, unsigned n, unsigned s);

/* It comes into use; tokens of before are of another use. */
void use_begins(struct view *v, enum use use);
/* flush_all, our own. */
void empty(struct world *w, struct proxy *p, unsigned s);
/* The server was emptied, or its key is deleted first: from here on it takes part in writes. */
void fill_begins(struct world *w, struct proxy *p, unsigned s, enum fill fill);

/* Client i asks the server. */
void read_begins(struct world *w, unsigned i, int s);
/* The first op of the connection has been answered. */
void answered(struct world *w, unsigned n, unsigned s);

/* What the server has not executed of the connection may be executed late. */
void close_connection(struct world *w, unsigned n, unsigned s);
void put_out(struct world *w, unsigned n, unsigned s);
void proxy_ends(struct world *w, unsigned n);

/* After every step: what follows from it by itself. Brings the world into its one form, too. */
void close_turn(struct world *w);

#endif
