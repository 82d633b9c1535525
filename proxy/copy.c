/* copy: moves one item from the leader to the follower. See copy.h. */
#include "copy.h"

#include <string.h>
#include <time.h>

#include "ring.h"
#include "wire.h"

#define BUCKETS 1024

LIST_HEAD(copy_list, copy);

unsigned copy_reading;

static struct copy_list table[BUCKETS]; /* those that are reading */

static void copy_read(struct copy *c);

static struct copy *
copy_of(struct op *op)
{
	return (struct copy *)((char *)op - offsetof(struct copy, op));
}

static struct copy_list *
bucket(const char *key, size_t len)
{
	return &table[ring_hash(key, len) % BUCKETS];
}

void
copy_touch(const char *key, size_t len)
{
	struct copy *c;

	LIST_FOREACH(c, bucket(key, len), link)
	if (c->key_len == len && memcmp(c->key, key, len) == 0)
		c->touched = 1;
}

static void
copy_end(struct copy *c, enum copy_result result)
{
	void (*done)(struct copy *, enum copy_result) = c->done;

	if (c->holding) {
		c->holding = 0;
		hold_release(&c->hold);
	}
	done(c, result);
}

static int
copy_possible(const struct copy *c)
{
	return replica_usable(&c->from->replica) && replica_usable(&c->to->replica);
}

static void
copy_send(struct copy *c, struct server *s, enum op_kind kind,
	  void (*done)(struct op *, enum op_result, const struct op_reply *), const char *line,
	  size_t len, const struct op_reply *body)
{
	c->op = (struct op){.done = done,
			    .key = c->key,
			    .key_len = c->key_len,
			    .kind = (uint8_t)kind,
			    .write = s == c->to};
	if (body != NULL)
		backend_send(server_conn(s, c->key, c->key_len), &c->op, line, len, body->blob,
			     body->p + body->rsp->line_len, body->rsp->body_len + 2);
	else
		backend_send(server_conn(s, c->key, c->key_len), &c->op, line, len, NULL, NULL, 0);
}

static void
copy_on_deleted(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct copy *c = copy_of(op);

	(void)reply;
	if (result == OP_LATE)
		return;
	copy_end(c, result == OP_LOST ? COPY_LOST : c->refused ? COPY_REFUSED : COPY_DONE);
}

static void
copy_delete(struct copy *c)
{
	char line[WIRE_LINE_MAX];

	copy_send(c, c->to, OP_DELETE, copy_on_deleted, line, wire_delete(line, c->key, c->key_len),
		  NULL);
}

static void
copy_on_written(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct copy *c = copy_of(op);

	if (result == OP_LATE)
		return;
	if (result == OP_LOST) {
		copy_end(c, COPY_LOST);
	} else if (reply->rsp->type == RSP_HD || reply->rsp->type == RSP_NS) {
		c->stored = reply->rsp->type == RSP_HD;
		copy_end(c, COPY_DONE);
	} else {
		c->refused = 1;
		if (copy_possible(c))
			copy_delete(c);
		else
			copy_end(c, COPY_LOST);
	}
}

/* What is asked of the leader: see wire_meta_get(). */
struct item {
	uint64_t flags;
	int64_t ttl; /* seconds; -1: for ever */
	int special; /* W, X or Z: somebody is renewing it; not to be copied */
	int won;     /* W: it is us, who were not asked to */
	uint64_t unique;
};

/* The flags behind "VA <bytes>": " f5 t-1 c7 …". */
static void
item_read(struct item *it, const char *p, const struct proto_rsp *rsp)
{
	const char *end = p + rsp->line_len - 2;

	*it = (struct item){.ttl = -1};
	for (p += rsp->head_len; p < end; p++) {
		char what = p[1]; /* p is at a space */
		int minus;
		uint64_t v = 0;

		p += 2;
		minus = p < end && *p == '-';
		for (p += minus; p < end && *p >= '0' && *p <= '9'; p++)
			v = v * 10 + (uint64_t)(*p - '0');
		if (what == 'f')
			it->flags = v;
		else if (what == 't')
			it->ttl = minus ? -1 : (int64_t)(v < INT32_MAX ? v : INT32_MAX);
		else if (what == 'c')
			it->unique = v;
		else if (what == 'W' || what == 'X' || what == 'Z')
			it->special = 1;
		it->won |= what == 'W';
		while (p < end && *p != ' ')
			p++;
		p--;
	}
}

/* A client's write between is to be seen. */
static void
copy_watch(struct copy *c)
{
	LIST_INSERT_HEAD(bucket(c->key, c->key_len), c, link);
	copy_reading++;
}

static void
copy_unwatch(struct copy *c)
{
	LIST_REMOVE(c, link);
	copy_reading--;
}

static void
copy_again(struct copy *c)
{
	if (++c->restarts >= COPY_RESTARTS_MAX && !c->holding &&
	    hold_busy(c->key, c->key_len) == NULL) {
		hold_take(&c->hold, c->key, c->key_len);
		c->holding = 1;
	}
	copy_read(c);
}

/* The follower is to have nothing, or what it has. */
static void
copy_nothing(struct copy *c)
{
	if (c->mode == COPY_REPLACE)
		copy_delete(c);
	else
		copy_end(c, COPY_DONE);
}

static void
copy_on_given_back(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct copy *c = copy_of(op);

	(void)reply;
	if (result == OP_LATE)
		return;
	copy_unwatch(c);
	if (result == OP_LOST || !copy_possible(c))
		copy_end(c, COPY_LOST);
	else if (c->touched)
		copy_again(c);
	else
		copy_nothing(c);
}

/*
 * The item is stale, and our read has won the right to renew it, of which we make no use: the next
 * reader is to win it. By its unique, so that nothing happens to what a client has written since.
 */
static void
copy_give_back(struct copy *c, uint64_t unique)
{
	char line[WIRE_LINE_MAX];

	copy_watch(c);
	copy_send(c, c->from, OP_META, copy_on_given_back, line,
		  wire_meta_stale(line, c->key, c->key_len, unique), NULL);
}

static void
copy_write(struct copy *c, const struct item *it, const struct op_reply *reply)
{
	char line[WIRE_LINE_MAX];
	int64_t ttl = it->ttl;
	size_t n;

	c->size = reply->rsp->body_len;
	if (it->special || ttl == 0) { /* a T0 would live for ever */
		copy_nothing(c);
		return;
	}
	if (ttl > PROTO_RELATIVE_MAX)
		ttl += time(NULL);
	c->written = 1;
	n = wire_meta_set(line, c->key, c->key_len, reply->rsp->body_len, (uint32_t)it->flags, ttl,
			  c->mode != COPY_REPLACE);
	copy_send(c, c->to, OP_META, copy_on_written, line, n, reply);
}

static void
copy_on_read(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct copy *c = copy_of(op);
	struct item it;

	if (result == OP_LATE)
		return;
	copy_unwatch(c);
	if (result == OP_LOST || !copy_possible(c)) {
		copy_end(c, COPY_LOST);
		return;
	}
	if (reply->rsp->type == RSP_VA) {
		item_read(&it, reply->p, reply->rsp);
		if (it.won) {
			copy_give_back(c, it.unique);
			return;
		}
	}
	if (c->touched) {
		copy_again(c);
		return;
	}
	switch (reply->rsp->type) {
	case RSP_VA:
		copy_write(c, &it, reply);
		break;
	case RSP_EN:
		copy_nothing(c);
		break;
	default: /* the leader cannot even read it (out of memory, say): a miss is no lie */
		c->refused = 1;
		copy_delete(c);
		break;
	}
}

static void
copy_read(struct copy *c)
{
	char line[WIRE_LINE_MAX];

	c->touched = 0;
	copy_watch(c);
	copy_send(c, c->from, OP_META, copy_on_read, line, wire_meta_get(line, c->key, c->key_len),
		  NULL);
}

static void
copy_on_asked(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct copy *c = copy_of(op);

	if (result == OP_LATE)
		return;
	if (result == OP_LOST || !copy_possible(c))
		copy_end(c, COPY_LOST);
	else if (reply->rsp->type == RSP_EN)
		copy_read(c);
	else
		copy_end(c, COPY_DONE);
}

/* Has the follower the key? */
static void
copy_ask(struct copy *c)
{
	char line[WIRE_LINE_MAX];

	copy_send(c, c->to, OP_META, copy_on_asked, line, wire_meta_touch(line, c->key, c->key_len),
		  NULL);
}

void
copy_start(struct copy *c, struct server *from, struct server *to, const char *key, size_t len,
	   enum copy_mode mode)
{
	c->from = from;
	c->to = to;
	c->mode = (uint8_t)mode;
	c->size = 0;
	c->restarts = c->refused = c->written = c->stored = c->holding = 0;
	memcpy(c->key, key, len);
	c->key_len = (uint8_t)len;
	if (mode == COPY_MISSING)
		copy_ask(c);
	else
		copy_read(c);
}
