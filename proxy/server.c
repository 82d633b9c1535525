/* server: one memcached. See server.h. */
#include "server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "span.h"
#include "wire.h"

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
server_list(struct server *s, int last_look)
{
	s->last_look = last_look != 0;
	fence_list_begin(&s->fence);
	server_errand(s, OP_STATS, "stats conns\r\n");
	timer_set(&s->pace, s->timeout_ms);
}

/* The patience in listings that were answered: neither our own standstill nor the server's counts. */
#define FENCE_BLIND_MAX (SERVER_FENCE_PATIENCE_MS / SERVER_FENCE_MS)

static void
server_fence(struct server *s)
{
	for (unsigned i = 0; i < s->n_conns; i++)
		if (fence_names(&s->fence, s->conns[i].io.fd)) {
			server_out(s, "a connection got the port of a lost one");
			return;
		}
	if (!fence_clear(&s->fence) && s->fence_blind >= FENCE_BLIND_MAX) {
		log_warnx("server %s: lost connections are still there after %d listings, and "
			  "cannot be knocked at (another program has their ports?); going on",
			  s->replica.name, FENCE_BLIND_MAX);
		fence_forget(&s->fence);
	}
	if (fence_clear(&s->fence))
		server_step(s, REPLICA_EV_FENCED, NULL);
	else
		server_list(s, 0);
}

static void
server_prove(struct server *s)
{
	s->phase = PHASE_ASK;
	proof_ask(&s->proof, &s->conns[0]);
	timer_set(&s->pace, s->timeout_ms);
}

static void
server_proven(struct server *s)
{
	timer_stop(&s->pace);
	s->phase = PHASE_WAIT;
	s->ops->proven(s);
}

/* Its connections into the fence. Returns 1 when it holds any address. */
static int
server_note_predecessor(struct server *s)
{
	if (s->proof.ports != NULL && s->proof.ports_session != s->claim.session)
		fence_note_list(&s->fence, s->proof.ports);
	return !fence_clear(&s->fence);
}

static void
server_on_proof(struct proof *p, const char *why)
{
	struct server *s = (struct server *)((char *)p - offsetof(struct server, proof));

	if (why != NULL) {
		server_out(s, why);
		return;
	}
	if (s->replica.state != REPLICA_PROVING) { /* asked because the marker was gone */
		s->ops->unmarked(s);
		return;
	}
	s->flushes = p->cmd_flush;
	claim_seen(&s->claim, p->marker_cas);
	/* What is there says nothing yet where a predecessor's commands may still be executed. */
	if (p->has_marker && !p->marker.clean && !server_has_waited(s) &&
	    server_note_predecessor(s)) {
		s->phase = PHASE_OLD;
		server_list(s, 0);
	} else {
		server_proven(s);
	}
}

void
server_ask_again(struct server *s)
{
	server_prove(s);
}

/* ---- coming into use: the verdict is carried out ---- */

static void server_delete_more(struct server *s);
static void server_flush(struct server *s);

static void
server_cleaned(struct server *s)
{
	free(s->deletes);
	s->deletes = NULL;
	if (s->verdict == SERVER_SUSPECT) {
		dirty_clear(&s->dirty);
		s->incomplete = 1;
		server_step(s, REPLICA_EV_SUSPECTED, "its predecessor ended in the midst of work");
		return;
	}
	s->incomplete = 0;
	server_step(s, REPLICA_EV_EMPTIED, "what it had missed was deleted there");
}

static void
server_on_deleted(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct server *s = op->asker;

	(void)reply;
	if (result == OP_LATE)
		return;
	s->n_deletes--;
	op->key_len = 0; /* free again */
	if (result == OP_ANSWER)
		server_delete_more(s);
	else if (s->n_deletes == 0) { /* the server is out */
		free(s->deletes);
		s->deletes = NULL;
	}
}

static struct op *
server_free_delete(struct server *s)
{
	for (unsigned i = 0; i < SERVER_DELETES; i++)
		if (s->deletes[i].key_len == 0)
			return &s->deletes[i];
	return NULL;
}

/* Keeps the window of deletes full; writes that it misses meanwhile are in the list too. */
static void
server_delete_more(struct server *s)
{
	char line[WIRE_LINE_MAX];
	const char *key;
	size_t len;

	while (s->n_deletes < SERVER_DELETES &&
	       (len = dirty_each(&s->dirty, &s->delete_at, &key)) > 0) {
		struct op *op = server_free_delete(s);

		*op = (struct op){.done = server_on_deleted,
				  .asker = s,
				  .kind = OP_DELETE,
				  .key_len = (uint8_t)len,
				  .write = 1};
		s->n_deletes++;
		backend_send(server_conn(s, key, len), op, line, wire_delete(line, key, len), NULL,
			     NULL, 0);
	}
	if (s->n_deletes == 0 && s->dirty.overflow)
		server_flush(s); /* it has missed more than the list holds */
	else if (s->n_deletes == 0)
		server_cleaned(s);
	else
		timer_set(&s->pace, s->timeout_ms);
}

static void
server_flush(struct server *s)
{
	s->phase = PHASE_FLUSH;
	s->verdict = SERVER_EMPTY;
	free(s->deletes);
	s->deletes = NULL;
	dirty_clear(&s->dirty); /* all of it will be gone, and all be copied */
	server_errand(s, OP_FLUSH, "flush_all\r\n");
	timer_set(&s->pace, s->timeout_ms);
}

/* Nothing else of ours is sent there before a successor could know of our connections. */
static void
server_name(struct server *s)
{
	s->phase = PHASE_NAME;
	claim_ports(&s->claim);
	timer_set(&s->pace, s->timeout_ms);
}

static int
server_is_naming(const struct server *s)
{
	return s->replica.state == REPLICA_PROVING &&
	       (s->phase == PHASE_NAME || s->phase == PHASE_EMPTY);
}

static void
server_carry_out(struct server *s)
{
	switch ((enum server_verdict)s->verdict) {
	case SERVER_TRUST:
		break;	     /* done at once, see server_decide() */
	case SERVER_SUSPECT: /* what was written while it was fenced may not lead there */
	case SERVER_CLEAN:
		s->phase = PHASE_DELETE;
		s->delete_at = 0;
		s->n_deletes = 0;
		s->deletes = calloc(SERVER_DELETES, sizeof(*s->deletes));
		if (s->deletes == NULL)
			fatalx("out of memory: a window of deletes");
		server_delete_more(s);
		break;
	case SERVER_EMPTY:
		server_flush(s);
		break;
	}
}

/* Nothing of a predecessor can reach it any more, or patience is over. */
static void
server_fenced(struct server *s)
{
	if (s->phase == PHASE_OLD) {
		s->waited_session = s->proof.ports_session;
		server_proven(s);
	} else {
		server_name(s);
	}
}

static void
server_fence_foreign(struct server *s)
{
	if (fence_clear(&s->fence)) {
		server_fenced(s);
		return;
	}
	server_list(s,
		    timer_now_ms >= (s->phase == PHASE_OLD ? s->old_until_ms : s->fence_until_ms));
}

/*
 * The listing named some: our own, or a predecessor's. Patience with those ends with one that was asked for after
 * its time: we may have stood still.
 */
static void
server_fence_stays(struct server *s)
{
	if (s->last_look) {
		log_warnx("server %s: connections of another proxy are still there after %d ms; "
			  "going on",
			  s->replica.name,
			  s->phase == PHASE_OLD ? SERVER_OLD_PATIENCE_MS
						: SERVER_FENCE_PATIENCE_MS);
		fence_forget(&s->fence);
		server_fenced(s);
		return;
	}
	fence_knock(&s->fence, &s->addr);
	/* What can be knocked at will go: that has no end but its own. */
	s->fence_blind = s->fence.n_knocks > 0 ? 0 : s->fence_blind + 1;
	timer_set(&s->pace, SERVER_FENCE_MS);
}

void
server_decide(struct server *s, enum server_verdict verdict, const char *why)
{
	if (s->replica.state != REPLICA_PROVING)
		return;
	s->verdict = (uint8_t)verdict;
	if (verdict == SERVER_TRUST) {
		dirty_clear(&s->dirty);
		s->incomplete = 0;
		claim_ports(&s->claim);
		server_step(s, REPLICA_EV_TRUSTED, why);
		return;
	}
	server_note_predecessor(s);
	s->phase = PHASE_FENCE;
	s->fence_until_ms = timer_now_ms + SERVER_FENCE_PATIENCE_MS;
	server_fence_foreign(s);
}

void
server_filled(struct server *s, const char *why)
{
	server_step(s, REPLICA_EV_FILLED, why);
}

void
server_flushed(struct server *s)
{
	s->flushes++;
	s->swept = 1;
	claim_flushed(&s->claim);
	if (s->replica.state == REPLICA_CURRENT)
		claim_lease(&s->claim);
}

void
server_behind(struct server *s)
{
	server_step(s, REPLICA_EV_BEHIND, "a fuller one is back");
}

void
server_misses_all(struct server *s)
{
	s->replica.stale = 1;
	dirty_give_up(&s->dirty);
}

void
server_misses(struct server *s, const char *key, size_t len)
{
	s->replica.stale = 1;
	dirty_add(&s->dirty, key, len);
}

/* ---- the claim on it ---- */

static struct server *
server_of_claim(struct claim *c)
{
	return (struct server *)((char *)c - offsetof(struct server, claim));
}

static void
server_on_marked(struct claim *c)
{
	struct server *s = server_of_claim(c);

	s->ops->marked(s);
}

static void
server_on_foreign(struct claim *c, const struct marker *m)
{
	struct server *s = server_of_claim(c);

	s->ops->superseded(s, m);
}

/* Evicted, or flushed? Its statistics tell. */
static void
server_on_missing(struct claim *c)
{
	struct server *s = server_of_claim(c);

	if (!s->proof.busy)
		proof_ask(&s->proof, &s->conns[0]);
}

static void
server_on_refused(struct claim *c)
{
	server_out(server_of_claim(c), "it does not store the marker");
}

/* While it is in use, what is not there is named anew with the next probe. */
static void
server_on_named(struct claim *c, int stored)
{
	struct server *s = server_of_claim(c);

	if (!server_is_naming(s))
		return;
	if (!stored) {
		server_out(s, "it does not store the marker");
	} else if (s->phase == PHASE_NAME) {
		server_carry_out(s);
	} else {
		s->incomplete = 1;
		server_step(s, REPLICA_EV_EMPTIED, "it was emptied");
	}
}

static const struct claim_ops server_claim_ops = {
    .marked = server_on_marked,
    .foreign = server_on_foreign,
    .missing = server_on_missing,
    .refused = server_on_refused,
    .named = server_on_named,
};

static void
server_connect(struct server *s)
{
	s->n_ready = 0;
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
		s->fence_blind = 0;
		server_fence(s);
		return;
	case REPLICA_DO_PROVE:
		s->old_until_ms = timer_now_ms + SERVER_OLD_PATIENCE_MS;
		s->waited_session = 0;
		server_prove(s);
		return;
	case REPLICA_DO_RETRY:
		timer_set(&s->pace, s->replica.retry_ms);
		break;
	}
	if (replica_usable(&s->replica) &&
	    (!usable || ev == REPLICA_EV_FILLED || ev == REPLICA_EV_BEHIND)) {
		s->tried = 1;
		s->uses = (uint16_t)(s->uses + !usable);
		timer_stop(&s->pace);
		if (!s->probe.armed)
			timer_set(&s->probe, SERVER_PROBE_MS);
		if (s->replica.state == REPLICA_CURRENT)
			claim_lease(&s->claim);
		s->ops->changed(s);
	}
}

/* Its connections are in the fence while PROVING only; the next proof names them again, if they still count. */
static void
server_forget_predecessor(struct server *s)
{
	if (s->replica.state == REPLICA_PROVING)
		fence_forget(&s->fence);
}

/* A write was on the way when the server was lost. */
static void
server_note_lost(const struct op *op, void *arg)
{
	struct server *s = arg;

	if (op->key != NULL)
		server_misses(s, op->key, op->key_len);
	else if (!claim_has_op(&s->claim, op))
		server_misses_all(s); /* flush_all */
}

void
server_out(struct server *s, const char *why)
{
	int usable = replica_usable(&s->replica);
	int fenced = s->replica.state > REPLICA_CONNECTING;

	if (s->replica.state == REPLICA_DOWN)
		return;
	timer_stop(&s->silence);
	timer_stop(&s->hedge);
	timer_stop(&s->probe);
	if (usable)
		s->stats.failures++;
	server_forget_predecessor(s);
	for (unsigned i = 0; i < s->n_conns; i++) {
		struct backend *b = &s->conns[i];
		/* Nobody knows whether these were executed; another server's copy goes on. */
		if (usable && s->ops->others(s))
			backend_each_write(b, server_note_lost, s);
		if (fenced && backend_waits(b) && io_is_open(&b->io))
			fence_note(&s->fence, b->io.fd);
		backend_close(b);
	}
	/* It was not whole yet: what it lacks is more than the list can say. */
	if (s->replica.state == REPLICA_FILLING || s->replica.state == REPLICA_SUSPECT)
		server_misses_all(s);
	fence_rest(&s->fence);
	s->silent = 0;
	s->tried = 1;
	s->replica.others = usable && s->ops->others(s);
	server_step(s, REPLICA_EV_LOST, why);
	s->ops->changed(s); /* the survivors' markers are raised before any answer is judged */
	for (unsigned i = 0; i < s->n_conns; i++)
		backend_fail(&s->conns[i]);
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
	if (s->replica.state == REPLICA_PROVING && s->phase == PHASE_FLUSH) {
		if (reply->rsp->type != RSP_OK) {
			server_out(s, "it refuses flush_all (is it started with -F?)");
			return;
		}
		s->flushes++;
		s->swept = 1;
		s->phase = PHASE_EMPTY;
		claim_flushed(&s->claim);
		timer_set(&s->pace, s->timeout_ms);
		return;
	}
	if (reply->rsp->type != RSP_END) {
		server_out(s, "it does not list its connections (stats conns)");
	} else if (fence_list_end(&s->fence)) {
		if (s->replica.state == REPLICA_FENCING)
			server_step(s, REPLICA_EV_FENCED, NULL);
		else
			server_fenced(s);
	} else {
		server_fence_stays(s);
	}
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
	case REPLICA_PROVING:
		if (s->errand_busy || s->proof.busy || s->n_deletes > 0 || server_is_naming(s))
			server_out_late(s, "silent while it was to come into use", s->timeout_ms);
		else if (fence_rest(&s->fence))
			timer_set(&s->pace, SERVER_FENCE_MS); /* let it see that they end */
		else if (s->replica.state == REPLICA_FENCING)
			server_fence(s);
		else if (s->phase == PHASE_FENCE || s->phase == PHASE_OLD)
			server_fence_foreign(s);
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
	if (!replica_usable(&s->replica))
		return;
	if (!s->silence.armed)
		timer_set(&s->silence, s->timeout_ms);
	if (s->hedge_ms != 0 && !s->hedge.armed)
		timer_set(&s->hedge, s->hedge_ms);
}

/* What has waited for --hedge ms is told so. Armed again while anything waits. */
static void
server_on_hedge(struct timer *t, void *arg)
{
	struct server *s = arg;
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < s->n_conns; i++) {
		uint64_t at = backend_slow(&s->conns[i], timer_now_ms, s->hedge_ms);
		if (at < next)
			next = at;
	}
	if (next != UINT64_MAX)
		timer_set(t, next > timer_now_ms ? next - timer_now_ms : 1);
}

static void
server_on_recovered(struct backend *b)
{
	struct server *s = server_of(b);

	if (s->replica.stale) {
		server_out(s, "it speaks again, but has missed writes");
		return;
	}
	if (s->silent) {
		char span[SPAN_MAX];
		log_info("server %s: speaks again, after %s; it is used as before", s->replica.name,
			 span_text(span, timer_now_ms - s->silent_since_ms));
	}
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
	if (!s->silent) {
		s->silent_since_ms = timer_now_ms - s->timeout_ms;
		log_warnx("server %s: silent for %llu ms; it is the last one, so it stays in use; "
			  "commands are answered SERVER_ERROR until it speaks again",
			  s->replica.name, (unsigned long long)s->timeout_ms);
	}
	s->silent = 1;
	s->ops->overdue(s);
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

	if (s->replica.state == REPLICA_CURRENT) {
		claim_lease(&s->claim);
		claim_watch(&s->claim);
	}
	claim_keep_ports(&s->claim);
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
server_setup(struct server *s, const struct server_ops *ops, void *owner, const struct conf *conf)
{
	unsigned n_conns = (unsigned)conf->connections;

	s->ops = ops;
	s->owner = owner;
	s->n_conns = n_conns;
	dirty_init(&s->dirty, conf->dirty_limit);
	proof_setup(&s->proof, server_on_proof);
	replica_init(&s->replica, s->addr.text, timer_now_ms);
	s->conns = calloc(n_conns, sizeof(*s->conns));
	s->probes = calloc(n_conns, sizeof(*s->probes));
	if (s->conns == NULL || s->probes == NULL)
		fatalx("out of memory: %u connections to a server", n_conns);
	for (unsigned i = 0; i < n_conns; i++) {
		backend_setup(&s->conns[i], &server_backend_ops, s);
		s->probes[i] = (struct op){.kind = OP_VERSION, .done = server_on_probed};
	}
	claim_setup(&s->claim, &server_claim_ops, s->conns, n_conns);
	s->errand = (struct op){.done = server_on_errand};
	timer_setup(&s->pace, server_on_pace, s);
	timer_setup(&s->silence, server_on_silence, s);
	timer_setup(&s->probe, server_on_probe, s);
	timer_setup(&s->hedge, server_on_hedge, s);
	server_limits(s, conf);
}

void
server_limits(struct server *s, const struct conf *conf)
{
	s->timeout_ms = conf->timeout_ms;
	s->connect_timeout_ms = conf->connect_timeout_ms;
	s->hedge_ms = conf->hedge_ms;
	dirty_limit(&s->dirty, conf->dirty_limit);
	timer_stop(&s->hedge);
	for (unsigned i = 0; i < s->n_conns; i++) {
		struct backend *b = &s->conns[i];
		io_patience(&b->io, (unsigned)s->timeout_ms);
		/* What waits now has another deadline from here on. */
		if (backend_waits(b) && replica_usable(&s->replica))
			server_on_busy(b);
	}
	if (s->silence.armed)
		timer_set(&s->silence, 1);
}

void
server_succeed(struct server *s, struct server *old)
{
	server_forget_predecessor(old);
	for (unsigned i = 0; i < old->n_conns; i++) {
		struct backend *b = &old->conns[i];
		if (old->replica.state > REPLICA_CONNECTING && backend_waits(b) &&
		    io_is_open(&b->io))
			fence_note(&old->fence, b->io.fd);
	}
	fence_rest(&old->fence);
	s->fence = old->fence;
	memset(&old->fence, 0, sizeof(old->fence));
	s->stats = old->stats;
	s->kept = 1;
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
	timer_stop(&s->hedge);
	timer_stop(&s->probe);
	fence_forget(&s->fence);
	proof_clear(&s->proof);
	claim_clear(&s->claim);
	for (unsigned i = 0; i < s->n_conns; i++) {
		backend_close(&s->conns[i]);
		backend_fail(&s->conns[i]);
	}
}

void
server_free(struct server *s)
{
	dirty_clear(&s->dirty); /* what was lost with its last connections is in it too */
	free(s->conns);
	free(s->probes);
}

unsigned
server_in_flight(const struct server *s)
{
	unsigned n = 0;

	for (unsigned i = 0; i < s->n_conns; i++)
		n += s->conns[i].n;
	return n;
}
