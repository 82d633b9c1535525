#include <string.h>

#include "cas.h"
#include "judge.h"
#include "op.h"
#include "proxy.h"

/* A token: that there is one, the unique, and of which server, proxy and use. */
static unsigned
token(const struct world *w, unsigned n, unsigned s, unsigned unique)
{
	return 1 | unique << 1 | s << 4 | n << 5 | (unsigned)w->proxy[n].view[s].uses << 6;
}

static unsigned
token_unique(unsigned t)
{
	return t >> 1 & MAX_UNIQUE;
}

int
cas_holds(const struct world *w, unsigned n)
{
	for (unsigned i = 0; i < N_CLIENTS && !(mutations & NO_HOLD); i++)
		if (w->client[i].op == CLIENT_CAS && w->client[i].proxy == n)
			return 1;
	return 0;
}

int
cas_token_holds(const struct world *w, const struct client *c, unsigned n)
{
	unsigned s = (unsigned)leader(&w->proxy[n]);

	return mutations & ANY_TOKEN || token(w, n, s, token_unique(c->token)) == c->token;
}

void
gets_answered(struct world *w, struct client *c, unsigned s, op_t o)
{
	unsigned t = token(w, c->proxy, s, op_unique(o));

	*c = (struct client){.token = (uint8_t)t, .base = (uint8_t)op_value(o)};
}

void
cas_begins(struct world *w, unsigned i, unsigned n)
{
	struct client *c = &w->client[i];
	struct proxy *p = &w->proxy[n];
	unsigned s = (unsigned)leader(p), unique = token_unique(c->token);
	int second = follower(p);

	w->writes++;
	*c = (struct client){.op = CLIENT_CAS,
			     .proxy = (uint8_t)n,
			     .id = w->writes,
			     .before = w->ended,
			     .base = c->base,
			     .doomed = (w->forbidden & 1u << c->base) != 0,
			     .second = (uint8_t)(second < 0 ? 0 : 1u << second)};
	c->waits = (uint8_t)(1u << s);
	queue_add(w, p->view[s].queue, op_with_unique(op(OP_CAS, c->id, i), unique));
	if (second < 0)
		p->view[!s].dirty = p->view[!s].dirty_valid;
	p->cancelled |= p->copy != COPY_IDLE;
}

/* The leader has stored it: the other one gets it as it is. */
static void
second_begins(struct world *w, unsigned i)
{
	struct client *c = &w->client[i];
	struct proxy *p = &w->proxy[c->proxy];

	for (unsigned s = 0; s < N_SERVERS; s++) {
		struct view *v = &p->view[s];

		if (!(c->second & 1u << s))
			continue;
		if (v->use < FILLING) { /* it never heard of it */
			v->dirty = v->dirty_valid;
			continue;
		}
		queue_add(w, v->queue, op(OP_SET, c->id, i));
		c->waits |= (uint8_t)(1u << s);
		p->cancelled |= p->copy != COPY_IDLE;
	}
}

void
cas_answered(struct world *w, unsigned i, unsigned s, op_t o)
{
	struct client *c = &w->client[i];

	c->waits &= (uint8_t) ~(1u << s);
	c->answered |= (uint8_t)(1u << s);
	c->has |= (uint8_t)(1u << s);
	if (o & OP_REFUSED) {
		c->refused = 3;
		c->has = 3; /* there is nothing to have */
	} else {
		second_begins(w, i);
	}
}

void
cas_loses(struct world *w, unsigned i, unsigned s)
{
	struct client *c = &w->client[i];
	struct view *v = &w->proxy[c->proxy].view[s];

	if (!(c->waits & 1u << s))
		return; /* the follower: looked at when the leader has answered */
	v->dirty = 1;
	c->waits = 0;
	if (!(mutations & CAS_STANDS_IN)) {
		client_fails(w, c); /* EXISTS: it reads again, and finds out */
		return;
	}
	c->answered = (uint8_t)(1u << s);
	second_begins(w, i);
}
