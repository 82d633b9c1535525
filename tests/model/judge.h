/*
 * judge: what clients may see. Kept as sets of writes, so that the history need not be.
 */
#ifndef MEMVIP_JUDGE_H
#define MEMVIP_JUDGE_H

#include "world.h"

static inline int
client_reads(const struct client *c)
{
	return c->op == CLIENT_READS || c->op == CLIENT_GETS;
}

static inline int
client_writes(const struct client *c)
{
	return c->op >= CLIENT_SETS;
}

/* The client has its answer; refused: NOT_STORED, EXISTS. */
void write_acknowledged(struct world *w, struct client *c, int refused);

/* The client sees an error, if it waits for anything. */
void client_fails(struct world *w, struct client *c);

/* What is wrong with a value that a read returns which may not return the forbidden ones. */
enum wrong judge(const struct world *w, unsigned value, unsigned forbidden);

#endif
