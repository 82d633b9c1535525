/* flush: flush_all, the barrier. See flush.h. */
#include "flush.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "stats.h"
#include "timer.h"

/* One that waits for quiet, or for its answers. */
struct flush {
	STAILQ_ENTRY(flush) link;
	struct req *req; /* NULL: the timer's own */
	struct hold_waiter waiter;
	uint8_t noreply;
	uint8_t ok;	 /* a server has done it */
	uint8_t refused; /* a server has said no: its text is in line */
	unsigned waits;	 /* servers that have not answered */
	char line[REQ_LINE_MAX];
};

/* What travels to one server; outlives its flush when the answer comes too late. */
struct flush_op {
	struct op op;
	struct server *server;
	struct flush *flush; /* NULL: nobody waits any more */
};

static struct farm *farm;
static struct gate *gate;
static struct timer delayed;
static STAILQ_HEAD(, flush) waiting = STAILQ_HEAD_INITIALIZER(waiting);
static unsigned n_waiting_reqs;
static struct flush *running;

static void
flush_enqueue(struct req *req, int noreply)
{
	struct flush *f = calloc(1, sizeof(*f));

	if (f == NULL)
		fatalx("out of memory: flush_all");
	f->req = req;
	f->noreply = noreply != 0;
	if (req != NULL)
		n_waiting_reqs++;
	STAILQ_INSERT_TAIL(&waiting, f, link);
	gate_close(gate, GATE_FLUSHING);
}

static void
flush_on_delayed(struct timer *t, void *arg)
{
	(void)t;
	(void)arg;
	flush_enqueue(NULL, 1);
}

void
flush_init(struct farm *f, struct gate *g)
{
	farm = f;
	gate = g;
	timer_setup(&delayed, flush_on_delayed, NULL);
}

void
flush_stop(void)
{
	timer_stop(&delayed);
}

void
flush_request(struct req_queue *q, int32_t delay, int noreply)
{
	struct req *req = req_submit_later(q);
	int64_t seconds = delay;

	stats.cmd_flush++;
	stats_command[REQ_FLUSH_ALL].count++;
	timer_stop(&delayed);
	if (delay > PROTO_RELATIVE_MAX)
		seconds = (int64_t)delay - (int64_t)time(NULL);
	if (seconds <= 0) {
		flush_enqueue(req, noreply);
		return;
	}
	timer_set(&delayed, (uint64_t)seconds * 1000);
	req_complete(req, noreply ? NULL : "OK\r\n");
}

/* The new markers are there: whoever asks may know. */
static void
flush_answer(struct flush *f)
{
	const char *text = "OK\r\n";

	if (epoch_is_raising(&farm->epoch) && !epoch_is_stuck(&farm->epoch)) {
		epoch_wait(&farm->epoch, &f->waiter);
		return;
	}
	if (f->refused)
		text = f->line;
	else if (!f->ok)
		text = "SERVER_ERROR no server available\r\n";
	if (f->req != NULL) {
		n_waiting_reqs--;
		req_complete(f->req, f->noreply ? NULL : text);
	}
	free(f);
	if (STAILQ_EMPTY(&waiting))
		gate_open(gate, GATE_FLUSHING);
}

static void
flush_on_marked(struct hold_waiter *w)
{
	flush_answer((struct flush *)((char *)w - offsetof(struct flush, waiter)));
}

/* Every server has answered, or is out. */
static void
flush_finish(struct flush *f)
{
	running = NULL;
	f->waiter.resume = flush_on_marked;
	epoch_note_write(&farm->epoch);
	epoch_raise(&farm->epoch); /* the markers are gone with the rest */
	flush_answer(f);
}

static void
flush_done(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct flush_op *fo = (struct flush_op *)op;
	struct flush *f = fo->flush;

	if (f != NULL && result == OP_ANSWER) {
		if (reply->rsp->type == RSP_OK) {
			f->ok = 1;
			server_flushed(fo->server);
		} else {
			size_t n = reply->rsp->line_len;
			if (n < sizeof(f->line)) {
				memcpy(f->line, reply->p, n);
				f->line[n] = '\0';
				f->refused = 1;
			}
		}
	}
	fo->flush = NULL;
	if (result != OP_LATE)
		free(fo);
	if (f != NULL && --f->waits == 0)
		flush_finish(f);
}

static void
flush_run(struct flush *f)
{
	static const char line[] = "flush_all\r\n";

	running = f;
	farm_flushes(farm);
	for (unsigned i = 0; i < farm->n; i++) {
		struct server *s = &farm->servers[i];
		struct flush_op *fo;

		if (!server_usable(s))
			continue;
		if ((fo = calloc(1, sizeof(*fo))) == NULL)
			fatalx("out of memory: flush_all");
		fo->op.done = flush_done;
		fo->op.kind = OP_FLUSH;
		fo->op.write = 1;
		fo->flush = f;
		fo->server = s;
		f->waits++;
		backend_send(&s->conns[0], &fo->op, line, sizeof(line) - 1, NULL, NULL, 0);
	}
	if (f->waits == 0)
		flush_finish(f);
}

/* Is nothing on the way but what waits for us? */
static int
flush_is_quiet(void)
{
	return req_unanswered() == n_waiting_reqs && farm_is_quiet(farm);
}

int
flush_is_idle(void)
{
	return running == NULL && STAILQ_EMPTY(&waiting);
}

int
flush_turn(void)
{
	struct flush *f;
	int did = 0;

	while (running == NULL && (f = STAILQ_FIRST(&waiting)) != NULL && flush_is_quiet()) {
		STAILQ_REMOVE_HEAD(&waiting, link);
		flush_run(f);
		did = 1;
	}
	return did;
}
