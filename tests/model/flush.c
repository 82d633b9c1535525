#include "flush.h"
#include "judge.h"
#include "op.h"
#include "proxy.h"

int
flush_gates(const struct world *w, unsigned n)
{
	for (unsigned i = 0; i < N_CLIENTS && !(mutations & NO_BARRIER); i++)
		if (w->client[i].op == CLIENT_FLUSHES && w->client[i].proxy == n)
			return 1;
	return 0;
}

void
flush_begins(struct world *w, unsigned i, unsigned n)
{
	w->writes++;
	w->flushed = 1;
	w->deletes |= (uint8_t)(1u << w->writes);
	w->client[i] = (struct client){
	    .op = CLIENT_FLUSHES, .proxy = (uint8_t)n, .id = w->writes, .before = w->ended};
}

int
flush_may_run(const struct world *w, unsigned i)
{
	const struct client *c = &w->client[i], *other = &w->client[!i];
	const struct proxy *p = &w->proxy[c->proxy];

	if (c->op != CLIENT_FLUSHES || c->running || leader(p) < 0)
		return 0;
	if (mutations & NO_BARRIER)
		return 1;
	if (other->op != CLIENT_IDLE && other->proxy == c->proxy)
		return 0;
	for (unsigned s = 0; s < N_SERVERS; s++)
		if (p->view[s].use >= FILLING &&
		    (p->view[s].queue[0] != 0 || p->view[s].mark != MARK_IDLE ||
		     marker_lags(w, c->proxy, s)))
			return 0;
	return 1;
}

void
flush_runs(struct world *w, unsigned i)
{
	struct client *c = &w->client[i];
	struct proxy *p = &w->proxy[c->proxy];

	c->running = 1;
	for (unsigned s = 0; s < N_SERVERS; s++) {
		struct view *v = &p->view[s];

		if (v->use >= FILLING) {
			v->flush = FLUSH_SENT;
			c->waits |= (uint8_t)(1u << s);
		} else if (!(mutations & FLUSH_FORGETS)) {
			/* More than a list of keys can say. */
			v->dirty_valid = 0;
		}
	}
}

/* All have answered, or are out: the markers are gone with the rest. */
static void
finish(struct world *w, struct client *c)
{
	if (c->waits != 0)
		return;
	if (c->answered == 0)
		client_fails(w, c);
	else
		w->proxy[c->proxy].epoch++;
}

void
flush_answered(struct world *w, unsigned n, unsigned s)
{
	struct view *v = &w->proxy[n].view[s];

	v->flush = FLUSH_NONE;
	v->known = 0;
	for (unsigned i = 0; i < N_CLIENTS; i++) {
		struct client *c = &w->client[i];

		if (c->op != CLIENT_FLUSHES || c->proxy != n || !(c->waits & 1u << s))
			continue;
		c->waits &= (uint8_t) ~(1u << s);
		c->answered |= (uint8_t)(1u << s);
		c->has |= (uint8_t)(1u << s);
		finish(w, c);
	}
}

void
flush_loses(struct world *w, struct client *c, unsigned s)
{
	if (!c->running || c->waits == 0) {
		c->has &= (uint8_t) ~(1u << s);
		return;
	}
	w->proxy[c->proxy].view[s].dirty_valid &= (c->waits & 1u << s) == 0;
	c->waits &= (uint8_t) ~(1u << s);
	c->has &= (uint8_t) ~(1u << s);
	finish(w, c);
}

int
flush_is_marked(const struct world *w, unsigned n)
{
	for (unsigned s = 0; s < N_SERVERS; s++)
		if (marker_lags(w, n, s) && !(mutations & FLUSH_UNMARKED))
			return 0;
	return 1;
}
