/*
 * In the order of the file: ops and markers as numbers; the judge; what a proxy decides (from the
 * markers, for the copier, on acknowledging) and does (putting a server out, ending); and then one
 * function for each kind of step, which calls NEXT for each way in which it may be taken.
 */
#include <stdio.h>
#include <string.h>

#include "model.h"

static const struct scenario *scenario;
static unsigned mutations;

#define NEXT(w, ...) (close_turn(w), explore_next((w), __VA_ARGS__), progress++)

/* Of the successors of the state at hand: those that happen by themselves, without fault or client. */
static int progress;

static const char server_name[N_SERVERS] = {'A', 'B'};

/* ---- ops and markers ---- */

static op_t
op(enum op_kind kind, unsigned value, unsigned who)
{
	return (op_t)((unsigned)kind | value << 4 | who << 8);
}

static enum op_kind
op_kind(op_t o)
{
	return (enum op_kind)(o & 15);
}
static unsigned
op_value(op_t o)
{
	return o >> 4 & 15;
}
static unsigned
op_who(op_t o)
{
	return o >> 8 & 3;
}
#define OP_DONE	   (1u << 10)
#define OP_REFUSED (1u << 11) /* NOT_STORED */
#define OP_AWAITED (1u << 12) /* by the copier */

static int
op_writes(op_t o)
{
	return o != 0 && op_kind(o) != OP_GET && op_kind(o) != COPY_GET;
}

static marker_t
marker(unsigned epoch, unsigned session, unsigned set, int clean)
{
	return (marker_t)(1u | (clean ? 2u : 0) | set << 2 | session << 4 | epoch << 6);
}

static int
marker_clean(marker_t m)
{
	return (m & 2) != 0;
}
static unsigned
marker_set(marker_t m)
{
	return m == 0 ? 0 : m >> 2 & 3u;
}
static unsigned
marker_session(marker_t m)
{
	return m >> 4 & 3u;
}
static unsigned
marker_epoch(marker_t m)
{
	return m >> 6;
}

/* Session 0 is the one before the first proxy of the model. */
static unsigned
session_of(unsigned p)
{
	return p + 1;
}

static unsigned
queue_len(const op_t *queue)
{
	unsigned n = 0;

	while (n < MAX_OPS && queue[n] != 0)
		n++;
	return n;
}

static void
queue_add(struct world *w, op_t *queue, op_t o)
{
	unsigned n = queue_len(queue);

	if (n == MAX_OPS)
		w->bad = WRONG_FULL;
	else
		queue[n] = o;
}

static op_t
queue_take(op_t *queue)
{
	op_t first = queue[0];

	memmove(queue, queue + 1, (MAX_OPS - 1) * sizeof *queue);
	queue[MAX_OPS - 1] = 0;
	return first;
}

static int
alive(const struct proxy *p)
{
	return p->phase == STARTING || p->phase == SERVING || p->phase == ENDING;
}

/* Has the proxy a connection to the server? */
static int
connected(const struct proxy *p, unsigned s)
{
	return alive(p) && (p->view[s].use == SEEN || p->view[s].use >= FILLING);
}

static unsigned
current_set(const struct proxy *p)
{
	unsigned set = 0;

	for (unsigned s = 0; s < N_SERVERS; s++)
		if (p->view[s].use == CURRENT)
			set |= 1u << s;
	return set;
}

/* -1: none. */
static int
leader(const struct proxy *p)
{
	unsigned set = current_set(p);

	return set & 1u << PRIMARY ? PRIMARY : set != 0 ? !PRIMARY : -1;
}

static int
follower(const struct proxy *p)
{
	int s = leader(p) == PRIMARY ? !PRIMARY : PRIMARY;

	return leader(p) >= 0 && p->view[s].use >= FILLING ? s : -1;
}

/* ---- the judge: what clients may see ---- */

static void
write_ends(struct world *w, struct client *c)
{
	w->ended |= (uint8_t)(1u << c->id);
	memset(c, 0, sizeof *c);
}

static void
write_acknowledged(struct world *w, struct client *c, int refused)
{
	/* An add that was refused must not show up. */
	w->forbidden |= refused ? (uint8_t)(1u << c->id) : c->before;
	write_ends(w, c);
}

static void
client_fails(struct world *w, struct client *c)
{
	if (c->op == CLIENT_READS)
		memset(c, 0, sizeof *c);
	else if (c->op != CLIENT_IDLE)
		write_ends(w, c);
}

/* What is wrong with a value that a read returns which may not return the forbidden ones. */
static enum wrong
judge(const struct world *w, unsigned value, unsigned forbidden)
{
	if (value == NO_ITEM)
		return ((w->deletes | w->excused) & ~forbidden) != 0 ? RIGHT : WRONG_LOST;
	return forbidden & 1u << value ? WRONG_STALE : RIGHT;
}

/* ---- proxy: markers ---- */

static marker_t
marker_due(const struct proxy *p, unsigned n)
{
	return marker(p->epoch, session_of(n), current_set(p), p->phase == ENDING);
}

/* May its marker be written, and does it need to be? */
static int
marker_lags(const struct world *w, unsigned n, unsigned s)
{
	const struct proxy *p = &w->proxy[n];
	const struct view *v = &p->view[s];

	return v->use == CURRENT && v->known != marker_due(p, n);
}

/* ---- proxy: a start decides from the markers ---- */

static int
eligible(marker_t m, unsigned s)
{
	return m != 0 && (mutations & IGNORE_SET || marker_set(m) & 1u << s);
}

/*
 * The set of servers that are current by the markers that were read; *suspect: those which may
 * differ in what was not acknowledged. Empty: nobody can prove it.
 */
static unsigned
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

static int
start_decides(const struct proxy *p)
{
	return p->phase == STARTING && p->view[0].use != UNSEEN && p->view[1].use != UNSEEN &&
	       (p->view[0].use == SEEN || p->view[1].use == SEEN);
}

/* The marker with which a start claims a server. */
static marker_t
claim_due(const struct proxy *p, unsigned n)
{
	unsigned suspect, set = elected(p, &suspect), epoch = p->epoch;

	for (unsigned s = 0; s < N_SERVERS; s++)
		if (p->view[s].use == SEEN && marker_epoch(p->view[s].seen) >= epoch)
			epoch = marker_epoch(p->view[s].seen) + 1;
	return marker(epoch, session_of(n), set, 0);
}

/* Nothing that an earlier session, or this one before, has sent to the server is left there. */
static int
fenced(const struct world *w, unsigned n, unsigned s)
{
	if (mutations & NO_FENCE)
		return 1;
	for (unsigned other = 0; other <= n; other++) {
		const struct remains *r = &w->remains[s][other];

		/* The ports of the others are only known from an item at the server. */
		if (other != n && mutations & FORGET_PORTS)
			continue;
		if (r->queue[0] != 0 || r->mark_want != 0)
			return 0;
		if (other != n && connected(&w->proxy[other], s))
			return 0;
	}
	return 1;
}

/* ---- proxy: the copier ---- */

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
		if (&w->proxy[w->client[i].proxy] == p && w->client[i].op >= CLIENT_SETS)
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

/* The server was emptied, or its key deleted: from here on it takes part in writes. */
static void
fill_begins(struct world *w, struct proxy *p, unsigned s, enum fill fill)
{
	struct view *v = &p->view[s];

	v->use = FILLING;
	p->fill = fill;
	if (fill == FILL_DIRTY && !v->dirty)
		copy_ended(w, p);
	else
		copy_begins(w, p, fill == FILL_DIRTY && !(mutations & NO_DIRTY_DELETE));
}

static void
empty(struct world *w, struct proxy *p, unsigned s)
{
	w->server[s].value = NO_ITEM;
	w->server[s].marker = 0;
	p->view[s].known = 0;
}

/* ---- proxy: acknowledgements ---- */

static void
write_completes(struct world *w, struct client *c)
{
	struct proxy *p = &w->proxy[c->proxy];
	int lead = leader(p), refused;

	if (c->op < CLIENT_SETS || c->waits != 0)
		return;
	if (c->answered == 0 || lead < 0) {
		write_ends(w, c);
		return;
	}
	/* Whoever decides from the markers must see who missed this write. */
	for (unsigned s = 0; s < N_SERVERS && !(mutations & EARLY_ACK); s++)
		if (p->view[s].use == CURRENT && marker_set(p->view[s].known) & ~c->has)
			return;
	if (p->copy != COPY_IDLE && p->fill == FILL_NONE && !(mutations & EARLY_REPAIR_ACK))
		return;
	refused = c->answered & 1u << lead ? (c->refused >> lead & 1) : c->refused != 0;
	write_acknowledged(w, c, refused);
}

/* What follows from the step by itself, at once, within the proxy. */
static void
close_turn(struct world *w)
{
	struct client second;

	for (unsigned n = 0; n < N_PROXIES; n++) {
		struct proxy *p = &w->proxy[n];

		if (p->phase != SERVING && p->phase != ENDING)
			continue;
		for (unsigned s = 0; s < N_SERVERS; s++)
			if (marker_lags(w, n, s) && p->view[s].mark == MARK_IDLE) {
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

static void
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
		memset(c, 0, sizeof *c);
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

/* ---- proxy: a server is put out, the proxy ends ---- */

/* What the server has not executed of the connection may be executed late. */
static void
close_connection(struct world *w, unsigned n, unsigned s)
{
	struct view *v = &w->proxy[n].view[s];
	struct remains *r = &w->remains[s][n];

	for (unsigned i = 0; i < MAX_OPS; i++)
		if (op_writes(v->queue[i]) && !(v->queue[i] & OP_DONE) && !v->broken)
			queue_add(w, r->queue,
				  op(op_kind(v->queue[i]), op_value(v->queue[i]), NOBODY));
	memset(v->queue, 0, sizeof v->queue);
	if (v->mark == MARK_SENT && !v->broken) {
		/* Two of them: the older one is taken to be dropped. */
		r->mark_known = v->known;
		r->mark_want = v->want;
	}
	v->mark = MARK_IDLE;
	v->want = 0;
	v->broken = 0;
}

static void
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

static void
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
		/*
		 * Also a write that it has answered: the survivor's answer, still to come, may be
		 * another one, and stands in.
		 */
		if (c->op != CLIENT_READS &&
		    !(mutations & DIRTY_UNANSWERED && c->answered & lost)) {
			v->dirty = 1;
			c->has &= (uint8_t)~lost;
		}
		if (!(c->waits & lost))
			continue;
		c->waits &= (uint8_t)~lost;
		if (c->op == CLIENT_READS && c->waits == 0)
			read_begins(w, i, leader(p));
	}
}

static void
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

/* ---- servers ---- */

/* Returns the op as executed. */
static op_t
execute(struct server *srv, op_t o)
{
	switch (op_kind(o)) {
	case OP_GET:
	case COPY_GET:
		o = (op_t)(op(op_kind(o), srv->value, op_who(o)) | (o & OP_AWAITED));
		break;
	case OP_ADD:
	case COPY_ADD:
		if (srv->value != NO_ITEM) {
			o |= OP_REFUSED;
			break;
		}
		/* FALLTHROUGH */
	case OP_SET:
	case COPY_SET:
		srv->value = (uint8_t)op_value(o);
		break;
	case OP_DELETE:
	case COPY_DELETE:
	case DIRTY_DELETE:
		srv->value = NO_ITEM;
		break;
	case OP_NONE:
		break;
	}
	return o | OP_DONE;
}

/* A marker is written by cas (the first one by add). Returns 0 when another one was there. */
static int
write_marker(struct server *srv, marker_t known, marker_t want)
{
	if (srv->marker != known && !(mutations & BLIND_MARKER))
		return 0;
	srv->marker = want;
	return 1;
}

static const char *
op_text(op_t o)
{
	static char text[40];

	switch (op_kind(o)) {
	case OP_GET:
		return "get";
	case OP_SET:
		snprintf(text, sizeof text, "set v%u", op_value(o));
		return text;
	case OP_ADD:
		snprintf(text, sizeof text, "add v%u", op_value(o));
		return text;
	case OP_DELETE:
		return "delete";
	case COPY_GET:
		return "copy: get";
	case COPY_ADD:
		snprintf(text, sizeof text, "copy: add v%u", op_value(o));
		return text;
	case COPY_SET:
		snprintf(text, sizeof text, "copy: set v%u", op_value(o));
		return text;
	case COPY_DELETE:
		return "copy: delete";
	case DIRTY_DELETE:
		return "dirty: delete";
	case OP_NONE:
		break;
	}
	return "-";
}

static void
servers_execute(const struct world *old, unsigned s)
{
	struct world w;

	if (old->server[s].dead || old->server[s].stall == FROZEN)
		return;
	for (unsigned n = 0; n < N_PROXIES; n++) {
		const struct view *v = &old->proxy[n].view[s];
		const struct remains *r = &old->remains[s][n];
		unsigned i = 0;

		while (i < MAX_OPS && v->queue[i] & OP_DONE)
			i++;
		if (i < MAX_OPS && v->queue[i] != 0 && !v->broken) {
			w = *old;
			w.proxy[n].view[s].queue[i] = execute(&w.server[s], v->queue[i]);
			NEXT(&w, "%c executes P%u's %s", server_name[s], n, op_text(v->queue[i]));
		}
		if (v->mark == MARK_SENT && !v->broken) {
			w = *old;
			w.proxy[n].view[s].mark = write_marker(&w.server[s], v->known, v->want)
						      ? MARK_WRITTEN
						      : MARK_FOREIGN;
			NEXT(&w, "%c executes P%u's marker%s", server_name[s], n,
			     w.proxy[n].view[s].mark == MARK_WRITTEN ? "" : ": refused");
		}
		if (r->queue[0] != 0) {
			w = *old;
			execute(&w.server[s], queue_take(w.remains[s][n].queue));
			NEXT(&w, "%c executes LATE P%u's %s", server_name[s], n,
			     op_text(r->queue[0]));
		}
		if (r->mark_want != 0) {
			w = *old;
			write_marker(&w.server[s], r->mark_known, r->mark_want);
			w.remains[s][n].mark_known = w.remains[s][n].mark_want = 0;
			NEXT(&w, "%c executes LATE P%u's marker", server_name[s], n);
		}
		if (r->queue[0] != 0 || r->mark_want != 0) {
			w = *old;
			memset(&w.remains[s][n], 0, sizeof w.remains[s][n]);
			NEXT(&w, "%c drops what P%u's closed connection held", server_name[s], n);
		}
	}
}

/* ---- what a proxy does ---- */

/* Does the server answer this proxy? */
static int
reachable(const struct server *srv)
{
	return !srv->dead && srv->stall == GOES;
}

static void
proxy_receives(const struct world *old, unsigned n, unsigned s)
{
	const struct proxy *p = &old->proxy[n];
	const struct view *v = &p->view[s];
	struct world w;

	if (!connected(p, s) || old->server[s].stall == CUT)
		return;
	if (v->queue[0] & OP_DONE) {
		w = *old;
		answered(&w, n, s);
		NEXT(&w, "P%u has %c's answer to %s", n, server_name[s], op_text(v->queue[0]));
	}
	if (v->mark == MARK_WRITTEN) {
		w = *old;
		w.proxy[n].view[s].known = v->want;
		w.proxy[n].view[s].mark = MARK_IDLE;
		w.proxy[n].view[s].want = 0;
		NEXT(&w, "P%u's marker on %c is acknowledged", n, server_name[s]);
	} else if (v->mark == MARK_FOREIGN && p->phase == STARTING) {
		w = *old;
		w.proxy[n].view[s].use = UNSEEN;
		w.proxy[n].view[s].mark = MARK_IDLE;
		w.proxy[n].view[s].want = 0;
		NEXT(&w, "P%u's marker on %c was refused: it looks again", n, server_name[s]);
	} else if (v->mark == MARK_FOREIGN) {
		w = *old;
		proxy_ends(&w, n);
		NEXT(&w, "P%u's marker on %c was refused: superseded, it stops", n, server_name[s]);
	}
}

static void
proxy_loses(const struct world *old, unsigned n, unsigned s)
{
	const struct proxy *p = &old->proxy[n];
	const struct view *v = &p->view[s];
	struct world w;

	if ((p->phase != SERVING && p->phase != ENDING) || v->use < FILLING)
		return;
	/* The last current server is not put out for silence. */
	if (!v->broken && (old->server[s].stall == GOES || current_set(p) == 1u << s))
		return;
	w = *old;
	put_out(&w, n, s);
	NEXT(&w, "P%u puts %c out", n, server_name[s]);
}

static void
proxy_returns(const struct world *old, unsigned n, unsigned s)
{
	const struct proxy *p = &old->proxy[n];
	const struct view *v = &p->view[s];
	marker_t there = old->server[s].marker;
	struct world w = *old;

	if (p->phase != SERVING || v->use != DOWN || !reachable(&old->server[s]) ||
	    !fenced(old, n, s))
		return;
	if (there != 0 && there != v->known && marker_session(there) > session_of(n)) {
		proxy_ends(&w, n);
		NEXT(&w, "P%u meets a later marker on %c and stops", n, server_name[s]);
		return;
	}
	if (leader(p) < 0)
		return;
	/* Until the survivor's marker says that it is out, a new start may take it for current. */
	if (marker_set(p->view[leader(p)].known) & 1u << s && !(mutations & EARLY_RETURN))
		return;
	if (there != 0 && there == v->known && v->dirty_valid) {
		fill_begins(&w, &w.proxy[n], s, FILL_DIRTY);
		NEXT(&w, "P%u takes %c back by the dirty list%s", n, server_name[s],
		     v->dirty ? "" : ", which is empty");
	} else {
		empty(&w, &w.proxy[n], s);
		fill_begins(&w, &w.proxy[n], s, FILL_FULL);
		NEXT(&w, "P%u empties %c and fills it", n, server_name[s]);
	}
}

/* A foreign session in a marker. */
static void
proxy_probes(const struct world *old, unsigned n, unsigned s)
{
	const struct proxy *p = &old->proxy[n];
	struct world w;

	if ((p->phase != SERVING && p->phase != ENDING) || p->view[s].use < FILLING ||
	    p->view[s].broken || !reachable(&old->server[s]) || old->server[s].marker == 0 ||
	    marker_session(old->server[s].marker) <= session_of(n))
		return;
	w = *old;
	proxy_ends(&w, n);
	NEXT(&w, "P%u's probe finds it superseded on %c: it stops", n, server_name[s]);
}

static void
start_serves(const struct world *old, unsigned n)
{
	const struct proxy *p = &old->proxy[n];
	unsigned suspect, set = elected(p, &suspect);
	marker_t due = claim_due(p, n);
	struct world w = *old;

	for (unsigned s = 0; s < N_SERVERS; s++)
		if (p->view[s].use == SEEN && (p->view[s].known != due || p->view[s].broken ||
					       !reachable(&old->server[s]) || !fenced(old, n, s)))
			return;
	w.proxy[n].phase = SERVING;
	for (unsigned s = 0; s < N_SERVERS; s++) {
		struct view *v = &w.proxy[n].view[s];

		v->seen = 0;
		if (v->use != SEEN) {
			v->use = DOWN;
			v->known = 0;
		} else if (set == 0) {
			/* Nobody can prove anything: all begin empty. */
			empty(&w, &w.proxy[n], s);
			v->use = CURRENT;
		} else if (set & 1u << s) {
			v->use = CURRENT;
		}
	}
	for (unsigned s = 0; s < N_SERVERS; s++) {
		if (w.proxy[n].view[s].use != SEEN)
			continue;
		if (!(suspect & 1u << s))
			empty(&w, &w.proxy[n], s);
		fill_begins(&w, &w.proxy[n], s, suspect & 1u << s ? FILL_OVERLAY : FILL_FULL);
	}
	NEXT(&w, "P%u serves, %s", n,
	     set == 3	? "both current"
	     : suspect	? "A leads, B is suspect"
	     : set == 0 ? "all emptied"
	     : set == 1 ? "A leads"
			: "B leads");
}

static void
proxy_starts(const struct world *old, unsigned n)
{
	const struct proxy *p = &old->proxy[n];
	struct world w;

	if (p->phase != STARTING)
		return;
	for (unsigned s = 0; s < N_SERVERS; s++) {
		const struct server *srv = &old->server[s];
		const struct view *v = &p->view[s];

		if (v->use == UNSEEN && reachable(srv)) {
			w = *old;
			w.proxy[n].view[s].use = SEEN;
			w.proxy[n].view[s].seen = w.proxy[n].view[s].known = srv->marker;
			NEXT(&w, "P%u reads %c's marker", n, server_name[s]);
		}
		if (v->use != UNREACHABLE && (!reachable(srv) || v->broken)) {
			w = *old;
			close_connection(&w, n, s);
			w.proxy[n].view[s].use = UNREACHABLE;
			w.proxy[n].view[s].seen = w.proxy[n].view[s].known = 0;
			/* It may have our claim, which says more than will be true. */
			if (p->epoch != 0 && !(mutations & KEEP_EPOCH))
				w.proxy[n].epoch++;
			NEXT(&w, "P%u starts without %c", n, server_name[s]);
		}
		/* Both are out of reach: it goes on trying. */
		if (v->use == UNREACHABLE && p->view[!s].use == UNREACHABLE && reachable(srv)) {
			w = *old;
			w.proxy[n].view[s].use = UNSEEN;
			NEXT(&w, "P%u tries %c again", n, server_name[s]);
		}
		if (start_decides(p) && v->use == SEEN && v->mark == MARK_IDLE &&
		    v->known != claim_due(p, n)) {
			w = *old;
			w.proxy[n].view[s].mark = MARK_SENT;
			w.proxy[n].view[s].want = claim_due(p, n);
			w.proxy[n].epoch = (uint8_t)marker_epoch(w.proxy[n].view[s].want);
			NEXT(&w, "P%u claims %c", n, server_name[s]);
		}
	}
	if (start_decides(p))
		start_serves(old, n);
}

static int
idle(const struct world *w, unsigned n)
{
	const struct proxy *p = &w->proxy[n];

	for (unsigned i = 0; i < N_CLIENTS; i++)
		if (w->client[i].op != CLIENT_IDLE && w->client[i].proxy == n)
			return 0;
	for (unsigned s = 0; s < N_SERVERS; s++)
		if (p->view[s].queue[0] != 0 || p->view[s].mark != MARK_IDLE ||
		    marker_lags(w, n, s))
			return 0;
	return 1;
}

static void
proxy_ending(const struct world *old, unsigned n)
{
	struct world w = *old;

	if (old->proxy[n].phase == ENDING && idle(old, n)) {
		proxy_ends(&w, n);
		NEXT(&w, "P%u has ended in order", n);
	}
}

/* ---- what clients do ---- */

static void
client_writes(const struct world *old, unsigned i, unsigned n, enum client_op what)
{
	static const enum op_kind kind[] = {
	    [CLIENT_SETS] = OP_SET, [CLIENT_ADDS] = OP_ADD, [CLIENT_DELETES] = OP_DELETE};
	struct world w = *old;
	struct client *c = &w.client[i];
	struct proxy *p = &w.proxy[n];

	w.writes++;
	*c = (struct client){
	    .op = (uint8_t)what, .proxy = (uint8_t)n, .id = w.writes, .before = w.ended};
	if (what == CLIENT_DELETES)
		w.deletes |= (uint8_t)(1u << c->id);
	for (unsigned s = 0; s < N_SERVERS; s++) {
		if (p->view[s].use >= FILLING) {
			queue_add(&w, p->view[s].queue, op(kind[what], c->id, i));
			c->waits |= (uint8_t)(1u << s);
		} else {
			p->view[s].dirty = p->view[s].dirty_valid;
		}
	}
	p->cancelled |= p->copy != COPY_IDLE;
	NEXT(&w, "a client asks P%u to %s", n, op_text(op(kind[what], w.writes, i)));
}

/* A bound for the model: one read at a time is asked of both, until both have answered. */
static int
hedges(const struct world *w, unsigned n)
{
	const struct proxy *p = &w->proxy[n];

	for (unsigned i = 0; i < N_CLIENTS; i++)
		if (w->client[i].op == CLIENT_READS && w->client[i].waits == 3)
			return 1;
	for (unsigned s = 0; s < N_SERVERS; s++)
		for (unsigned i = 0; i < MAX_OPS; i++)
			if (op_kind(p->view[s].queue[i]) == OP_GET &&
			    op_who(p->view[s].queue[i]) == NOBODY)
				return 1;
	return 0;
}

static void
clients_act(const struct world *old)
{
	struct world w;

	for (unsigned n = 0; n < N_PROXIES; n++) {
		const struct proxy *p = &old->proxy[n];
		int lead = leader(p), second = follower(p);

		if (p->phase != SERVING || lead < 0)
			continue;
		for (unsigned i = 0; i < N_CLIENTS; i++) {
			const struct client *c = &old->client[i];

			if (c->op == CLIENT_READS && c->proxy == n && second >= 0 &&
			    c->waits == 1u << lead && p->view[second].use == CURRENT &&
			    !hedges(old, n)) {
				w = *old;
				read_begins(&w, i, second);
				NEXT(&w, "P%u asks %c too (hedged)", n, server_name[second]);
			}
			if (c->op != CLIENT_IDLE)
				continue;
			w = *old;
			w.client[i] = (struct client){
			    .op = CLIENT_READS, .proxy = (uint8_t)n, .before = old->forbidden};
			read_begins(&w, i, lead);
			NEXT(&w, "a client asks P%u to get", n);
			if (old->writes >= scenario->writes + scenario->stale)
				continue;
			client_writes(old, i, n, CLIENT_SETS);
			client_writes(old, i, n, CLIENT_DELETES);
			if (scenario->evicts)
				client_writes(old, i, n, CLIENT_ADDS);
		}
	}
}

/* ---- faults ---- */

static void
server_dies(struct world *w, unsigned s)
{
	w->server[s] = (struct server){.value = NO_ITEM, .dead = 1};
	memset(w->remains[s], 0, sizeof w->remains[s]);
	for (unsigned n = 0; n < N_PROXIES; n++) {
		struct view *v = &w->proxy[n].view[s];

		if (connected(&w->proxy[n], s))
			v->broken = 1;
	}
}

static void
server_faults(const struct world *old, unsigned s)
{
	unsigned faults = old->server_fault ? 0 : scenario->server_faults;
	struct world start = *old, w;

	start.server_fault = 1;
	if (faults & FAULT_DIE) {
		w = start;
		server_dies(&w, s);
		NEXT(&w, "%c DIES", server_name[s]);
	}
	if (faults & FAULT_FREEZE) {
		w = start;
		w.server[s].stall = FROZEN;
		NEXT(&w, "%c FREEZES", server_name[s]);
	}
	if (faults & FAULT_CUT) {
		w = start;
		w.server[s].stall = CUT;
		NEXT(&w, "%c IS CUT OFF", server_name[s]);
	}
	if (scenario->evicts && !old->evicted && old->server[s].value != NO_ITEM) {
		w = *old;
		w.evicted = 1;
		w.excused |= (uint8_t)(1u << w.server[s].value);
		w.server[s].value = NO_ITEM;
		NEXT(&w, "%c EVICTS the key", server_name[s]);
	}
	for (unsigned n = 0; n < N_PROXIES && faults & FAULT_RESET; n++) {
		const struct proxy *p = &old->proxy[n];

		if (p->phase != SERVING || p->view[s].use < FILLING || current_set(p) == 1u << s)
			continue;
		w = start;
		put_out(&w, n, s);
		NEXT(&w, "P%u's connections to %c ARE RESET", n, server_name[s]);
	}
}

static void
servers_recover(const struct world *old, unsigned s)
{
	struct world w = *old;

	if (old->server[s].dead) {
		w.server[s].dead = 0;
		NEXT(&w, "%c is started again", server_name[s]);
	} else if (old->server[s].stall != GOES) {
		w.server[s].stall = GOES;
		NEXT(&w, "%c goes on", server_name[s]);
	}
}

static void
proxy_faults(const struct world *old)
{
	unsigned faults = old->proxy_fault ? 0 : scenario->proxy_faults;
	struct world start = *old, w;

	start.proxy_fault = 1;
	if (faults & FAULT_PROXY_DIES) {
		w = start;
		proxy_ends(&w, 0);
		NEXT(&w, "P0 DIES");
	}
	if (faults & FAULT_NODE_DIES) {
		w = start;
		server_dies(&w, PRIMARY);
		proxy_ends(&w, 0);
		NEXT(&w, "P0 AND A DIE");
	}
	if (faults & FAULT_TWO && old->proxy[0].phase == SERVING) {
		w = start;
		w.proxy[1].phase = STARTING;
		NEXT(&w, "P1 STARTS, TOO");
	}
	if (faults & FAULT_ENDS && old->proxy[0].phase == SERVING && idle(old, 0)) {
		w = start;
		w.proxy[0].phase = ENDING;
		NEXT(&w, "P0 ends");
	}
}

/* ---- the whole ---- */

static int
settled(const struct world *w)
{
	unsigned serving = 0;

	for (unsigned n = 0; n < N_PROXIES; n++) {
		if (alive(&w->proxy[n]))
			serving += w->proxy[n].phase == SERVING ? 1 : 2;
		if (w->proxy[n].phase == SERVING && (!idle(w, n) || current_set(&w->proxy[n]) != 3))
			return 0;
		for (unsigned s = 0; s < N_SERVERS; s++)
			if (w->proxy[n].view[s].broken || !reachable(&w->server[s]) ||
			    w->remains[s][n].queue[0] != 0 || w->remains[s][n].mark_want != 0)
				return 0;
	}
	return serving == 1;
}

static void
successors(const void *state)
{
	const struct world *old = state;
	struct world w;

	progress = 0;
	for (unsigned s = 0; s < N_SERVERS; s++) {
		servers_execute(old, s);
		servers_recover(old, s);
		for (unsigned n = 0; n < N_PROXIES; n++) {
			proxy_receives(old, n, s);
			proxy_loses(old, n, s);
			proxy_returns(old, n, s);
			proxy_probes(old, n, s);
		}
	}
	for (unsigned n = 0; n < N_PROXIES; n++) {
		proxy_starts(old, n);
		proxy_ending(old, n);
	}
	if (old->proxy[0].phase == GONE && old->proxy[1].phase == ABSENT) {
		w = *old;
		w.proxy[1].phase = STARTING;
		NEXT(&w, "P1 starts");
	}
	/* Left to itself, every world gets to where both servers are current again. */
	if (progress == 0 && !settled(old)) {
		w = *old;
		w.bad = WRONG_STUCK;
		NEXT(&w, "nothing more happens");
	}
	clients_act(old);
	for (unsigned s = 0; s < N_SERVERS; s++)
		server_faults(old, s);
	proxy_faults(old);
}

static enum wrong
wrong_with(const struct world *w)
{
	enum wrong wrong;

	if (w->bad != RIGHT || !settled(w))
		return w->bad;
	if (w->server[0].value != w->server[1].value &&
	    !(w->excused && (w->server[0].value == NO_ITEM || w->server[1].value == NO_ITEM)))
		return WRONG_DIFFER;
	for (unsigned s = 0; s < N_SERVERS; s++)
		if ((wrong = judge(w, w->server[s].value, w->forbidden)) != RIGHT)
			return wrong;
	return RIGHT;
}

static const char *
violation(const void *state)
{
	switch (wrong_with(state)) {
	case WRONG_STALE:
		return "a value is served, or kept, that an acknowledged write came after";
	case WRONG_LOST:
		return "an acknowledged write is lost: a miss, and no delete that could explain it";
	case WRONG_DIFFER:
		return "all is quiet, both servers are current, and their copies differ";
	case WRONG_STUCK:
		return "all is quiet, and not both servers are current";
	case WRONG_FULL:
		return "the model itself is too small: a connection holds more than MAX_OPS";
	case RIGHT:
		break;
	}
	return NULL;
}

static void
describe_server(const struct server *srv, char *text, size_t size)
{
	/* The one before the model begins, and those of the proxies. */
	static const char *const session[4] = {"old", "P0", "P1", "?"};
	marker_t m = srv->marker;
	char mark[24] = "no marker", value[8] = "-";

	if (m != 0)
		snprintf(mark, sizeof mark, "e%u %s %s {%s%s}", marker_epoch(m),
			 session[marker_session(m)], marker_clean(m) ? "clean" : "open",
			 marker_set(m) & 1 ? "A" : "", marker_set(m) & 2 ? "B" : "");
	if (srv->value != NO_ITEM)
		snprintf(value, sizeof value, "v%u", srv->value);
	snprintf(text, size, "%s %s%s", srv->dead ? "dead" : value, mark,
		 srv->stall == FROZEN ? " frozen"
		 : srv->stall == CUT  ? " cut"
				      : "");
}

static const char *
describe(const void *state)
{
	static const char use[] = "?sudfC";
	static char text[160], a[48], b[48];
	const struct world *w = state;
	int n;

	describe_server(&w->server[0], a, sizeof a);
	describe_server(&w->server[1], b, sizeof b);
	n = snprintf(text, sizeof text, "| A: %-24s | B: %-24s |", a, b);
	for (unsigned p = 0; p < N_PROXIES; p++)
		if (alive(&w->proxy[p]))
			n += snprintf(text + n, sizeof text - (size_t)n, " P%u:%c%c", p,
				      use[w->proxy[p].view[0].use], use[w->proxy[p].view[1].use]);
	return text;
}

const struct explore_model model = {
    .size = sizeof(struct world),
    .successors = successors,
    .violation = violation,
    .describe = describe,
};

void
model_start(struct world *w, const struct scenario *what, unsigned left_out)
{
	scenario = what;
	mutations = left_out;
	memset(w, 0, sizeof *w);
	w->ended = 1;
	for (unsigned s = 0; s < N_SERVERS; s++)
		w->server[s].marker = marker(1, 0, 3, 1);
	if (what->stale) {
		/* v1 was acknowledged when A had been put out, and A has not been filled since. */
		w->writes = 1;
		w->ended = 3;
		w->forbidden = 1;
		w->server[PRIMARY].marker = marker(1, 0, 3, 0);
		w->server[!PRIMARY].marker = marker(2, 0, 1u << !PRIMARY, 0);
		w->server[!PRIMARY].value = 1;
	}
	w->proxy[0].phase = STARTING;
}
