/* server: one memcached. See server.h. */
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static void server_step(struct server *s, enum replica_event ev, const char *why);

static struct server *
server_of(struct backend *b)
{
	return b->owner;
}

/*
 * Asks the server something on its first connection, outside of any key. Only while it is not in
 * use, so that nothing is ever behind it in the queue.
 */
static void
server_errand(struct server *s, enum op_kind kind, const char *line)
{
	s->errand.kind = (uint8_t)kind;
	s->errand_busy = 1;
	backend_send(&s->conns[0], &s->errand, line, strlen(line), NULL, NULL, 0);
}

static void
server_fence(struct server *s)
{
	if (fence_clear(&s->fence)) {
		server_step(s, REPLICA_EV_FENCED, NULL);
		return;
	}
	fence_list_begin(&s->fence);
	server_errand(s, OP_STATS, "stats conns\r\n");
	timer_set(&s->pace, s->timeout_ms);
}

/* Is what it holds to be trusted? In this version: has it missed no write. */
static void
server_prove(struct server *s)
{
	if (!s->replica.stale) {
		server_step(s, REPLICA_EV_TRUSTED, "it has missed no write");
		return;
	}
	if (!s->waited && s->ops->truth_elsewhere(s)) {
		s->waited = 1;
		timer_set(&s->pace, 2 * s->connect_timeout_ms);
		return;
	}
	server_errand(s, OP_LINE, "flush_all\r\n");
	timer_set(&s->pace, s->timeout_ms);
}

static void
server_connect(struct server *s)
{
	s->n_ready = 0;
	s->waited = 0;
	timer_set(&s->pace, s->connect_timeout_ms);
	for (unsigned i = 0; i < s->n_conns; i++) {
		if (backend_connect(&s->conns[i], &s->addr, (unsigned)s->timeout_ms) == -1) {
			server_out(s, strerror(errno));
			return;
		}
	}
}

/* Hands the event to the state machine and does what it says. */
static void
server_step(struct server *s, enum replica_event ev, const char *why)
{
	int usable = replica_usable(&s->replica);
	enum replica_action action = replica_event(&s->replica, ev, timer_now_ms, why);

	switch (action) {
	case REPLICA_DO_NOTHING:
		break;
	case REPLICA_DO_CONNECT:
		server_connect(s);
		return;
	case REPLICA_DO_FENCE:
		server_fence(s);
		return;
	case REPLICA_DO_PROVE:
		server_prove(s);
		return;
	case REPLICA_DO_RETRY:
		timer_set(&s->pace, s->replica.retry_ms);
		break;
	}
	if (!usable && replica_usable(&s->replica)) {
		s->tried = 1;
		timer_stop(&s->pace);
		timer_set(&s->probe, SERVER_PROBE_MS);
		s->ops->changed(s);
	}
}

void
server_out(struct server *s, const char *why)
{
	int usable = replica_usable(&s->replica);
	int fenced = s->replica.state > REPLICA_CONNECTING;

	if (s->replica.state == REPLICA_DOWN)
		return;
	timer_stop(&s->silence);
	timer_stop(&s->probe);
	if (usable)
		s->stats.failures++;
	/*
	 * It may come back empty, and nobody knows whether what was on its way was executed: another
	 * server's copy goes on.
	 */
	if (usable && s->ops->others(s))
		s->replica.stale = 1;
	for (unsigned i = 0; i < s->n_conns; i++) {
		struct backend *b = &s->conns[i];
		if (fenced && backend_waits(b) && io_is_open(&b->io))
			fence_note(&s->fence, b->io.fd);
		backend_close(b);
	}
	fence_rest(&s->fence);
	s->silent = 0;
	s->tried = 1;
	server_step(s, REPLICA_EV_LOST, why);
	for (unsigned i = 0; i < s->n_conns; i++)
		backend_fail(&s->conns[i]);
	s->ops->changed(s);
}

/* A clause of at most a line for something that took too long. */
static void
server_out_late(struct server *s, const char *what, uint64_t ms)
{
	char why[96];

	snprintf(why, sizeof(why), "%s for %llu ms", what, (unsigned long long)ms);
	server_out(s, why);
}

static void
server_on_errand(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct server *s = (struct server *)((char *)op - offsetof(struct server, errand));

	if (result == OP_ITEM) {
		fence_list_line(&s->fence, reply->p, reply->rsp->line_len - 2);
		return;
	}
	if (result == OP_LATE)
		return;
	s->errand_busy = 0;
	if (result != OP_ANSWER)
		return; /* it is out already */
	if (s->replica.state == REPLICA_FENCING) {
		if (reply->rsp->type != RSP_END)
			server_out(s, "it does not list its connections (stats conns)");
		else if (fence_list_end(&s->fence))
			server_step(s, REPLICA_EV_FENCED, NULL);
		else {
			fence_knock(&s->fence, &s->addr);
			timer_set(&s->pace, SERVER_FENCE_MS);
		}
		return;
	}
	if (reply->rsp->type == RSP_OK)
		server_step(s, REPLICA_EV_EMPTIED, "it had missed writes and was emptied");
	else
		server_out(s, "it refuses flush_all (is it started with -F?)");
}

static void
server_on_pace(struct timer *t, void *arg)
{
	struct server *s = arg;

	(void)t;
	switch (s->replica.state) {
	case REPLICA_DOWN:
		server_step(s, REPLICA_EV_TRY, NULL);
		break;
	case REPLICA_CONNECTING:
		server_out_late(s, "no connection", s->connect_timeout_ms);
		break;
	case REPLICA_FENCING:
		if (s->errand_busy)
			server_out_late(s, "silent (stats conns)", s->timeout_ms);
		else if (fence_rest(&s->fence))
			timer_set(&s->pace, SERVER_FENCE_MS); /* let it see that they end */
		else
			server_fence(s);
		break;
	case REPLICA_PROVING:
		if (s->errand_busy)
			server_out_late(s, "silent (flush_all)", s->timeout_ms);
		else
			server_prove(s);
		break;
	default:
		break;
	}
}

static void
server_on_ready(struct backend *b, const char *text, size_t n)
{
	struct server *s = server_of(b);

	if (n >= sizeof(s->version))
		n = sizeof(s->version) - 1;
	memcpy(s->version, text, n);
	s->version[n] = '\0';
	if (++s->n_ready == s->n_conns)
		server_step(s, REPLICA_EV_READY, NULL);
}

static void
server_on_lost(struct backend *b, const char *why)
{
	server_out(server_of(b), why);
}

static void
server_on_busy(struct backend *b)
{
	struct server *s = server_of(b);

	/* Before it is in use the pace timer watches. */
	if (!s->silence.armed && replica_usable(&s->replica))
		timer_set(&s->silence, s->timeout_ms);
}

static void
server_on_recovered(struct backend *b)
{
	struct server *s = server_of(b);

	if (s->replica.stale) {
		server_out(s, "it speaks again, but has missed writes");
		return;
	}
	if (s->silent)
		log_info("server %s: speaks again", s->replica.name);
	s->silent = 0;
}

/*
 * When each connection that owes an answer will have been silent for too long. Returns the
 * earliest such moment (ms), UINT64_MAX when nothing is owed.
 */
static uint64_t
server_deadline(const struct server *s)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < s->n_conns; i++) {
		const struct backend *b = &s->conns[i];
		uint64_t at, oldest = backend_oldest_ms(b);
		if (!backend_waits(b))
			continue;
		at = b->alive_ms + s->timeout_ms;
		if (oldest != UINT64_MAX && oldest + SERVER_DRIBBLE * s->timeout_ms < at)
			at = oldest + SERVER_DRIBBLE * s->timeout_ms;
		if (at < least)
			least = at;
	}
	return least;
}

/* The last server is overdue: its operations fail, it stays and may yet answer. */
static void
server_overdue(struct server *s)
{
	if (!s->silent)
		log_warnx("server %s: silent for %llu ms; it is the last one, so it stays",
			  s->replica.name, (unsigned long long)s->timeout_ms);
	s->silent = 1;
	for (unsigned i = 0; i < s->n_conns; i++) {
		s->conns[i].overdue = 1;
		backend_late(&s->conns[i], UINT64_MAX);
	}
	timer_set(&s->silence, s->timeout_ms);
}

static void
server_on_silence(struct timer *t, void *arg)
{
	struct server *s = arg;
	uint64_t late_ms = timer_now_ms - t->due_ms;
	uint64_t deadline;

	if (late_ms > SERVER_PAUSE_MS) {
		/* It was us who slept: what the servers have sent meanwhile is yet to be read. */
		for (unsigned i = 0; i < s->n_conns; i++)
			s->conns[i].alive_ms += late_ms;
		timer_set(t, SERVER_PAUSE_MS);
		return;
	}
	deadline = server_deadline(s);
	if (deadline == UINT64_MAX)
		return; /* armed again with the next operation */
	if (timer_now_ms < deadline) {
		timer_set(t, deadline - timer_now_ms);
		return;
	}
	s->stats.timeouts++;
	if (s->ops->others(s))
		server_out_late(s, "silent", s->timeout_ms);
	else
		server_overdue(s);
}

static void
server_on_probed(struct op *op, enum op_result result, const struct op_reply *reply)
{
	/* Any answer will do; the connection's FIFO has noticed it. */
	(void)reply;
	if (result != OP_LATE)
		op->key_len = 0;
}

static void
server_on_probe(struct timer *t, void *arg)
{
	static const char line[] = "version\r\n";
	struct server *s = arg;

	for (unsigned i = 0; i < s->n_conns; i++)
		if (!backend_waits(&s->conns[i]))
			backend_send(&s->conns[i], &s->probes[i], line, sizeof(line) - 1, NULL,
				     NULL, 0);
	timer_set(t, SERVER_PROBE_MS);
}

static const struct backend_ops server_backend_ops = {
    .ready = server_on_ready,
    .lost = server_on_lost,
    .busy = server_on_busy,
    .recovered = server_on_recovered,
};

void
server_setup(struct server *s, const struct server_ops *ops, void *owner, unsigned n_conns,
	     uint64_t timeout_ms, uint64_t connect_timeout_ms)
{
	s->ops = ops;
	s->owner = owner;
	s->n_conns = n_conns;
	s->timeout_ms = timeout_ms;
	s->connect_timeout_ms = connect_timeout_ms;
	replica_init(&s->replica, s->addr.text, timer_now_ms);
	s->conns = calloc(n_conns, sizeof(*s->conns));
	s->probes = calloc(n_conns, sizeof(*s->probes));
	if (s->conns == NULL || s->probes == NULL)
		fatalx("out of memory: %u connections to a server", n_conns);
	for (unsigned i = 0; i < n_conns; i++) {
		backend_setup(&s->conns[i], &server_backend_ops, s);
		s->probes[i] = (struct op){.kind = OP_LINE, .done = server_on_probed};
	}
	s->errand = (struct op){.done = server_on_errand};
	timer_setup(&s->pace, server_on_pace, s);
	timer_setup(&s->silence, server_on_silence, s);
	timer_setup(&s->probe, server_on_probe, s);
}

void
server_start(struct server *s)
{
	server_step(s, REPLICA_EV_TRY, NULL);
}

void
server_stop(struct server *s)
{
	timer_stop(&s->pace);
	timer_stop(&s->silence);
	timer_stop(&s->probe);
	fence_forget(&s->fence);
	for (unsigned i = 0; i < s->n_conns; i++) {
		backend_close(&s->conns[i]);
		backend_fail(&s->conns[i]);
	}
}

unsigned
server_in_flight(const struct server *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_conns; i++)
		n += s->conns[i].n;
	return n;
}
