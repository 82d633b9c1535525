/* req: one client command on one key. See req.h. */
#include "req.h"

#include <stdlib.h>
#include <string.h>

#include "copy.h"
#include "fill.h"
#include "log.h"
#include "marker.h"
#include "mirror.h"
#include "stats.h"
#include "wire.h"

/* A read is asked again this often when servers are lost under it. */
#define TRIES_MAX 3

/* The window of retrievals: even huge values are asked for a few at a time, small ones by the many. */
#define WINDOW_MIN 16
#define WINDOW_MAX 1024

/* Reqs are kept for reuse up to this many; what a burst needed beyond it goes back. */
#define KEEP_MAX 1024

static const char NO_SERVER[] = "SERVER_ERROR no server available\r\n";
static const char SERVER_LOST[] = "SERVER_ERROR the server was lost before it answered\r\n";
static const char SERVER_SILENT[] = "SERVER_ERROR the server does not answer\r\n";
static const char EXISTS[] = "EXISTS\r\n";

static struct farm *farm;
static int ack_leader; /* --ack leader */
static TAILQ_HEAD(, req) free_reqs = TAILQ_HEAD_INITIALIZER(free_reqs);
static unsigned free_n;
static unsigned unanswered;
static uint32_t typical = 256; /* bytes of a VALUE block of late: quick to grow, slow to shrink */

static void req_start(struct req *r);

void
req_init(struct farm *f, const struct conf *c)
{
	farm = f;
	ack_leader = c->ack != NULL && strcmp(c->ack, "leader") == 0;
}

unsigned
req_unanswered(void)
{
	return unanswered;
}

unsigned
req_window(size_t bytes)
{
	size_t n = bytes / typical;

	return n < WINDOW_MIN ? WINDOW_MIN : n > WINDOW_MAX ? WINDOW_MAX : (unsigned)n;
}

/* ---- life ---- */

static struct req *
req_new(struct req_queue *q, enum req_cmd cmd)
{
	struct req *r = TAILQ_FIRST(&free_reqs);

	if (r != NULL) {
		TAILQ_REMOVE(&free_reqs, r, link);
		free_n--;
	} else if ((r = malloc(sizeof(*r))) == NULL) {
		fatalx("out of memory: a command");
	}
	r->queue = q;
	r->cmd = (uint8_t)cmd;
	r->in_flight = r->answered = r->last = r->noreply = r->failed = r->tries = 0;
	r->holding = r->early = r->repaired = r->key_len = 0;
	r->server[REQ_LEADER] = r->server[REQ_FOLLOWER] = NULL;
	r->answer[REQ_LEADER].asked = r->answer[REQ_FOLLOWER].asked = 0;
	r->answer[REQ_LEADER].done = r->answer[REQ_FOLLOWER].done = 0;
	r->blob = NULL;
	r->body = NULL;
	r->body_len = 0;
	r->held = (struct buf){NULL, NULL, 0};
	TAILQ_INSERT_TAIL(&q->reqs, r, link);
	q->n++;
	unanswered++;
	return r;
}

static void
req_set_key(struct req *r, const char *key, size_t len)
{
	memcpy(r->key, key, len);
	r->key_len = (uint8_t)len;
}

/* Frees r when nothing refers to it any more: no queue, no FIFO. */
static void
req_check(struct req *r)
{
	if (!r->answered || r->in_flight > 0 || r->queue != NULL)
		return;
	if (r->blob != NULL)
		blob_unref(r->blob);
	buf_clear(&r->held);
	if (free_n < KEEP_MAX) {
		TAILQ_INSERT_HEAD(&free_reqs, r, link);
		free_n++;
	} else {
		free(r);
	}
}

static int
is_retrieval(const struct req *r)
{
	return r->cmd <= REQ_GATS;
}

/* Puts the answer of the queue's head out. */
static void
queue_emit(struct req_queue *q, struct req *r)
{
	if (is_retrieval(r)) {
		if (q->get_failed)
			buf_clear(&r->held);
		q->get_failed |= r->failed;
		buf_splice(q->out, &r->held);
		if (r->last) {
			if (!q->get_failed)
				buf_add(q->out, "END\r\n", 5);
			q->get_failed = 0;
		}
	} else {
		buf_splice(q->out, &r->held);
	}
}

/* Lets every answered command at the head go out. */
static void
queue_pump(struct req_queue *q)
{
	struct req *r;

	while ((r = TAILQ_FIRST(&q->reqs)) != NULL && r->answered) {
		TAILQ_REMOVE(&q->reqs, r, link);
		q->n--;
		queue_emit(q, r);
		r->queue = NULL;
		req_check(r);
	}
	q->progress(q);
}

/* The one place where a command ends for its client: its reply is complete in r->held. */
static void
req_answer_now(struct req *r)
{
	struct req_queue *q = r->queue;

	r->answered = 1;
	unanswered--;
	if (q != NULL)
		q->bytes -= r->body_len;
	if (r->holding) {
		r->holding = 0;
		hold_release(&r->hold);
	}
	if (q == NULL)
		req_check(r);
	else if (TAILQ_FIRST(&q->reqs) == r)
		queue_pump(q);
}

static void
req_answer_line(struct req *r, const char *line, size_t len)
{
	if (r->noreply || r->queue == NULL) {
		req_answer_now(r);
		return;
	}
	if (len >= 6 && (memcmp(line, "SERVER", 6) == 0))
		stats.server_errors++;
	else if (len >= 6 && (memcmp(line, "CLIENT", 6) == 0 || memcmp(line, "ERROR", 5) == 0))
		stats.client_errors++;
	r->failed = 1; /* only looked at for a retrieval */
	buf_add(&r->held, line, len);
	req_answer_now(r);
}
#define REQ_ANSWER_TEXT(r, text) req_answer_line(r, text, sizeof(text) - 1)

/* ---- sending ---- */

static void read_slow(struct op *op);
static void read_done(struct op *op, enum op_result result, const struct op_reply *reply);
static void write_leader_done(struct op *op, enum op_result result, const struct op_reply *reply);
static void write_follower_done(struct op *op, enum op_result result, const struct op_reply *reply);

static struct req *
req_of(struct op *op, enum req_side side)
{
	return (struct req *)((char *)(op - side) - offsetof(struct req, op));
}

static struct op *
req_op(struct req *r, enum req_side side, enum op_kind kind, int write,
       void (*done)(struct op *, enum op_result, const struct op_reply *))
{
	struct op *op = &r->op[side];

	op->done = done;
	op->key = r->key;
	op->key_len = r->key_len;
	op->kind = (uint8_t)kind;
	op->write = write != 0;
	op->alone = op->hedged = 0;
	op->slow = NULL;
	r->in_flight++;
	return op;
}

static struct backend *
req_conn(struct req *r, enum req_side side)
{
	return server_conn(r->server[side], r->key, r->key_len);
}

/* Sends a line, and the body when there is one, to one side. */
static void
req_send(struct req *r, enum req_side side, enum op_kind kind, const char *line, size_t len,
	 int with_body)
{
	struct op *op =
	    req_op(r, side, kind, 1, side == REQ_LEADER ? write_leader_done : write_follower_done);
	struct req_answer *a = &r->answer[side];

	a->asked = 1;
	r->uses[side] = r->server[side]->uses;
	a->done = a->lost = 0;
	a->filling = r->server[side]->replica.state != REPLICA_CURRENT;
	backend_send(req_conn(r, side), op, line, len, with_body ? r->blob : NULL, r->body,
		     with_body ? r->body_len : 0);
}

/* ---- reading: get, gets ---- */

static void
read_ask(struct req *r, struct server *s)
{
	enum op_kind kind = r->cmd == REQ_GET || r->cmd == REQ_GAT ? OP_GET : OP_GETS;
	struct op *op;

	r->server[REQ_LEADER] = s;
	op = req_op(r, REQ_LEADER, kind, 0, read_done);
	op->slow = read_slow;
	backend_get(req_conn(r, REQ_LEADER), op);
}

static void
read_start(struct req *r)
{
	struct route to = farm_route(farm, r->key, r->key_len, ROUTE_READ);

	if (to.leader == NULL) {
		REQ_ANSWER_TEXT(r, NO_SERVER);
		return;
	}
	r->server[REQ_FOLLOWER] = to.follower;
	read_ask(r, to.leader);
}

/* The VALUE block goes to where the client's answer is collected. */
static void
read_hit(struct req *r, const struct op_reply *reply, const struct server *from)
{
	const struct proto_rsp *rsp = reply->rsp;
	struct buf *out = &r->held;

	if (rsp->total > typical)
		typical += (rsp->total - typical + 3) / 4;
	else
		typical -= (typical - rsp->total) / 64;
	if (r->queue == NULL)
		return;
	stats.get_hits++;
	/* The head's bytes need no detour. A gat may yet have to wait for the follower. */
	if (r->cmd <= REQ_GETS && TAILQ_FIRST(&r->queue->reqs) == r) {
		if (r->queue->get_failed)
			return;
		out = r->queue->out;
	}
	if (r->cmd == REQ_GETS || r->cmd == REQ_GATS) {
		char token[24] = " ";
		size_t n = 1 + proto_decimal(token + 1, farm_cas_out(from, rsp->cas));
		buf_add(out, reply->p, rsp->head_len);
		buf_add(out, token, n);
		buf_add(out, "\r\n", 2);
		buf_add_slice(out, reply->blob, reply->p + rsp->line_len, rsp->body_len + 2);
	} else {
		buf_add_slice(out, reply->blob, reply->p, rsp->total);
	}
}

/*
 * Has the same client sent a write on the key behind this read? The other copy may have executed it
 * already, and would answer with what the read came before.
 */
static int
read_overtaken(const struct req *r)
{
	if (r->queue == NULL)
		return 0;
	for (const struct req *n = TAILQ_NEXT(r, link); n != NULL; n = TAILQ_NEXT(n, link))
		if (n->cmd > REQ_GETS && n->key_len == r->key_len &&
		    memcmp(n->key, r->key, r->key_len) == 0)
			return 1;
	return 0;
}

static void
read_nothing(struct req *r)
{
	stats.get_misses++;
	req_answer_now(r);
}

/* The other copy was asked too, since the leader takes its time. Its hit is as good as any. */
static void
read_hedged(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct req *r = req_of(op, REQ_FOLLOWER);

	if (result == OP_LATE)
		return;
	r->in_flight--;
	if (r->answered) {
		req_check(r);
	} else if (result == OP_HIT) {
		stats.hedge_hits++;
		read_hit(r, reply, r->server[REQ_FOLLOWER]);
		req_answer_now(r);
	}
}

static void
read_slow(struct op *op)
{
	struct req *r = req_of(op, REQ_LEADER);
	struct server *f = r->server[REQ_FOLLOWER];

	/* More than the leader's op in flight: it is asked already. */
	if (r->answered || r->in_flight > 1 || r->cmd != REQ_GET || f == NULL ||
	    !server_usable(f) || f->replica.state != REPLICA_CURRENT ||
	    f == r->server[REQ_LEADER] || read_overtaken(r))
		return;
	/* A write on the key that both have not answered yet: they may turn out to differ. */
	if (hold_busy(r->key, r->key_len) != NULL ||
	    backend_writes_key(req_conn(r, REQ_LEADER), r->key, r->key_len) ||
	    backend_writes_key(req_conn(r, REQ_FOLLOWER), r->key, r->key_len))
		return;
	stats.hedges++;
	backend_get(req_conn(r, REQ_FOLLOWER), req_op(r, REQ_FOLLOWER, OP_GET, 0, read_hedged));
}

static void
read_done(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct req *r = req_of(op, REQ_LEADER);

	if (result == OP_LATE) {
		REQ_ANSWER_TEXT(r, SERVER_SILENT);
		return;
	}
	r->in_flight--;
	if (r->answered) {
		req_check(r);
		return;
	}
	switch (result) {
	case OP_HIT:
		mirror_hit(r->server[REQ_FOLLOWER], r->server[REQ_LEADER], r->key, r->key_len);
		read_hit(r, reply, r->server[REQ_LEADER]);
		req_answer_now(r);
		break;
	case OP_MISS:
		read_nothing(r); /* the leader's word counts */
		break;
	case OP_LOST:
		stats.retries++;
		if (++r->tries > TRIES_MAX)
			REQ_ANSWER_TEXT(r, SERVER_LOST);
		else if (read_overtaken(r))
			read_nothing(r); /* a miss is allowed, the future is not */
		else
			read_start(r);
		break;
	default:
		req_answer_line(r, reply->p, reply->rsp->line_len);
		break;
	}
}

/* ---- writing ---- */

/* The line for this command; cas to the leader, a plain set to the follower. */
static size_t
write_line(const struct req *r, enum req_side side, char *line)
{
	enum req_cmd cmd = (enum req_cmd)r->cmd;

	switch (cmd) {
	case REQ_DELETE:
		return wire_delete(line, r->key, r->key_len);
	case REQ_INCR:
	case REQ_DECR:
		return wire_arith(line, cmd, r->key, r->key_len, r->number);
	case REQ_TOUCH:
		return wire_touch(line, r->key, r->key_len, r->exptime);
	case REQ_GAT:
	case REQ_GATS:
		/* The follower's value is of no use: it is only kept alive. */
		if (side == REQ_FOLLOWER)
			return wire_touch(line, r->key, r->key_len, r->exptime);
		return wire_gat(line, cmd, r->key, r->key_len, r->exptime);
	case REQ_CAS:
		if (side == REQ_FOLLOWER)
			cmd = REQ_SET;
		/* FALLTHROUGH */
	default:
		return wire_storage(
		    line, cmd, r->key, r->key_len, r->flags, r->exptime, r->body_len - 2,
		    cmd == REQ_CAS ? farm_cas_in(r->server[REQ_LEADER], r->number) : 0);
	}
}

static void
write_send(struct req *r, enum req_side side)
{
	char line[WIRE_LINE_MAX];
	size_t n = write_line(r, side, line);
	int gat = side == REQ_LEADER && is_retrieval(r);

	req_send(r, side, gat ? OP_GAT : OP_LINE, line, n, req_cmd_has_body((enum req_cmd)r->cmd));
}

/* The body will be needed after this call: keep it. */
static void
req_keep_body(struct req *r)
{
	struct blob *b;

	if (r->body == NULL || r->blob != NULL)
		return;
	b = blob_new(r->body_len);
	memcpy(b->data, r->body, r->body_len);
	b->len = r->body_len;
	r->blob = b;
	r->body = b->data;
}

static void
write_start(struct req *r)
{
	struct route to = farm_route(farm, r->key, r->key_len, ROUTE_WRITE);

	copy_touched(r->key, r->key_len);
	if (to.leader == NULL) {
		REQ_ANSWER_TEXT(r, NO_SERVER);
		return;
	}
	r->server[REQ_LEADER] = to.leader;
	r->server[REQ_FOLLOWER] = to.follower;
	if (r->cmd == REQ_CAS) {
		/* The leader decides alone; nobody may pass until the follower has the value. */
		req_keep_body(r);
		hold_take(&r->hold, r->key, r->key_len);
		r->holding = 1;
		write_send(r, REQ_LEADER);
		return;
	}
	write_send(r, REQ_LEADER);
	if (to.follower != NULL)
		write_send(r, REQ_FOLLOWER);
}

/*
 * Do the two servers hold the same after these answers? (protocol.txt, the replies of each command)
 */
static int
write_agrees(const struct req *r)
{
	const struct req_answer *l = &r->answer[REQ_LEADER], *f = &r->answer[REQ_FOLLOWER];

	if (is_retrieval(r)) /* touched there, or as little there as at the leader */
		return (l->type == RSP_VALUE && f->type == RSP_TOUCHED) ||
		       (l->type == RSP_END && f->type == RSP_NOT_FOUND);
	if (r->cmd == REQ_DELETE && (f->type == RSP_NOT_FOUND || f->type == RSP_DELETED))
		return 1;
	if (l->type != f->type)
		return 0;
	switch (f->type) {
	case RSP_NUMBER:
		return l->len == f->len && memcmp(l->line, f->line, f->len) == 0;
	case RSP_ERROR:
	case RSP_SERVER_ERROR:
		return 0; /* a store that failed for want of memory has deleted the old item, or not */
	default:
		return 1;
	}
}

/* May the follower's answer stand in for the leader's? */
static int
write_stands_in(const struct req *r)
{
	const struct req_answer *f = &r->answer[REQ_FOLLOWER];

	/* What is missing from a server that is being filled says nothing of what was there. */
	return f->done && !f->lost && (!f->filling || r->cmd == REQ_SET || r->cmd == REQ_DELETE);
}

static void
write_answer(struct req *r, enum req_side side)
{
	struct req_answer *a = &r->answer[side];

	if (is_retrieval(r) && a->type == RSP_VALUE) {
		req_answer_now(r); /* the block is in held */
	} else if (is_retrieval(r) && a->type == RSP_END) {
		read_nothing(r);
	} else {
		req_answer_line(r, a->line, a->len);
	}
}

static void write_acknowledge(struct req *r);
static void write_mend(struct req *r);

/* The leader is lost. */
static void
write_without_leader(struct req *r)
{
	if (r->answered) { /* --ack leader: nobody waits */
		write_acknowledge(r);
	} else if (r->cmd == REQ_CAS) {
		/* Stored or not: the client reads again and finds out (design: never a lucky match). */
		REQ_ANSWER_TEXT(r, EXISTS);
	} else if (is_retrieval(r)) {
		/* The other copy is touched, or lost too; reading it is all that remains. */
		stats.retries++;
		buf_clear(&r->held);
		if (read_overtaken(r))
			read_nothing(r);
		else
			read_start(r);
	} else if (write_stands_in(r)) {
		write_acknowledge(r);
	} else {
		REQ_ANSWER_TEXT(r, SERVER_LOST);
	}
}

/* ---- the copies have parted ---- */

/* A copy of the key to the follower, for a command that waits for it, or (req NULL) for nobody. */
struct mend {
	struct copy copy;
	struct req *req;
};

static void
write_on_resume(struct hold_waiter *w)
{
	struct req *r = (struct req *)((char *)w - offsetof(struct req, waiter));

	r->in_flight--; /* which has kept it while it was waiting */
	write_acknowledge(r);
}

/*
 * The one place where a write that both have answered is acknowledged: not before the markers are
 * raised that say who missed it, not while the key is under repair.
 */
static void
write_acknowledge(struct req *r)
{
	struct hold *h;

	r->waiter.resume = write_on_resume;
	if (epoch_is_stuck(&farm->epoch)) {
		if (!r->answered)
			REQ_ANSWER_TEXT(r, SERVER_SILENT);
		return;
	}
	if (epoch_is_raising(&farm->epoch)) {
		r->in_flight++;
		epoch_wait(&farm->epoch, &r->waiter);
		return;
	}
	h = hold_busy(r->key, r->key_len);
	if (h != NULL && h->repair && h != &r->hold) {
		r->in_flight++;
		hold_wait(h, &r->waiter);
		return;
	}
	if (r->answered) { /* --ack leader */
		if (r->holding) {
			r->holding = 0;
			hold_release(&r->hold);
		}
		req_check(r);
	} else
		write_answer(r, r->answer[REQ_LEADER].lost ? REQ_FOLLOWER : REQ_LEADER);
}

static void
mend_done(struct copy *c, enum copy_result result)
{
	struct mend *m = c->arg;
	struct req *r = m->req;
	int written = c->written;

	if (result == COPY_REFUSED)
		c->to->stats.refused++;
	free(m);
	r->in_flight--;
	/* The leader went before its value was sent over: what the follower holds is what counts. */
	if (result == COPY_LOST && !written && !server_usable(r->server[REQ_LEADER]) &&
	    !is_retrieval(r) && write_stands_in(r))
		r->answer[REQ_LEADER].lost = 1;
	write_acknowledge(r);
}

/* Makes the follower hold what the leader holds, and nobody else passes meanwhile. */
static void
write_copy(struct req *r)
{
	struct mend *m = malloc(sizeof(*m));

	if (m == NULL)
		fatalx("out of memory: a repair");
	if (!r->holding && hold_busy(r->key, r->key_len) == NULL) {
		hold_take(&r->hold, r->key, r->key_len);
		r->hold.repair = 1;
		r->holding = 1;
	}
	m->req = r;
	m->copy.done = mend_done;
	m->copy.arg = m;
	r->in_flight++;
	copy_start(&m->copy, r->server[REQ_LEADER], r->server[REQ_FOLLOWER], r->key, r->key_len,
		   COPY_REPLACE);
}

/*
 * The copies have parted. A current follower gets the leader's value in place of its own, at once:
 * to delete its own first would leave nothing if the leader died now. One that is being filled has
 * its value deleted, and the key is copied with the rest. What the follower does not take (size,
 * memory) it has nothing under then: see copy.h.
 */
static void
write_mend(struct req *r)
{
	const struct req_answer *f = &r->answer[REQ_FOLLOWER];
	struct server *follower = r->server[REQ_FOLLOWER];
	char line[WIRE_LINE_MAX];

	r->repaired = 1;
	if (follower->replica.state == REPLICA_CURRENT) {
		write_copy(r);
		return;
	}
	fill_add(follower, r->key, r->key_len);
	if (f->type == RSP_NOT_FOUND)
		write_acknowledge(r);
	else
		req_send(r, REQ_FOLLOWER, OP_LINE, line, wire_delete(line, r->key, r->key_len), 0);
}

/*
 * Was the server out of use since the command was sent there? Its answer may be from before: the
 * other one may have done otherwise since, so it has missed this write.
 */
static void
write_check_side(struct req *r, enum req_side side)
{
	struct server *s = r->server[side];

	if (!r->answer[side].asked || (s->uses == r->uses[side] && server_usable(s)))
		return;
	server_misses(s, r->key, r->key_len);
	if (replica_usable(&s->replica))
		server_out(s, "a write was on its way while it was away");
}

/* Both sides have answered, or are out. */
static void
write_judge(struct req *r)
{
	struct req_answer *l = &r->answer[REQ_LEADER], *f = &r->answer[REQ_FOLLOWER];
	struct server *follower = r->server[REQ_FOLLOWER];

	write_check_side(r, REQ_LEADER);
	write_check_side(r, REQ_FOLLOWER);
	if (!f->asked && follower != NULL && !server_usable(follower))
		server_misses(follower, r->key, r->key_len); /* cas: it never heard of it */
	if (l->lost) {
		write_without_leader(r);
		return;
	}
	if (r->cmd == REQ_CAS && !f->asked && l->type == RSP_STORED && follower != NULL &&
	    server_usable(follower)) {
		copy_touched(r->key, r->key_len);
		write_send(r, REQ_FOLLOWER);
		return;
	}
	if (!f->asked || f->lost || r->repaired || write_agrees(r)) {
		write_acknowledge(r);
		return;
	}
	if (!server_usable(r->server[REQ_LEADER])) {
		/* It answered and went: what the survivor holds is what counts now. */
		l->lost = 1;
		write_without_leader(r);
		return;
	}
	if (!server_usable(follower)) {
		write_acknowledge(r);
		return;
	}
	follower->stats.mismatches++;
	write_mend(r);
}

static void
write_note(struct req *r, enum req_side side, enum op_result result, const struct op_reply *reply)
{
	struct req_answer *a = &r->answer[side];
	uint32_t n;

	a->done = 1;
	switch (result) {
	case OP_LOST:
		a->lost = 1;
		break;
	case OP_MISS:
		a->type = RSP_END;
		break;
	case OP_HIT:
		a->type = RSP_VALUE;
		read_hit(r, reply, r->server[side]);
		break;
	default:
		a->type = (uint8_t)reply->rsp->type;
		n = reply->rsp->line_len;
		if (n > REQ_LINE_MAX) { /* an error text that goes on and on */
			memcpy(a->line, reply->p, REQ_LINE_MAX - 2);
			memcpy(a->line + REQ_LINE_MAX - 2, "\r\n", 2);
			n = REQ_LINE_MAX;
		} else {
			memcpy(a->line, reply->p, n);
		}
		a->len = (uint8_t)n;
	}
}

static void
write_done(struct req *r, enum req_side side, enum op_result result, const struct op_reply *reply)
{
	if (result == OP_LATE) {
		if (!r->answered)
			REQ_ANSWER_TEXT(r, SERVER_SILENT);
		return;
	}
	r->in_flight--;
	if (r->answered && !r->early) { /* too late: but who was away has missed it */
		for (int i = 0; i < 2; i++)
			if (r->server[i] != NULL && !server_usable(r->server[i]))
				server_misses(r->server[i], r->key, r->key_len);
		req_check(r);
		return;
	}
	write_note(r, side, result, reply);
	if (ack_leader && side == REQ_LEADER && result != OP_LOST && r->in_flight > 0 &&
	    !r->answered && !r->repaired && !epoch_is_raising(&farm->epoch)) {
		r->early = 1; /* the follower's answer is judged all the same */
		write_answer(r, REQ_LEADER);
	}
	if (r->in_flight == 0)
		write_judge(r);
}

static void
write_leader_done(struct op *op, enum op_result result, const struct op_reply *reply)
{
	write_done(req_of(op, REQ_LEADER), REQ_LEADER, result, reply);
}

static void
write_follower_done(struct op *op, enum op_result result, const struct op_reply *reply)
{
	write_done(req_of(op, REQ_FOLLOWER), REQ_FOLLOWER, result, reply);
}

/* ---- starting ---- */

static void
req_start(struct req *r)
{
	struct hold *h = hold_busy(r->key, r->key_len);

	if (h != NULL) {
		req_keep_body(r);
		hold_wait(h, &r->waiter);
		return;
	}
	if (r->cmd == REQ_GET || r->cmd == REQ_GETS)
		read_start(r);
	else
		write_start(r);
}

static void
req_resume(struct hold_waiter *w)
{
	struct req *r = (struct req *)((char *)w - offsetof(struct req, waiter));

	req_start(r);
}

/* The body in the client's window is not there after the call that brought it. */
static void
req_forget_body(struct req *r)
{
	if (r->blob == NULL)
		r->body = NULL;
}

static void
req_count(enum req_cmd cmd)
{
	switch (cmd) {
	case REQ_GET:
	case REQ_GETS:
		stats.cmd_get++;
		break;
	case REQ_GAT:
	case REQ_GATS:
	case REQ_TOUCH:
		stats.cmd_touch++;
		break;
	case REQ_DELETE:
		stats.cmd_delete++;
		break;
	case REQ_INCR:
	case REQ_DECR:
		stats.cmd_arith++;
		break;
	default:
		stats.cmd_set++;
		break;
	}
}

void
req_submit(struct req_queue *q, const struct proto_req *p, const char *base, struct blob *blob,
	   const char *body)
{
	struct req *r = req_new(q, p->cmd);

	req_count(p->cmd);
	req_set_key(r, base + p->key, p->key_len);
	r->noreply = p->noreply;
	r->flags = p->flags;
	r->exptime = p->exptime;
	r->number = p->number;
	r->waiter.resume = req_resume;
	if (body != NULL) {
		r->body = body;
		r->body_len = p->body_len + 2;
		q->bytes += r->body_len;
		if (blob != NULL)
			r->blob = blob_ref(blob);
	}
	r->in_flight++; /* without a server the answer is there at once: keeps r until we are through */
	req_start(r);
	r->in_flight--;
	req_forget_body(r);
	req_check(r);
}

void
req_submit_get(struct req_queue *q, enum req_cmd cmd, int32_t exptime, const char *key, size_t len,
	       int last)
{
	struct req *r = req_new(q, cmd);

	req_count(cmd);
	req_set_key(r, key, len);
	r->exptime = exptime;
	r->last = last != 0;
	r->waiter.resume = req_resume;
	if (marker_is_key(key, len))
		read_nothing(r); /* ours: nobody else's */
	else
		req_start(r);
}

void
req_submit_text(struct req_queue *q, const char *text, size_t len)
{
	struct req *r = req_new(q, REQ_VERSION);

	req_answer_line(r, text, len);
}

void
req_submit_buf(struct req_queue *q, struct buf *reply)
{
	struct req *r = req_new(q, REQ_STATS);

	buf_splice(&r->held, reply);
	req_answer_now(r);
}

struct req *
req_submit_later(struct req_queue *q)
{
	return req_new(q, REQ_FLUSH_ALL);
}

void
req_complete(struct req *r, const char *text)
{
	if (text == NULL)
		req_answer_now(r);
	else
		req_answer_line(r, text, strlen(text));
}

void
req_submit_silent_delete(struct req_queue *q, const char *key, size_t len)
{
	struct proto_req p = {.cmd = REQ_DELETE, .key_len = (uint32_t)len, .noreply = 1};

	req_submit(q, &p, key, NULL, NULL);
	stats.cmd_delete--;
}

/* ---- queues ---- */

void
req_queue_setup(struct req_queue *q, struct buf *out, void (*progress)(struct req_queue *q))
{
	TAILQ_INIT(&q->reqs);
	q->n = 0;
	q->bytes = 0;
	q->out = out;
	q->get_failed = 0;
	q->progress = progress;
}

size_t
req_queue_bytes(const struct req_queue *q)
{
	const struct req *r;
	size_t n = q->bytes;

	TAILQ_FOREACH(r, &q->reqs, link)
	n += r->held.len;
	return n;
}

void
req_queue_abandon(struct req_queue *q)
{
	struct req *r;

	while ((r = TAILQ_FIRST(&q->reqs)) != NULL) {
		TAILQ_REMOVE(&q->reqs, r, link);
		q->n--;
		r->queue = NULL;
		buf_clear(&r->held);
		req_check(r);
	}
}
