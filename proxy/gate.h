/*
 * gate: may commands be started now? Closed by whoever needs quiet (the start, flush_all, a
 * change of the lists), each
 * with its own reason; opens when the last reason is gone.
 */
#ifndef MEMVIP_GATE_H
#define MEMVIP_GATE_H

enum gate_reason { GATE_STARTING = 1, GATE_FLUSHING = 2, GATE_RELOADING = 4 };

struct gate {
	unsigned closed;	   /* reasons, or-ed */
	void (*opened)(void *arg); /* called when it opens */
	void *arg;
};

static inline int
gate_is_open(const struct gate *g)
{
	return g->closed == 0;
}

static inline void
gate_close(struct gate *g, enum gate_reason why)
{
	g->closed |= (unsigned)why;
}

static inline void
gate_open(struct gate *g, enum gate_reason why)
{
	unsigned was = g->closed;

	g->closed &= ~(unsigned)why;
	if (was != 0 && g->closed == 0 && g->opened != 0)
		g->opened(g->arg);
}

#endif
