/* req_read: get and gets. See req_read.h. */
#include "req_read.h"

#include <string.h>

#include "hold.h"
#include "mirror.h"
#include "req_meta.h"
#include "stats.h"

/* The window of retrievals: even huge values are asked for a few at a time, small ones by the many. */
#define WINDOW_MIN 16
#define WINDOW_MAX 1024

static struct farm *farm;
static uint32_t typical = 256; /* bytes of a VALUE block of late: quick to grow, slow to shrink */

static void read_slow(struct op *op);
static void read_done(struct op *op, enum op_result result, const struct op_reply *reply);

void
req_read_init(struct farm *f)
{
	farm = f;
}

unsigned
req_window(size_t bytes)
{
	size_t n = bytes / typical;

	return n < WINDOW_MIN ? WINDOW_MIN : n > WINDOW_MAX ? WINDOW_MAX : (unsigned)n;
}

static struct op *
read_send_meta(struct req *r, enum req_side side,
	       void (*done)(struct op *, enum op_result, const struct op_reply *))
{
	char line[REQ_META_LINE_MAX];
	struct op *op = req_op(r, side, OP_META, 0, done);

	backend_send(req_conn(r, side), op, line, req_meta_line(r, REQ_LEADER, line), NULL, NULL,
		     0);
	return op;
}

/* Asks one side. */
static struct op *
read_send(struct req *r, enum req_side side,
	  void (*done)(struct op *, enum op_result, const struct op_reply *))
{
	struct op *op;

	if (r->meta != NULL)
		return read_send_meta(r, side, done);
	op = req_op(r, side, r->cmd == REQ_GET || r->cmd == REQ_GAT ? OP_GET : OP_GETS, 0, done);
	backend_get(req_conn(r, side), op, 1);
	return op;
}

static void
read_ask(struct req *r, struct server *s)
{
	r->server[REQ_LEADER] = s;
	read_send(r, REQ_LEADER, read_done)->slow = read_slow;
}

void
req_read_start(struct req *r)
{
	struct route to = farm_route(farm, r->key, r->key_len, ROUTE_READ);

	if (to.leader == NULL) {
		REQ_ANSWER_TEXT(r, REQ_NO_SERVER);
		return;
	}
	r->server[REQ_FOLLOWER] = to.follower;
	read_ask(r, to.leader);
}

static void
read_size(uint32_t total)
{
	if (total > typical)
		typical += (total - typical + 3) / 4;
	else
		typical -= (typical - total) / 64;
}

void
req_read_hit(struct req *r, const struct op_reply *reply, unsigned n, const struct server *from)
{
	const struct proto_rsp *rsp = reply->rsp;
	struct buf *out = &r->held;

	for (unsigned i = 0; i < n; i++)
		read_size(n == 1 ? rsp->total : rsp->total / n);
	if (r->queue == NULL)
		return;
	stats.get_hits += n;
	stats_command[r->cmd].hits += n;
	/* The head's bytes need no detour. A gat may yet have to wait for the follower. */
	if (r->cmd <= REQ_GETS && TAILQ_FIRST(&r->queue->reqs) == r && buf_empty(&r->held)) {
		if (r->queue->get_failed)
			return;
		out = r->queue->out;
	}
	if (r->cmd == REQ_GETS || r->cmd == REQ_GATS) {
		char token[24] = " ";
		size_t len = 1 + proto_decimal(token + 1, farm_cas_out(from, rsp->cas));
		buf_add(out, reply->p, rsp->head_len);
		buf_add(out, token, len);
		buf_add(out, "\r\n", 2);
		buf_add_slice(out, reply->blob, reply->p + rsp->line_len, rsp->body_len + 2);
	} else {
		buf_add_slice(out, reply->blob, reply->p, rsp->total);
	}
}

void
req_read_nothing(struct req *r)
{
	stats.get_misses++;
	stats_command[r->cmd].misses++;
	if (r->meta != NULL)
		req_meta_say(r, "EN");
	else
		req_answer_now(r);
}

void
req_read_mirror(const struct req *r, const struct op_reply *reply)
{
	if (r->meta->cmd == META_GET && req_meta_is_hit(reply->rsp->type) &&
	    !meta_has(r->meta, 'u') && !req_meta_says(reply, 'W') && !req_meta_says(reply, 'X') &&
	    !req_meta_says(reply, 'Z'))
		mirror_hit(r->server[REQ_FOLLOWER], r->server[REQ_LEADER], r->key, r->key_len);
}

/* mg and me: the answer of a side is the client's. */
static void
read_meta(struct req *r, enum req_side side, const struct op_reply *reply)
{
	if (reply->rsp->type == RSP_VA)
		read_size(reply->rsp->total);
	if (side == REQ_LEADER)
		req_read_mirror(r, reply);
	req_meta_count(r, reply->rsp->type);
	req_meta_note(r, side, reply);
	if (side == REQ_FOLLOWER)
		req_meta_stand_in(r);
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
		req_read_hit(r, reply, 1, r->server[REQ_FOLLOWER]);
		req_answer_now(r);
	} else if (result == OP_ANSWER && r->meta != NULL && req_meta_is_hit(reply->rsp->type)) {
		stats.hedge_hits++;
		read_meta(r, REQ_FOLLOWER, reply);
	}
}

/* A cas unique is the leader's own, and so is what me tells. */
static int
read_may_hedge(const struct req *r)
{
	if (r->meta != NULL)
		return r->meta->cmd == META_GET && !meta_has(r->meta, 'c');
	return r->cmd == REQ_GET;
}

static void
read_slow(struct op *op)
{
	struct req *r = req_of(op, REQ_LEADER);
	struct server *f = r->server[REQ_FOLLOWER];

	/* More than the leader's op in flight: it is asked already. */
	if (r->answered || r->in_flight > 1 || !read_may_hedge(r) || f == NULL ||
	    !server_usable(f) || f->replica.state != REPLICA_CURRENT ||
	    f == r->server[REQ_LEADER] || req_overtaken(r))
		return;
	/* A write on the key that both have not answered yet: they may turn out to differ. */
	if (hold_busy(r->key, r->key_len) != NULL ||
	    backend_writes_key(req_conn(r, REQ_LEADER), r->key, r->key_len) ||
	    backend_writes_key(req_conn(r, REQ_FOLLOWER), r->key, r->key_len))
		return;
	stats.hedges++;
	read_send(r, REQ_FOLLOWER, read_hedged);
}

static void
read_done(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct req *r = req_of(op, REQ_LEADER);

	if (result == OP_LATE) {
		if (!r->answered) /* by the other copy */
			REQ_ANSWER_TEXT(r, REQ_SERVER_SILENT);
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
		req_read_hit(r, reply, 1, r->server[REQ_LEADER]);
		req_answer_now(r);
		break;
	case OP_MISS:
		req_read_nothing(r); /* the leader's word counts */
		break;
	case OP_LOST:
		stats.retries++;
		if (++r->tries > REQ_TRIES_MAX)
			REQ_ANSWER_TEXT(r, REQ_SERVER_LOST);
		else if (req_overtaken(r))
			req_read_nothing(r); /* a miss is allowed, the future is not */
		else
			req_read_start(r);
		break;
	default:
		if (r->meta != NULL)
			read_meta(r, REQ_LEADER, reply);
		else
			req_answer_line(r, reply->p, reply->rsp->line_len);
		break;
	}
}
