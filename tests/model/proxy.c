#include <string.h>

#include "cas.h"
#include "flush.h"
#include "judge.h"
#include "op.h"
#include "proxy.h"

const struct scenario *scenario;
unsigned mutations;

int
alive(const struct proxy *p)
{
	return p->phase == STARTING || p->phase == SERVING || p->phase == ENDING;
}

int
connected(const struct proxy *p, unsigned s)
{
	return alive(p) && (p->view[s].use == SEEN || p->view[s].use >= FILLING);
}

unsigned
current_set(const struct proxy *p)
{
	unsigned set = 0;

	for (unsigned s = 0; s < N_SERVERS; s++)
		if (p->view[s].use == CURRENT)
			set |= 1u << s;
	return set;
}

int
leader(const struct proxy *p)
{
	unsigned set = current_set(p);

	return set & 1u << PRIMARY ? PRIMARY : set != 0 ? !PRIMARY : -1;
}

int
follower(const struct proxy *p)
{
	int s = leader(p) == PRIMARY ? !PRIMARY : PRIMARY;

	return leader(p) >= 0 && p->view[s].use >= FILLING ? s : -1;
}

/* ---- markers ---- */

static marker_t
marker_due(const struct proxy *p, unsigned n)
{
	return marker(p->epoch, session_of(n), current_set(p), p->phase == ENDING);
}

int
marker_lags(const struct world *w, unsigned n, unsigned s)
{
	const struct proxy *p = &w->proxy[n];
	const struct view *v = &p->view[s];

	return v->use == CURRENT && v->known != marker_due(p, n);
}

/* ---- a start decides from the markers ---- */

static int
eligible(marker_t m, unsigned s)
{
	return m != 0 && (mutations & IGNORE_SET || marker_set(m) & 1u << s);
}

unsigned
elected(const struct proxy *p, unsigned *suspect)
{
	const struct view *a = &p->view[PRIMARY], *b = &p->view[!PRIMARY];
	unsigned set = 0;

	*suspect = 0;
	for (unsigned s = 0; s < N_SERVERS; s++)
		if (p->view[s].use == SEEN && eligible(p->view[s].seen, s))
			set |= 1u << s;
	if (set != 3)
		return set;
	if (marker_epoch(a->seen) != marker_epoch(b->seen))
		return marker_epoch(a->seen) > marker_epoch(b->seen) ? 1u << PRIMARY
								     : 1u << !PRIMARY;
	if ((marker_clean(a->seen) && marker_clean(b->seen)) || mutations & IGNORE_OPEN)
		return set;
	*suspect = 1u << !PRIMARY;
	return 1u << PRIMARY;
}

int
start_decides(const struct proxy *p)
{
	return p->phase == STARTING && p->view[0].use != UNSEEN && p->view[1].use != UNSEEN &&
	       (p->view[0].use == SEEN || p->view[1].use == SEEN);
}

marker_t
claim_due(const struct proxy *p, unsigned n)
{
	unsigned suspect, set = elected(p, &suspect), epoch = p->epoch;

	for (unsigned s = 0; s < N_SERVERS; s++)
		if (p->view[s].use == SEEN && marker_epoch(p->view[s].seen) >= epoch)
			epoch = marker_epoch(p->view[s].seen) + 1;
	return marker(epoch, session_of(n), set, 0);
}

int
fenced(const struct world *w, unsigned n, unsigned s)
{
	if (mutations & NO_FENCE)
		return 1;
	for (unsigned other = 0; other <= n; other++) {
		const struct remains *r = &w->remains[s][other];

		/* The ports of the others are only known from an item at the server. */
		if (other != n && mutations & FORGET_PORTS)
			continue;
		if (r->queue[0] != 0 || r->mark_want != 0 || r->flush)
			return 0;
		if (other != n && connected(&w->proxy[other], s))
			return 0;
	}
	return 1;
}

/* ---- the copier ---- */

/* What is still under way of it is not taken for an answer to the next copy. */
static void
copy_abandoned(struct proxy *p)
{
	for (unsigned s = 0; s < N_SERVERS; s++)
		for (unsigned i = 0; i < MAX_OPS; i++)
			if (op_kind(p->view[s].queue[i]) >= COPY_GET && !(mutations & KEEP_COPY))
				p->view[s].queue[i] &= (op_t)~OP_AWAITED;
	p->copy = COPY_IDLE;
	p->cancelled = 0;
}

static void
copy_begins(struct world *w, struct proxy *p, int delete_first)
{
	int from = leader(p), to = follower(p);

	copy_abandoned(p);
	if (from < 0 || to < 0)
		return;
	if (delete_first) {
		p->copy = COPY_DELETES;
		queue_add(w, p->view[to].queue, op(DIRTY_DELETE, 0, NOBODY) | OP_AWAITED);
		return;
	}
	p->copy = COPY_READS;
	queue_add(w, p->view[from].queue, op(COPY_GET, 0, NOBODY) | OP_AWAITED);
}

static void
copy_ended(struct world *w, struct proxy *p)
{
	int to = follower(p);

	p->copy = COPY_IDLE;
	if (to < 0 || p->view[to].use != FILLING)
		return;
	/* What it had missed it has now. */
	for (unsigned i = 0; i < N_CLIENTS; i++)
		if (&w->proxy[w->client[i].proxy] == p && client_writes(&w->client[i]))
			w->client[i].has |= (uint8_t)(1u << to & ~w->client[i].waits);
	p->view[to].use = CURRENT;
	p->view[to].dirty = 0;
	p->fill = FILL_NONE;
	p->epoch++;
}

static void
copy_answered(struct world *w, struct proxy *p, op_t o)
{
	int to = follower(p);
	unsigned value = op_value(o);
	enum op_kind kind;
	int over;

	if (!(o & OP_AWAITED) || to < 0)
		return;
	if (p->copy == COPY_DELETES || (p->cancelled && !(mutations & NO_CANCEL))) {
		copy_begins(w, p, 0);
		return;
	}
	over = p->fill == FILL_OVERLAY || p->fill == FILL_NONE;
	if (p->copy == COPY_WRITES || (value == NO_ITEM && !over)) {
		copy_ended(w, p);
		return;
	}
	/* From here on the leader's answer is the one, even when it dies. */
	for (unsigned i = 0; i < N_CLIENTS; i++) {
		struct client *c = &w->client[i];

		if (c->op == CLIENT_ADDS && &w->proxy[c->proxy] == p && c->answered == 3)
			c->refused = c->refused & 1u << !to ? 3 : 0;
	}
	p->copy = COPY_WRITES;
	kind = value == NO_ITEM ? COPY_DELETE : over ? COPY_SET : COPY_ADD;
	queue_add(w, p->view[to].queue, op(kind, value, NOBODY) | OP_AWAITED);
}

void
use_begins(struct view *v, enum use use)
{
	v->use = (uint8_t)use;
	if (scenario->cas)
		v->uses++;
}

void
fill_begins(struct world *w, struct proxy *p, unsigned s, enum fill fill)
{
	struct view *v = &p->view[s];

	use_begins(v, FILLING);
	p->fill = fill;
	if (fill == FILL_DIRTY && !v->dirty)
		copy_ended(w, p);
	else
		copy_begins(w, p, fill == FILL_DIRTY && !(mutations & NO_DIRTY_DELETE));
}

void
empty(struct world *w, struct proxy *p, unsigned s)
{
	w->server[s].value = NO_ITEM;
	w->server[s].marker = 0;
	p->view[s].known = 0;
}

/* ---- acknowledgements ---- */

static void
write_completes(struct world *w, struct client *c)
{
	struct proxy *p = &w->proxy[c->proxy];
	int lead = leader(p), refused;

	if (!client_writes(c) || c->waits != 0 || (c->op == CLIENT_FLUSHES && !c->running))
		return;
	if (c->answered == 0 || lead < 0) {
		client_fails(w, c);
		return;
	}
	if (c->op == CLIENT_FLUSHES && !flush_is_marked(w, c->proxy))
		return;
	/* Whoever decides from the markers must see who missed this write. */
	for (unsigned s = 0; s < N_SERVERS && !(mutations & EARLY_ACK); s++)
		if (p->view[s].use == CURRENT && marker_set(p->view[s].known) & ~c->has)
			return;
	if (p->copy != COPY_IDLE && p->fill == FILL_NONE && !(mutations & EARLY_REPAIR_ACK))
		return;
	refused = c->answered & 1u << lead ? (c->refused >> lead & 1) : c->refused != 0;
	write_acknowledged(w, c, refused);
}

void
close_turn(struct world *w)
{
	struct client second;

	for (unsigned n = 0; n < N_PROXIES; n++) {
		struct proxy *p = &w->proxy[n];

		if (p->phase != SERVING && p->phase != ENDING)
			continue;
		for (unsigned s = 0; s < N_SERVERS; s++)
			/* A marker follows a flush on the same connection. */
			if (marker_lags(w, n, s) && p->view[s].mark == MARK_IDLE &&
			    p->view[s].flush == FLUSH_NONE) {
				p->view[s].mark = MARK_SENT;
				p->view[s].want = marker_due(p, n);
			}
		for (unsigned i = 0; i < N_CLIENTS; i++)
			if (w->client[i].op != CLIENT_IDLE && w->client[i].proxy == n)
				write_completes(w, &w->client[i]);
	}
	/* The clients are alike: which is which makes no other world. */
	if (memcmp(&w->client[0], &w->client[1], sizeof second) <= 0)
		return;
	second = w->client[1];
	w->client[1] = w->client[0];
	w->client[0] = second;
	for (unsigned n = 0; n < N_PROXIES; n++)
		for (unsigned s = 0; s < N_SERVERS; s++)
			for (unsigned i = 0; i < MAX_OPS; i++) {
				op_t *o = &w->proxy[n].view[s].queue[i];

				if (op_who(*o) != NOBODY && *o != 0)
					*o ^= 1 << 8;
			}
}

/* Both have answered an add, and not alike: the follower's copy is made anew. */
static void
repair_if_parted(struct world *w, struct client *c)
{
	struct proxy *p = &w->proxy[c->proxy];
	int to = follower(p);

	if (c->op != CLIENT_ADDS || c->waits != 0 || c->answered != 3 || to < 0 ||
	    (c->refused != 1 && c->refused != 2))
		return;
	/*
	 * A current follower is copied over, not emptied first: until the copy is sent its item is
	 * what its own answers say, and these stand in when the leader dies now.
	 */
	copy_begins(w, p, p->view[to].use == FILLING || mutations & REPAIR_DELETES);
}

void
answered(struct world *w, unsigned n, unsigned s)
{
	struct proxy *p = &w->proxy[n];
	op_t o = queue_take(p->view[s].queue);
	struct client *c = op_who(o) == NOBODY ? NULL : &w->client[op_who(o)];
	enum wrong wrong;

	switch (op_kind(o)) {
	case OP_GET:
		/* The other copy was faster. */
		if (c == NULL)
			break;
		c->waits &= (uint8_t) ~(1u << s);
		/* Asked of both: the first hit answers, or the last miss. */
		if (op_value(o) == NO_ITEM && c->waits != 0)
			break;
		wrong = judge(w, op_value(o), c->before);
		if (wrong != RIGHT)
			w->bad = wrong;
		for (unsigned i = 0; i < MAX_OPS && c->waits != 0; i++) {
			op_t *later = &p->view[!s].queue[i];

			if (op_kind(*later) == OP_GET && op_who(*later) == op_who(o))
				*later |= NOBODY << 8;
		}
		if (c->op == CLIENT_GETS && op_value(o) != NO_ITEM)
			gets_answered(w, c, s, o);
		else
			memset(c, 0, sizeof *c);
		break;
	case OP_CAS:
		cas_answered(w, op_who(o), s, o);
		break;
	case OP_SET:
	case OP_ADD:
	case OP_DELETE:
		c->waits &= (uint8_t) ~(1u << s);
		c->answered |= (uint8_t)(1u << s);
		c->has |= (uint8_t)(1u << s);
		if (o & OP_REFUSED)
			c->refused |= (uint8_t)(1u << s);
		repair_if_parted(w, c);
		break;
	case COPY_GET:
	case COPY_ADD:
	case COPY_SET:
	case COPY_DELETE:
	case DIRTY_DELETE:
		copy_answered(w, p, o);
		break;
	case OP_NONE:
		break;
	}
}

/* ---- a server is put out, the proxy ends ---- */

void
close_connection(struct world *w, unsigned n, unsigned s)
{
	struct view *v = &w->proxy[n].view[s];
	struct remains *r = &w->remains[s][n];

	for (unsigned i = 0; i < MAX_OPS; i++)
		if (op_writes(v->queue[i]) && !(v->queue[i] & OP_DONE) && !v->broken)
			queue_add(
			    w, r->queue,
			    op_with_unique(op(op_kind(v->queue[i]), op_value(v->queue[i]), NOBODY),
					   op_unique(v->queue[i])));
	memset(v->queue, 0, sizeof v->queue);
	if (v->mark == MARK_SENT && !v->broken) {
		/* Two of them: the older one is taken to be dropped. */
		r->mark_known = v->known;
		r->mark_want = v->want;
	}
	if (v->flush == FLUSH_SENT && !v->broken)
		r->flush = 1;
	v->flush = FLUSH_NONE;
	v->mark = MARK_IDLE;
	v->want = 0;
	v->broken = 0;
}

void
read_begins(struct world *w, unsigned i, int s)
{
	struct client *c = &w->client[i];

	if (s < 0) {
		client_fails(w, c);
		return;
	}
	c->waits |= (uint8_t)(1u << s);
	queue_add(w, w->proxy[c->proxy].view[s].queue, op(OP_GET, 0, i));
}

void
put_out(struct world *w, unsigned n, unsigned s)
{
	struct proxy *p = &w->proxy[n];
	struct view *v = &p->view[s];
	unsigned lost = 1u << s;

	v->dirty_valid = v->use == CURRENT;
	v->dirty = 0;
	if (v->use == FILLING)
		p->fill = FILL_NONE;
	else
		p->epoch++;
	copy_abandoned(p);
	close_connection(w, n, s);
	v->use = DOWN;
	/* Where no current server lives: it may miss. */
	if (leader(p) < 0 && p->view[!s].use == FILLING) {
		if (p->fill != FILL_OVERLAY)
			w->excused |= (uint8_t)((2u << w->writes) - 1);
		p->view[!s].use = CURRENT;
		p->fill = FILL_NONE;
	}
	for (unsigned i = 0; i < N_CLIENTS; i++) {
		struct client *c = &w->client[i];

		if (c->op == CLIENT_IDLE || c->proxy != n)
			continue;
		if (c->op == CLIENT_FLUSHES) {
			flush_loses(w, c, s);
			continue;
		}
		if (c->op == CLIENT_CAS && c->answered == 0) {
			cas_loses(w, i, s);
			continue;
		}
		/*
		 * Also a write that it has answered: the survivor's answer, still to come, may be
		 * another one, and stands in.
		 */
		if (client_writes(c) && !(mutations & DIRTY_UNANSWERED && c->answered & lost)) {
			v->dirty = 1;
			c->has &= (uint8_t)~lost;
		}
		if (!(c->waits & lost))
			continue;
		c->waits &= (uint8_t)~lost;
		if (client_reads(c) && c->waits == 0)
			read_begins(w, i, leader(p));
	}
}

void
proxy_ends(struct world *w, unsigned n)
{
	struct proxy *p = &w->proxy[n];

	for (unsigned s = 0; s < N_SERVERS; s++)
		if (connected(p, s))
			close_connection(w, n, s);
	for (unsigned i = 0; i < N_CLIENTS; i++)
		if (w->client[i].proxy == n)
			client_fails(w, &w->client[i]);
	memset(p, 0, sizeof *p);
	p->phase = GONE;
}
