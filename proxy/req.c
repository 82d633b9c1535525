/* req: one client command on one key, and the queue in which it waits. See req.h. */
#include "req.h"

#include <string.h>

#include "spare.h"
#include "stats.h"

/* So many are kept for reuse at most; what a burst needed beyond it goes back at once. */
#ifndef KEEP_MAX
#define KEEP_MAX 1024
#endif

static struct spare reqs = {.what = "a command", .size = sizeof(struct req), .max = KEEP_MAX};
static struct spare metas = {
    .what = "a meta command", .size = sizeof(struct meta_flags), .max = KEEP_MAX};
static unsigned unanswered;
static unsigned used_metas;

unsigned
req_unanswered(void)
{
	return unanswered;
}

size_t
req_bytes(void)
{
	return unanswered * sizeof(struct req) + used_metas * sizeof(struct meta_flags);
}

/* ---- life ---- */

static struct req *
req_make(struct req_queue *q, enum req_cmd cmd)
{
	struct req *r = spare_take(&reqs);

	r->queue = q;
	r->cmd = (uint8_t)cmd;
	r->in_flight = r->answered = r->last = r->noreply = r->failed = r->tries = 0;
	r->holding = r->early = r->repaired = r->makes = r->key_len = 0;
	r->weight = 1;
	r->n_keys = r->n_hits = 0;
	r->server[REQ_LEADER] = r->server[REQ_FOLLOWER] = NULL;
	r->answer[REQ_LEADER].asked = r->answer[REQ_FOLLOWER].asked = 0;
	r->answer[REQ_LEADER].done = r->answer[REQ_FOLLOWER].done = 0;
	r->blob = NULL;
	r->body = NULL;
	r->meta = NULL;
	r->body_len = 0;
	r->held = (struct buf){NULL, NULL, 0};
	r->other = (struct buf){NULL, NULL, 0};
	q->n++;
	unanswered++;
	return r;
}

struct req *
req_new(struct req_queue *q, enum req_cmd cmd)
{
	struct req *r = req_make(q, cmd);

	TAILQ_INSERT_TAIL(&q->reqs, r, link);
	return r;
}

struct req *
req_new_behind(struct req *r, enum req_cmd cmd)
{
	struct req_queue *q = r->queue;
	struct req *one = req_make(q, cmd);

	TAILQ_INSERT_AFTER(&q->reqs, r, one, link);
	return one;
}

void
req_set_key(struct req *r, const char *key, size_t len)
{
	memcpy(r->key, key, len);
	r->key_len = (uint8_t)len;
}

void
req_set_meta(struct req *r, const struct meta_flags *flags)
{
	r->meta = spare_take(&metas);
	memcpy(r->meta, flags, offsetof(struct meta_flags, text) + flags->text_len);
	used_metas++;
}

static void
req_drop_meta(struct req *r)
{
	spare_give(&metas, r->meta);
	r->meta = NULL;
	used_metas--;
}

/* mg that asks for nothing but what is there, and me. */
static int
meta_reads(const struct meta_flags *f)
{
	return f->cmd == META_DEBUG ||
	       (f->cmd == META_GET && !meta_has(f, 'N') && !meta_has(f, 'R') && !meta_has(f, 'T'));
}

int
req_is_write(const struct req *r)
{
	return r->meta != NULL ? !meta_reads(r->meta) : r->cmd > REQ_GETS;
}

void
req_check(struct req *r)
{
	if (!r->answered || r->in_flight > 0 || r->queue != NULL)
		return;
	if (r->meta != NULL)
		req_drop_meta(r);
	if (r->blob != NULL)
		blob_unref(r->blob);
	buf_clear(&r->held);
	buf_clear(&r->other);
	spare_give(&reqs, r);
}

/* Puts the answer of the queue's head out. */
static void
queue_emit(struct req_queue *q, struct req *r)
{
	if (req_is_retrieval(r)) {
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
		q->n -= r->weight;
		queue_emit(q, r);
		r->queue = NULL;
		req_check(r);
	}
	q->progress(q);
}

void
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

/* What it comes to for the counters of the command. */
static void
req_count(const struct req *r, const char *line, size_t len)
{
	struct stats_command *c = &stats_command[r->cmd];
	int word = len >= 6; /* else a small number */

	if (word && (memcmp(line, "SERVER", 6) == 0 || memcmp(line, "CLIENT", 6) == 0 ||
		     memcmp(line, "ERROR", 5) == 0))
		c->errors++;
	else if (r->cmd < REQ_CAS || r->cmd > REQ_TOUCH)
		return; /* reads are counted where their values are; a store cannot miss */
	else if (word && memcmp(line, "NOT_FO", 6) == 0)
		c->misses++;
	else if (!word || memcmp(line, "EXISTS", 6) != 0)
		c->hits++;
}

void
req_answer_line(struct req *r, const char *line, size_t len)
{
	req_count(r, line, len);
	if (r->noreply || r->queue == NULL) {
		req_answer_now(r);
		return;
	}
	if (len >= 6 && (memcmp(line, "SERVER", 6) == 0))
		stats.server_errors++;
	else if (len >= 6 && (memcmp(line, "CLIENT", 6) == 0 || memcmp(line, "ERROR", 5) == 0))
		stats.client_errors++;
	r->failed = 1; /* only looked at for a retrieval */
	if (r->meta != NULL)
		buf_clear(&r->held); /* a server's answer that is not to be told any more */
	buf_add(&r->held, line, len);
	req_answer_now(r);
}

int
req_overtaken_on(const struct req *r, const char *key, size_t len)
{
	if (r->queue == NULL)
		return 0;
	for (const struct req *n = TAILQ_NEXT(r, link); n != NULL; n = TAILQ_NEXT(n, link))
		if (req_is_write(n) && n->key_len == len && memcmp(n->key, key, len) == 0)
			return 1;
	return 0;
}

int
req_overtaken(const struct req *r)
{
	return req_overtaken_on(r, r->key, r->key_len);
}

struct op *
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
	op->list_len = 0;
	op->slow = NULL;
	r->in_flight++;
	return op;
}

void
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
	n += r->held.len + r->other.len;
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
