/*
 * moderation: when a moment's sleep before the next look at the connections is worth it. As network
 * cards moderate their interrupts under load (ethtool(8), adaptive-rx): a wake-up costs more than what it
 * is for, and what comes together also goes to the servers together.
 *
 * Only where much comes. Where fewer bytes come with sleeps than came without, since those who ask are few
 * and wait for their answers, it is given up for a while, each time for longer.
 */
#ifndef MEMVIP_MODERATION_H
#define MEMVIP_MODERATION_H

#include <stdint.h>

/* How long to sleep, in microseconds. */
#define MODERATION_SLEEP_US 65
/* In a second so many connections have to be ready, or so many bytes to come: long pipelines, lists. */
#define MODERATION_BUSY 30000
#define MODERATION_BULK 10000000
/* Given up for so many spans of 5 ms; twice as many each time, up to the most. */
#define MODERATION_REST_MIN 4
#define MODERATION_REST_MAX 256

/* All 0 at first. */
struct moderation {
	uint64_t since_us; /* the span that is counted */
	uint64_t bytes;	   /* read in it; the owner adds to them */
	uint32_t found;	   /* connections that were ready in it */
	uint64_t before;   /* bytes in a second, as it was without sleeps */
	uint32_t rest;	   /* spans that are still due without sleeps */
	uint32_t rest_next;
	int on; /* it is worth it now */
};

/* A look at now_us (monotonic) has found n connections ready; before their bytes are read. */
void moderation_found(struct moderation *m, unsigned n, uint64_t now_us);

#endif
