/* req_list: a get of many keys as one req. See req_list.h. */
#include "req_list.h"

#include <string.h>

#include "hold.h"
#include "mirror.h"
#include "req_read.h"
#include "stats.h"

static struct farm *farm;

void
req_list_init(struct farm *f)
{
	farm = f;
}

int
req_list_can(void)
{
	return farm->ring.n_primary == 1 && farm->ring.n_backup <= 1 &&
	       farm->servers[0].n_conns == 1 && hold_count == 0;
}

/* The next key of the list from *at. Returns its length, 0: there is none. */
static size_t
next_key(const struct req *r, uint32_t *at, const char **key)
{
	const char *p = r->body + *at, *space;
	size_t left = r->body_len - *at, len;

	if (left == 0)
		return 0;
	space = memchr(p, ' ', left);
	len = space != NULL ? (size_t)(space - p) : left;
	*key = p;
	*at += (uint32_t)(len + (space != NULL));
	return len;
}

/* Asks one side for the keys from at on. */
static void
list_ask(struct req *r, enum req_side side, uint32_t at,
	 void (*done)(struct op *, enum op_result, const struct op_reply *))
{
	enum op_kind kind = r->cmd == REQ_GET ? OP_GET : OP_GETS;
	struct op *op = req_op(r, side, kind, 0, done);

	op->key = r->body;
	op->list_len = r->body_len;
	op->list_at = at;
	backend_get(&r->server[side]->conns[0], op, r->n_keys);
}

static void
list_end(struct req *r)
{
	stats.get_misses += r->n_keys - r->n_hits;
	stats_command[r->cmd].misses += r->n_keys - r->n_hits;
	buf_clear(&r->other);
	req_answer_now(r);
}

/* The rest of the keys, each for itself, in its place. */
static void
list_take_apart(struct req *r, uint32_t at)
{
	struct req *first = NULL, *last = r, *next;
	const char *key;
	unsigned n = 0;
	size_t len;

	while (r->queue != NULL && (len = next_key(r, &at, &key)) > 0) {
		struct req *one = req_new_behind(last, (enum req_cmd)r->cmd);

		req_set_key(one, key, len);
		one->waiter = r->waiter;
		first = first != NULL ? first : one;
		last = one;
		n++;
	}
	if (first != NULL) {
		last->last = r->last;
		r->last = 0;
	}
	r->n_keys = (uint16_t)(r->n_keys - n);
	/* r is before them all: none of them leaves the queue before it does. */
	for (struct req *one = first; n > 0; n--, one = next) {
		next = TAILQ_NEXT(one, link);
		if (req_overtaken(one))
			req_read_nothing(one); /* a miss is allowed, the future is not */
		else
			one->waiter.resume(&one->waiter);
	}
	list_end(r);
}

/* ---- the follower is asked too ---- */

static void
list_hedged(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct req *r = req_of(op, REQ_FOLLOWER);

	if (result == OP_LATE)
		return;
	if (result == OP_ITEM) {
		if (r->answered)
			return;
		r->n_hedged = (uint16_t)(r->n_hedged + reply->n_items);
		buf_add_slice(&r->other, reply->blob, reply->p, reply->rsp->total);
		return;
	}
	r->in_flight--;
	if (r->answered) {
		req_check(r);
		return;
	}
	/* Only if it has them all, and the leader is as silent as it was: its misses say nothing. */
	if (result == OP_MISS && r->op[REQ_LEADER].list_at == r->hedge_at &&
	    r->n_hits + r->n_hedged == r->n_keys) {
		stats.hedge_hits += r->n_hedged;
		stats.get_hits += r->n_hedged;
		stats_command[r->cmd].hits += r->n_hedged;
		r->n_hits = r->n_keys;
		buf_splice(&r->held, &r->other);
		list_end(r);
		return;
	}
	buf_clear(&r->other);
}

/* Has nobody a write under way that the two servers may not both have executed? */
static int
list_is_quiet(const struct req *r, uint32_t at)
{
	const char *key;
	size_t len;

	while ((len = next_key(r, &at, &key)) > 0)
		if (hold_busy(key, len) != NULL ||
		    backend_writes_key(&r->server[REQ_LEADER]->conns[0], key, len) ||
		    backend_writes_key(&r->server[REQ_FOLLOWER]->conns[0], key, len) ||
		    req_overtaken_on(r, key, len))
			return 0;
	return 1;
}

static void
list_slow(struct op *op)
{
	struct req *r = req_of(op, REQ_LEADER);
	struct server *f = r->server[REQ_FOLLOWER];

	if (r->answered || r->in_flight > 1 || r->cmd != REQ_GET || f == NULL ||
	    !server_usable(f) || f->replica.state != REPLICA_CURRENT ||
	    !list_is_quiet(r, op->list_at))
		return;
	stats.hedges++;
	r->hedge_at = op->list_at;
	r->n_hedged = 0;
	list_ask(r, REQ_FOLLOWER, r->hedge_at, list_hedged);
}

/* ---- the leader ---- */

static void
list_done(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct req *r = req_of(op, REQ_LEADER);

	switch (result) {
	case OP_LATE:
		if (!r->answered)
			REQ_ANSWER_TEXT(r, REQ_SERVER_SILENT);
		return;
	case OP_ITEM:
		if (r->answered)
			return;
		r->n_hits = (uint16_t)(r->n_hits + reply->n_items);
		mirror_hits(r->server[REQ_FOLLOWER], r->server[REQ_LEADER], reply);
		req_read_hit(r, reply, reply->n_items, r->server[REQ_LEADER]);
		return;
	default:
		break;
	}
	r->in_flight--;
	if (r->answered) {
		req_check(r);
	} else if (result == OP_MISS) {
		list_end(r);
	} else {
		stats.retries++;
		list_take_apart(r, op->list_at);
	}
}

void
req_list_start(struct req *r, unsigned n)
{
	const char *first = NULL;
	uint32_t at = 0;
	size_t len = next_key(r, &at, &first);
	struct route to = farm_route(farm, first, len, ROUTE_READ);

	r->n_keys = (uint16_t)n;
	if (to.leader == NULL) {
		REQ_ANSWER_TEXT(r, REQ_NO_SERVER);
		return;
	}
	r->server[REQ_LEADER] = to.leader;
	r->server[REQ_FOLLOWER] = to.follower;
	list_ask(r, REQ_LEADER, 0, list_done);
	r->op[REQ_LEADER].slow = list_slow;
}
