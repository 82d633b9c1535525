/*
 * moderation: when a moment's sleep before the next look at the connections is worth it. As network
 * cards moderate their interrupts under load (ethtool(8), adaptive-rx): a wake-up costs more than what it
 * is for, and what comes together also goes to the servers together.
 *
 * Only where much comes, and nothing that has come already is left for the next look. Where fewer bytes come
 * with sleeps than came without, since those who ask are few and wait for their answers, it is given up for a
 * while, each time for longer.
 */
#ifndef MEMVIP_MODERATION_H
#define MEMVIP_MODERATION_H

#include <stddef.h>
#include <stdint.h>

/* How long to sleep, in microseconds. */
#define MODERATION_SLEEP_US 65
/*
 * In a second so many connections have to be ready, of which an operation takes two, and not fewer than CALM with
 * sleeps; or so many bytes to come: long pipelines, lists. Below that the processor has time, and clients would
 * wait for nothing: at 30,000 operations a second twice as long.
 */
#define MODERATION_BUSY 70000
#define MODERATION_CALM 45000
#define MODERATION_BULK 10000000
/*
 * The span that is judged as a whole, at least: longer than what a scheduler makes come in bursts. (5 ms were
 * too few for lists: by chance fewer bytes came, and it was given up two times of three.)
 */
#define MODERATION_SPAN_US 20000
/* Given up for so many spans; twice as many each time, up to the most. */
#define MODERATION_REST_MIN 1
#define MODERATION_REST_MAX 64

/* All 0 at first. */
struct moderation {
	uint64_t since_us; /* the span that is counted */
	uint64_t bytes;	   /* read in it */
	uint32_t found;	   /* connections that were ready in it */
	uint64_t before;   /* bytes in a second, as it was without sleeps */
	uint32_t rest;	   /* spans that are still due without sleeps */
	uint32_t rest_next;
	uint8_t on;   /* much comes, and sleeps do no harm */
	uint8_t more; /* than was read, at a connection since the last sleep that was due */
};

/* A look at now_us (monotonic) has found n connections ready; before their bytes are read. */
void moderation_found(struct moderation *m, unsigned n, uint64_t now_us);

/* So many bytes came from one of them; full: as many as one read takes. */
static inline void
moderation_read(struct moderation *m, size_t bytes, int full)
{
	m->bytes += bytes;
	m->more |= full != 0;
}

/* Before the next look: is a sleep worth it? */
static inline int
moderation_sleeps(struct moderation *m)
{
	int more = m->more;

	m->more = 0;
	return m->on && !more;
}

#endif
