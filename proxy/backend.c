/* backend: one pipelined connection to one server. See backend.h. */
#include "backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "proto_line.h"
#include "timer.h"

/* Values for a list that lie one behind the other: its asker is told of them together. */
struct run {
	unsigned n;
	struct op *op;
	struct op_reply reply;
	struct proto_rsp rsp;
	struct op_item items[OP_ITEMS_MAX];
};

/*
 * What is in no hurry waits so many milliseconds at most: nothing beside --hedge and --timeout; and so many of them,
 * so that a client's command behind them does not feel it.
 */
#define LATER_MS  5
#define LATER_MAX 16

static struct backend *
backend_of(struct io *io)
{
	return (struct backend *)((char *)io - offsetof(struct backend, io));
}

static unsigned
write_place(const char *key, size_t len)
{
	uint64_t end = 0; /* keys differ at their ends */

	memcpy(&end, key + (len < 8 ? 0 : len - 8), len < 8 ? len : 8);
	return (unsigned)(end * UINT64_C(0x9e3779b97f4a7c15) >> 56) % BACKEND_WRITES;
}

static struct op *
fifo_pop(struct backend *b)
{
	struct op *op = STAILQ_FIRST(&b->fifo);

	/* The first of all is the first of its list. */
	if (op->write && op->key != NULL)
		STAILQ_REMOVE_HEAD(&b->writes[write_place(op->key, op->key_len)], write_link);
	STAILQ_REMOVE_HEAD(&b->fifo, link);
	b->n--;
	if (b->batch == op)
		b->batch = NULL;
	return op;
}

/* The same for one that was answered: how long that took is counted. */
static inline struct op *
fifo_answered(struct backend *b)
{
	struct op *op = fifo_pop(b);

	if (!op->unhurried)
		stats_latency_add(&b->latency, timer_now_us - op->sent_us);
	return op;
}

static void
fifo_push(struct backend *b, struct op *op)
{
	op->sent_us = timer_now_us;
	op->late = op->unhurried = 0;
	if (op->write && op->key != NULL)
		STAILQ_INSERT_TAIL(&b->writes[write_place(op->key, op->key_len)], op, write_link);
	STAILQ_INSERT_TAIL(&b->fifo, op, link);
	if (b->n++ == 0 && !b->end_due) {
		b->alive_ms = timer_now_ms;
		b->ops->busy(b);
	}
}

/* The line failed as a whole: one key alone gets the error, merged ones are each asked again alone. */
static void
batch_failed(struct backend *b, const struct op_reply *reply)
{
	struct op_fifo again = STAILQ_HEAD_INITIALIZER(again);
	struct op *op;
	int end;

	do {
		op = fifo_answered(b);
		end = op->batch_end;
		if (op->list_len > 0 && op->list_at == op->list_len) {
			op->done(op, OP_MISS, NULL); /* it has had all its values */
		} else if (op->alone || op->late || (end && STAILQ_EMPTY(&again))) {
			op->done(op, OP_ANSWER, reply);
		} else {
			op->alone = 1;
			STAILQ_INSERT_TAIL(&again, op, link);
		}
	} while (!end);
	while ((op = STAILQ_FIRST(&again)) != NULL) {
		STAILQ_REMOVE_HEAD(&again, link);
		backend_get(b, op, 1); /* of a line of its own nobody counts the keys */
	}
}

/* Is the value for the op? Of a list: for a key that nothing was said of, or one behind it. */
static int
op_takes(struct op *op, const char *key, uint32_t len)
{
	uint32_t at = op->list_at;

	if (op->list_len == 0)
		return op->key_len == len && proto_same(op->key, key, len);
	while (at < op->list_len) {
		const char *p = op->key + at;
		uint32_t left = op->list_len - at;
		const char *space;

		if (left >= len && proto_same(p, key, len) && (left == len || p[len] == ' ')) {
			op->list_at = at + len + (left > len);
			return 1;
		}
		space = memchr(p, ' ', left);
		at = space != NULL ? (uint32_t)(space - op->key) + 1 : op->list_len;
	}
	return 0;
}

/* Was the key asked for in the line that is being answered? Nothing is changed. */
static int
batch_asks_for(const struct backend *b, const char *key, uint32_t len)
{
	struct op *op;

	STAILQ_FOREACH(op, &b->fifo, link)
	{
		uint32_t at = op->list_at;
		int takes = op_takes(op, key, len);

		op->list_at = at;
		if (takes || op->batch_end)
			return takes;
	}
	return 0;
}

/*
 * Whom in the line the value is for; those before it have missed. NULL: nobody asked for that key, which says
 * nothing of the keys that were asked for.
 */
static inline struct op *
batch_taker(struct backend *b, const char *key, uint32_t len)
{
	struct op *op = STAILQ_FIRST(&b->fifo);

	if (op_takes(op, key, len))
		return op;
	if (!batch_asks_for(b, key, len))
		return NULL;
	do {
		fifo_answered(b);
		op->done(op, OP_MISS, NULL);
		op = STAILQ_FIRST(&b->fifo);
	} while (op != NULL && !op_takes(op, key, len));
	return op;
}

/* What is in a run is set where the first value joins it. */
static inline void
run_begin(struct run *run)
{
	run->n = 0;
}

/* The next value for op. */
static inline void
run_add(struct run *run, struct op *op, const struct op_reply *reply)
{
	const struct proto_rsp *rsp = reply->rsp;
	uint32_t from;

	if (run->n == 0) {
		run->op = op;
		run->rsp = *rsp;
		run->rsp.total = 0;
		run->reply = (struct op_reply){reply->p, &run->rsp, reply->blob, run->items, 0};
	}
	from = run->rsp.total;
	run->items[run->n++] = (struct op_item){from + rsp->key, rsp->key_len};
	run->rsp.total += rsp->total;
}

/* Is the reply for the list that is being answered? Then it has joined the run. */
static inline int
run_takes(const struct backend *b, struct run *run, const struct op_reply *reply)
{
	const struct proto_rsp *rsp = reply->rsp;
	struct op *op = STAILQ_FIRST(&b->fifo);

	if (rsp->type != RSP_VALUE || b->end_due || op == NULL || op->list_len == 0 ||
	    op->kind != OP_GET || !op_takes(op, reply->p + rsp->key, rsp->key_len))
		return 0;
	run_add(run, op, reply);
	return 1;
}

static void
run_end(struct run *run)
{
	if (run->n == 0)
		return;
	run->reply.n_items = run->n;
	run->n = 0;
	run->op->done(run->op, OP_ITEM, &run->reply);
}

/* A reply to a get line. Returns 0, or -1 when it fits nothing that was asked. */
static int
on_retrieval(struct backend *b, const struct op_reply *reply)
{
	const struct proto_rsp *rsp = reply->rsp;
	struct op *op = STAILQ_FIRST(&b->fifo);
	int end;

	switch (rsp->type) {
	case RSP_VALUE:
		if (op->kind == OP_GETS && !rsp->has_cas)
			return -1;
		op = batch_taker(b, reply->p + rsp->key, rsp->key_len);
		if (op == NULL)
			return -1;
		end = op->batch_end;
		if (op->list_len > 0) { /* stays until a value of another one comes, or END */
			struct run one;

			run_begin(&one);
			run_add(&one, op, reply);
			run_end(&one);
			return 0;
		}
		fifo_answered(b);
		b->end_due = (uint8_t)end;
		op->done(op, OP_HIT, reply);
		return 0;
	case RSP_END:
		do {
			op = fifo_answered(b);
			end = op->batch_end;
			op->done(op, OP_MISS, NULL);
		} while (!end);
		return 0;
	case RSP_ERROR:
	case RSP_CLIENT_ERROR:
	case RSP_SERVER_ERROR:
		batch_failed(b, reply);
		return 0;
	default:
		return -1;
	}
}

/* A line of a listing. Returns 0, or -1 when it is none. */
static int
on_listing(struct backend *b, const struct op_reply *reply)
{
	struct op *op = STAILQ_FIRST(&b->fifo);

	switch (reply->rsp->type) {
	case RSP_STAT:
		op->done(op, OP_ITEM, reply);
		return 0;
	case RSP_END:
	case RSP_ERROR:
	case RSP_CLIENT_ERROR:
	case RSP_SERVER_ERROR:
		fifo_pop(b);
		op->done(op, OP_ANSWER, reply);
		return 0;
	default:
		return -1;
	}
}

static int
is_error(enum rsp_type t)
{
	return t >= RSP_ERROR;
}

/*
 * May this reply answer an op of this kind? (protocol.txt.) One that may not is the answer to another op: the
 * server has left one out, or is no memcached.
 */
static int
is_answer(enum op_kind kind, enum rsp_type t)
{
#define A(type) (UINT32_C(1) << RSP_##type)
	static const uint32_t answers[] = {
	    [OP_STORAGE] = A(STORED) | A(NOT_STORED) | A(EXISTS) | A(NOT_FOUND),
	    [OP_DELETE] = A(DELETED) | A(NOT_FOUND) | A(HD) | A(NF),
	    [OP_ARITH] = A(NUMBER) | A(NOT_FOUND),
	    [OP_TOUCH] = A(TOUCHED) | A(NOT_FOUND),
	    [OP_FLUSH] = A(OK),
	    [OP_VERSION] = A(VERSION),
	    [OP_META] = A(HD) | A(EN) | A(NS) | A(EX) | A(NF) | A(ME) | A(VA),
	};
#undef A

	return is_error(t) || (answers[kind] >> t & 1) != 0;
}

/* One whole reply. Returns 0, or -1 when it is nonsense. */
static int
on_reply(struct backend *b, const struct op_reply *reply)
{
	struct op *op = STAILQ_FIRST(&b->fifo);

	if (b->end_due) {
		/* An error line in place of END: the values before it are whole all the same. */
		b->end_due = 0;
		return reply->rsp->type == RSP_END || reply->rsp->type == RSP_SERVER_ERROR ? 0 : -1;
	}
	if (op == NULL)
		return -1;
	if (op->kind == OP_STATS)
		return on_listing(b, reply);
	if (op->kind <= OP_GAT)
		return on_retrieval(b, reply);
	if (!is_answer((enum op_kind)op->kind, reply->rsp->type))
		return -1;
	fifo_answered(b);
	op->done(op, OP_ANSWER, reply);
	return 0;
}

/* "nonsense" with the start of what came, printable. */
static void
backend_nonsense(struct backend *b, const char *p, size_t n)
{
	char shown[41], why[80];
	size_t i;

	for (i = 0; i < n && i < sizeof(shown) - 1 && p[i] != '\r' && p[i] != '\n'; i++)
		shown[i] = p[i] >= ' ' && p[i] <= '~' ? p[i] : '.';
	shown[i] = '\0';
	snprintf(why, sizeof(why), "it talks nonsense: \"%s\"", shown);
	b->ops->lost(b, why);
}

static size_t
backend_data(struct io *io, const struct io_window *w)
{
	struct backend *b = backend_of(io);
	struct run run;
	size_t at = 0;

	run_begin(&run);
	b->alive_ms = timer_now_ms;
	if (b->overdue) {
		b->overdue = 0;
		b->ops->recovered(b);
		if (!io_is_open(io))
			return w->len;
	}
	while (at < w->len) {
		struct proto_rsp rsp;
		struct op_reply reply = {.p = w->p + at, .rsp = &rsp, .blob = w->blob};
		size_t need;
		enum proto_verdict v = proto_rsp_parse(w->p + at, w->len - at, &rsp, &need);

		if (v == PROTO_OK && run.n < OP_ITEMS_MAX && run_takes(b, &run, &reply)) {
			at += rsp.total;
			continue;
		}
		run_end(&run);
		if (!io_is_open(io))
			return w->len;
		if (v == PROTO_AGAIN && (b->n > 0 || b->end_due)) {
			io_need(io, need);
			return at;
		}
		if (v != PROTO_OK || on_reply(b, &reply) == -1) {
			backend_nonsense(b, w->p + at, w->len - at);
			return w->len;
		}
		if (!io_is_open(io))
			return w->len;
		at += rsp.total;
	}
	run_end(&run);
	return io_is_open(io) ? at : w->len;
}

static void
backend_hello_done(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct backend *b = (struct backend *)((char *)op - offsetof(struct backend, hello));
	uint32_t skip = sizeof("VERSION ") - 1;

	if (result != OP_ANSWER)
		return; /* lost() has been said, or will be */
	if (reply->rsp->type != RSP_VERSION || reply->rsp->line_len < skip + 2) {
		char why[80];
		snprintf(why, sizeof(why), "it does not say its version: \"%.40s\"",
			 reply->rsp->type == RSP_SERVER_ERROR ? "SERVER_ERROR" : "?");
		b->ops->lost(b, why);
		return;
	}
	b->ops->ready(b, reply->p + skip, reply->rsp->line_len - 2 - skip);
}

static void
backend_event(struct io *io, enum io_event ev)
{
	struct backend *b = backend_of(io);
	static const char version[] = "version\r\n";

	switch (ev) {
	case IO_CONNECTED:
		b->hello = (struct op){.kind = OP_VERSION, .done = backend_hello_done};
		backend_send(b, &b->hello, version, sizeof(version) - 1, NULL, NULL, 0);
		break;
	case IO_WROTE:
		b->batch = NULL; /* its line is on the way */
		b->n_later = 0;
		if (b->was_blocked)
			b->alive_ms = timer_now_ms;
		b->was_blocked = io->out.len > 0;
		break;
	case IO_EOF:
		b->ops->lost(b, "it closed the connection");
		break;
	case IO_ERROR:
		b->ops->lost(b, strerror(errno));
		break;
	}
}

static const struct io_ops backend_io_ops = {.event = backend_event, .data = backend_data};

static void
backend_on_later(struct timer *t, void *arg)
{
	struct backend *b = arg;

	(void)t;
	if (b->n_later > 0)
		io_dirty(&b->io);
}

void
backend_setup(struct backend *b, const struct backend_ops *ops, void *owner)
{
	memset(b, 0, sizeof(*b));
	b->ops = ops;
	b->owner = owner;
	STAILQ_INIT(&b->fifo);
	for (unsigned i = 0; i < BACKEND_WRITES; i++)
		STAILQ_INIT(&b->writes[i]);
	io_setup(&b->io, &backend_io_ops);
	timer_setup(&b->later, backend_on_later, b);
}

int
backend_connect(struct backend *b, const struct addr *to, unsigned user_timeout_ms)
{
	b->batch = NULL;
	b->end_due = b->was_blocked = b->overdue = 0;
	b->n_later = 0;
	return io_connect(&b->io, to, user_timeout_ms);
}

/* May the op's keys go into the line of the one before it? Then the line's end is taken back. */
static int
batch_takes(struct backend *b, const struct op *op, unsigned n_keys)
{
	return b->batch != NULL && b->batch->kind == op->kind && !op->alone && !b->batch->alone &&
	       b->batch_n + n_keys <= BACKEND_MERGE_MAX && buf_take_back(&b->io.out, 2);
}

void
backend_get(struct backend *b, struct op *op, unsigned n_keys)
{
	struct buf *out = io_out(&b->io);
	const char *word = op->kind == OP_GET ? "get " : "gets ";
	uint32_t word_len = op->kind == OP_GET ? 4 : 5;

	op->batch_end = 1;
	if (batch_takes(b, op, n_keys)) {
		b->batch->batch_end = 0;
		b->batch_n += n_keys;
		word = " ";
		word_len = 1;
	} else {
		b->batch_n = n_keys;
	}
	if (op->list_len > 0) {
		buf_add(out, word, word_len);
		buf_add(out, op->key + op->list_at, op->list_len - op->list_at);
		buf_add(out, "\r\n", 2);
	} else {
		char *at = buf_room(out, 5 + PROTO_KEY_MAX + 2);
		memcpy(at, word, word_len);
		memcpy(at + word_len, op->key, op->key_len);
		memcpy(at + word_len + op->key_len, "\r\n", 2);
		buf_put(out, word_len + op->key_len + 2u);
	}
	fifo_push(b, op);
	b->batch = op;
	io_dirty(&b->io);
}

static void
backend_queue(struct backend *b, struct op *op, const char *line, size_t line_len)
{
	op->batch_end = 1;
	buf_add(io_out(&b->io), line, line_len);
	fifo_push(b, op);
	b->batch = NULL;
}

void
backend_send(struct backend *b, struct op *op, const char *line, size_t line_len, struct blob *blob,
	     const char *body, size_t body_len)
{
	backend_queue(b, op, line, line_len);
	if (body_len > 0)
		buf_add_slice(io_out(&b->io), blob, body, body_len);
	io_dirty(&b->io);
}

void
backend_send_later(struct backend *b, struct op *op, const char *line, size_t line_len)
{
	backend_queue(b, op, line, line_len);
	op->unhurried = 1;
	if (b->io.dirty)
		return;
	if (++b->n_later == LATER_MAX)
		io_dirty(&b->io);
	else if (!b->later.armed)
		timer_set(&b->later, LATER_MS);
}

void
backend_each_write(const struct backend *b, void (*each)(const struct op *op, void *arg), void *arg)
{
	const struct op *op;

	STAILQ_FOREACH(op, &b->fifo, link)
	if (op->write)
		each(op, arg);
}

int
backend_writes_key(const struct backend *b, const char *key, size_t len)
{
	const struct op *op;

	STAILQ_FOREACH(op, &b->writes[write_place(key, len)], write_link)
	if (op->key_len == len && memcmp(op->key, key, len) == 0)
		return 1;
	return 0;
}

uint64_t
backend_oldest_ms(const struct backend *b)
{
	const struct op *op = STAILQ_FIRST(&b->fifo);

	return op != NULL ? op->sent_us / 1000 : UINT64_MAX;
}

uint64_t
backend_slow(struct backend *b, uint64_t now_ms, uint64_t hedge_ms)
{
	struct op *op;

	STAILQ_FOREACH(op, &b->fifo, link)
	{
		if (op->sent_us / 1000 + hedge_ms > now_ms)
			return op->sent_us / 1000 + hedge_ms;
		if (op->slow != NULL && !op->hedged) {
			op->hedged = 1;
			op->slow(op);
		}
	}
	return UINT64_MAX;
}

void
backend_close(struct backend *b)
{
	io_close(&b->io);
	timer_stop(&b->later);
	b->batch = NULL;
	b->end_due = 0;
}

void
backend_fail(struct backend *b)
{
	while (!STAILQ_EMPTY(&b->fifo)) {
		struct op *op = fifo_pop(b);
		op->done(op, OP_LOST, NULL);
	}
}

void
backend_late(struct backend *b, uint64_t sent_before_ms)
{
	struct op *op;

	STAILQ_FOREACH(op, &b->fifo, link)
	{
		if (op->sent_us / 1000 >= sent_before_ms)
			break;
		if (op->late)
			continue;
		op->late = 1;
		op->done(op, OP_LATE, NULL);
	}
}
