/*
 * One function for each kind of step, which calls NEXT for each way in which it may be taken.
 */
#include <stdio.h>
#include <string.h>

#include "cas.h"
#include "flush.h"
#include "judge.h"
#include "model.h"
#include "op.h"
#include "proxy.h"

#define NEXT(w, ...) (close_turn(w), explore_next((w), __VA_ARGS__), progress++)

/* Of the successors of the state at hand: those that happen by themselves, without fault or client. */
static int progress;

static const char server_name[N_SERVERS] = {'A', 'B'};

/* ---- servers ---- */

static void
store(struct world *w, unsigned s, unsigned value)
{
	struct server *srv = &w->server[s];

	srv->value = (uint8_t)value;
	if (!scenario->cas)
		return;
	if (srv->unique == MAX_UNIQUE)
		w->bad = WRONG_FULL;
	else
		srv->unique++;
}

/* Returns the op as executed. */
static op_t
execute(struct world *w, unsigned s, op_t o)
{
	struct server *srv = &w->server[s];

	switch (op_kind(o)) {
	case OP_GET:
	case COPY_GET:
		o = (op_t)(op(op_kind(o), srv->value, op_who(o)) | (o & OP_AWAITED));
		if (scenario->cas)
			o = op_with_unique(o, srv->unique);
		break;
	case OP_CAS:
		if (srv->value == NO_ITEM || srv->unique != op_unique(o)) {
			o |= OP_REFUSED;
			break;
		}
		store(w, s, op_value(o));
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
		store(w, s, op_value(o));
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

static void
execute_flush(struct server *srv)
{
	srv->value = NO_ITEM;
	srv->marker = 0;
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
	case OP_CAS:
		snprintf(text, sizeof text, "cas v%u on unique %u", op_value(o), op_unique(o));
		return text;
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
			w.proxy[n].view[s].queue[i] = execute(&w, s, v->queue[i]);
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
			execute(&w, s, queue_take(w.remains[s][n].queue));
			NEXT(&w, "%c executes LATE P%u's %s", server_name[s], n,
			     op_text(r->queue[0]));
		}
		if (r->mark_want != 0) {
			w = *old;
			write_marker(&w.server[s], r->mark_known, r->mark_want);
			w.remains[s][n].mark_known = w.remains[s][n].mark_want = 0;
			NEXT(&w, "%c executes LATE P%u's marker", server_name[s], n);
		}
		if (v->flush == FLUSH_SENT && !v->broken) {
			w = *old;
			execute_flush(&w.server[s]);
			w.proxy[n].view[s].flush = FLUSH_EXECUTED;
			NEXT(&w, "%c executes P%u's flush_all", server_name[s], n);
		}
		if (r->flush) {
			w = *old;
			execute_flush(&w.server[s]);
			w.remains[s][n].flush = 0;
			NEXT(&w, "%c executes LATE P%u's flush_all", server_name[s], n);
		}
		if (r->queue[0] != 0 || r->mark_want != 0 || r->flush) {
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
	if (v->flush == FLUSH_EXECUTED) {
		w = *old;
		flush_answered(&w, n, s);
		NEXT(&w, "P%u has %c's answer to flush_all", n, server_name[s]);
	}
	if (v->mark == MARK_WRITTEN) {
		w = *old;
		w.proxy[n].view[s].known = v->want;
		w.proxy[n].view[s].mark = MARK_IDLE;
		w.proxy[n].view[s].want = 0;
		NEXT(&w, "P%u's marker on %c is acknowledged", n, server_name[s]);
	} else if (v->mark == MARK_FOREIGN && old->server[s].marker == 0 && p->phase != STARTING) {
		w = *old;
		w.proxy[n].view[s].known = 0;
		w.proxy[n].view[s].mark = MARK_IDLE;
		w.proxy[n].view[s].want = 0;
		NEXT(&w, "P%u's marker on %c was refused: there is none, it adds one", n,
		     server_name[s]);
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
	/* Nothing is copied while a flush_all is under way: it would outlive it. */
	if (leader(p) < 0 || (flush_gates(old, n) && !(mutations & FLUSH_COPIES)))
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
			use_begins(v, CURRENT);
		} else if (set & 1u << s) {
			use_begins(v, CURRENT);
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
		    p->view[s].flush != FLUSH_NONE || marker_lags(w, n, s))
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
client_begins(const struct world *old, unsigned i, unsigned n, enum client_op what)
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
client_reads_key(const struct world *old, unsigned i, unsigned n, enum client_op what)
{
	struct world w = *old;

	w.client[i] =
	    (struct client){.op = (uint8_t)what, .proxy = (uint8_t)n, .before = old->forbidden};
	read_begins(&w, i, leader(&old->proxy[n]));
	NEXT(&w, "a client asks P%u to get%s", n, what == CLIENT_GETS ? "s" : "");
}

/* The client has a token. */
static void
client_swaps(const struct world *old, unsigned i, unsigned n)
{
	struct world w = *old;

	if (cas_token_holds(old, &old->client[i], n)) {
		cas_begins(&w, i, n);
		NEXT(&w, "a client asks P%u to cas on v%u", n, old->client[i].base);
		return;
	}
	memset(&w.client[i], 0, sizeof w.client[i]);
	NEXT(&w, "a client's token is not of P%u's leader: EXISTS", n);
}

/* One that waits for nothing. */
static void
client_acts(const struct world *old, unsigned i, unsigned n)
{
	int may_write = old->writes < scenario->writes + scenario->stale;
	struct world w;

	if (scenario->cas) {
		if (old->client[i].token == 0)
			client_reads_key(old, i, n, CLIENT_GETS);
		else if (may_write)
			client_swaps(old, i, n);
		if (may_write && old->client[i].token == 0)
			client_begins(old, i, n, CLIENT_SETS);
		return;
	}
	client_reads_key(old, i, n, CLIENT_READS);
	if (!may_write)
		return;
	client_begins(old, i, n, CLIENT_SETS);
	if (scenario->evicts)
		client_begins(old, i, n, CLIENT_ADDS);
	if (!scenario->flushes) {
		client_begins(old, i, n, CLIENT_DELETES);
	} else if (!old->flushed) {
		w = *old;
		flush_begins(&w, i, n);
		NEXT(&w, "a client asks P%u to flush_all", n);
	}
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
			if (c->op == CLIENT_IDLE && !cas_holds(old, n) && !flush_gates(old, n))
				client_acts(old, i, n);
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
			    w->remains[s][n].queue[0] != 0 || w->remains[s][n].mark_want != 0 ||
			    w->remains[s][n].flush)
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
	for (unsigned i = 0; i < N_CLIENTS; i++) {
		if (!flush_may_run(old, i))
			continue;
		w = *old;
		flush_runs(&w, i);
		NEXT(&w, "P%u sends flush_all", old->client[i].proxy);
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
	case WRONG_CAS:
		return "a cas was STORED, and the value that it was based on had been replaced";
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
	if (what->cas) {
		/* The servers count on their own: a unique of one may be any of the other's. */
		w->server[PRIMARY].unique = 2;
		w->server[!PRIMARY].unique = 1;
	}
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
