/* epoch: who is current. See epoch.h. */
#include "epoch.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "log.h"

static void epoch_elect(struct epoch *e);
static void epoch_judge_return(struct epoch *e, struct server *s);

static int
in_list(const struct epoch *e, const struct server *s, const int *list, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (&e->servers[list[i]] == s)
			return 1;
	return 0;
}

static int
is_primary(const struct epoch *e, const struct server *s)
{
	return in_list(e, s, e->ring->primary, e->ring->n_primary);
}

static int
is_backup(const struct epoch *e, const struct server *s)
{
	return in_list(e, s, e->ring->backup, e->ring->n_backup);
}

int
epoch_partners(const struct epoch *e, const struct server *a, const struct server *b)
{
	return a != b &&
	       ((is_primary(e, a) && is_backup(e, b)) || (is_backup(e, a) && is_primary(e, b)));
}

static int
is_current(const struct server *s)
{
	return s->replica.state == REPLICA_CURRENT;
}

/* Has it said what it is, or that it cannot? */
static int
has_reported(const struct server *s)
{
	return (s->tried && s->replica.state == REPLICA_DOWN) ||
	       (s->replica.state == REPLICA_PROVING && s->phase == PHASE_WAIT);
}

static int
is_waiting(const struct server *s)
{
	return s->replica.state == REPLICA_PROVING && s->phase == PHASE_WAIT;
}

static void
epoch_check_gate(struct epoch *e)
{
	int usable = 0, coming = 0;

	if (e->deciding || e->raising || e->clean_wait.armed)
		return;
	for (unsigned i = 0; i < e->n; i++) {
		const struct server *s = &e->servers[i];
		if (!s->tried)
			return;
		usable |= server_usable(s);
		coming |= s->replica.state == REPLICA_PROVING;
	}
	if (!usable && coming)
		return;
	gate_open(e->gate, GATE_STARTING);
}

/* ---- markers ---- */

/* The names of the current servers, joined by commas. Returns the length. */
static size_t
epoch_current_names(const struct epoch *e, char *out, size_t size)
{
	size_t at = 0;

	for (unsigned i = 0; i < e->n; i++) {
		const struct server *s = &e->servers[i];
		if (is_current(s) && at + strlen(s->addr.text) + 2 < size)
			at += (size_t)snprintf(out + at, size - at, "%s%s", at > 0 ? "," : "",
					       s->addr.text);
	}
	return at;
}

static void
epoch_check_raised(struct epoch *e)
{
	struct hold_waiter *w;

	for (unsigned i = 0; i < e->n; i++)
		if (is_current(&e->servers[i]) && e->servers[i].claim.marked_epoch != e->number)
			return;
	e->raising = e->stuck = 0;
	e->elected = 1;
	while (!e->raising && (w = STAILQ_FIRST(&e->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&e->waiters, link);
		w->resume(w);
	}
	for (unsigned i = 0; i < e->n && !e->raising && !e->starting && !e->deciding; i++)
		if (is_waiting(&e->servers[i]) && !e->clean_wait.armed)
			epoch_judge_return(e, &e->servers[i]);
	if (!e->raising)
		epoch_check_gate(e);
	if (!e->raising && e->closing && e->closed != NULL)
		e->closed();
}

void
epoch_raise(struct epoch *e)
{
	char names[MARKER_TEXT_MAX / 2], text[MARKER_TEXT_MAX];
	unsigned n = 0;
	struct marker m = {.epoch = ++e->number,
			   .session = e->session,
			   .clean = e->closing,
			   .placement = e->placement,
			   .current = names};

	memcpy(m.owner, e->owner, sizeof(m.owner));
	m.current_len = epoch_current_names(e, names, sizeof(names));
	e->raising = 1;
	for (unsigned i = 0; i < e->n; i++) {
		struct server *s = &e->servers[i];
		s->in_epoch = is_current(s) != 0;
		n += s->in_epoch;
		if (!is_current(s))
			continue;
		m.sweeping = !s->swept;
		snprintf(m.self, sizeof(m.self), "%s", s->addr.text);
		claim_mark(&s->claim, text, marker_write(text, &m), e->number);
	}
	if (n == e->n) {
		e->alone_ms = 0;
	} else if (e->alone_ms == 0) {
		e->alone_ms = timer_now_ms;
		e->weigh_ms = EPOCH_LEFTOVER_MS;
	}
	epoch_check_raised(e); /* nobody is current: nobody to wait for */
}

void
epoch_weigh(struct epoch *e)
{
	e->weigh_ms = 2 * (timer_now_ms - e->alone_ms);
	e->number += EPOCH_WEIGHT;
	epoch_raise(e);
}

void
epoch_wait(struct epoch *e, struct hold_waiter *w)
{
	STAILQ_INSERT_TAIL(&e->waiters, w, link);
}

void
epoch_marked(struct epoch *e, struct server *s)
{
	(void)s;
	if (e->raising)
		epoch_check_raised(e);
}

void
epoch_close(struct epoch *e)
{
	e->closing = 1;
	epoch_raise(e);
}

/* ---- verdicts ---- */

/* Another proxy serves now: this one stops. */
static void
epoch_yield(struct epoch *e, struct server *s, const struct marker *m)
{
	char why[512];

	if (e->closing)
		return;
	snprintf(
	    why, sizeof(why),
	    "superseded: server %s belongs to another proxy now (%s, epoch %llu; ours is %llu)",
	    s->addr.text, m->owner, (unsigned long long)m->epoch, (unsigned long long)e->number);
	e->give_up(EPOCH_SUPERSEDED, why);
}

/* A server that comes back while others serve, or served. */
static void
epoch_judge_return(struct epoch *e, struct server *s)
{
	const struct proof *p = &s->proof;
	int ours =
	    p->has_marker && p->marker.session == e->session &&
	    (p->marker.epoch == s->claim.marked_epoch || p->marker.epoch == s->claim.sent_epoch);
	int others = 0, truth_elsewhere = 0;

	if (p->has_marker && p->marker.session != e->session &&
	    (p->marker.epoch > e->number || (p->marker.epoch == e->number && is_primary(e, s)))) {
		epoch_yield(e, s, &p->marker);
		return;
	}
	for (unsigned i = 0; i < e->n; i++) {
		const struct server *t = &e->servers[i];
		if (!epoch_partners(e, s, t))
			continue;
		others |= server_usable(t);
		truth_elsewhere |= !server_usable(t) && !t->replica.stale;
	}
	if (!s->replica.stale && !s->dirty.overflow && (ours || !others)) {
		server_decide(s, SERVER_TRUST,
			      ours ? "it has missed no write" : "it was the last one in use");
		/* It was restarted, or flushed: another one that comes back may be fuller. */
		s->incomplete = !p->has_marker;
	} else if (!others && truth_elsewhere && !e->waited) {
		/* Another server, away as well, has missed nothing: it is waited for, a moment. */
		e->waited = 1;
		timer_set(&e->clean_wait, 2 * s->connect_timeout_ms);
	} else if (ours && others && !s->dirty.overflow) {
		server_decide(s, SERVER_CLEAN, NULL);
	} else {
		server_decide(s, SERVER_EMPTY, NULL);
	}
}

/* What the markers of those that have reported say together. */
struct election {
	uint64_t epoch;	   /* the highest */
	uint64_t session;  /* of those that stand for it */
	uint8_t found;	   /* any marker that counts */
	uint8_t ours;	   /* one has our name: those of other names do not count */
	uint8_t unreached; /* a server has not reported */
};

static int
is_ours(const struct epoch *e, const struct server *s)
{
	return is_waiting(s) && s->proof.has_marker && strcmp(s->proof.marker.owner, e->owner) == 0;
}

/* Does its marker count? Of another name only where none has ours: then that proxy has gone. */
static int
has_vote(const struct epoch *e, const struct election *el, const struct server *s)
{
	return is_waiting(s) && s->proof.has_marker &&
	       (e->before == 0 || s->proof.marker.session == e->before) &&
	       marker_names(&s->proof.marker, s->addr.text) && (!el->ours || is_ours(e, s));
}

/* Does it stand for the highest epoch? */
static int
stands_for(const struct epoch *e, const struct election *el, const struct server *s)
{
	return has_vote(e, el, s) && s->proof.marker.epoch == el->epoch &&
	       s->proof.marker.session == el->session;
}

static void
epoch_count(const struct epoch *e, struct election *el)
{
	memset(el, 0, sizeof(*el));
	for (unsigned i = 0; i < e->n; i++) {
		el->unreached |= !is_waiting(&e->servers[i]);
		el->ours |= is_ours(e, &e->servers[i]) != 0;
	}
	for (unsigned i = 0; i < e->n; i++) {
		const struct server *s = &e->servers[i];
		const struct marker *m = &s->proof.marker;
		if (!has_vote(e, el, s))
			continue;
		/* A tie between two sessions goes to the one that a primary stands for. */
		if (!el->found || m->epoch > el->epoch ||
		    (m->epoch == el->epoch && is_primary(e, s) && m->session != el->session &&
		     i == (unsigned)e->ring->primary[0])) {
			el->epoch = m->epoch;
			el->session = m->session;
		}
		el->found = 1;
	}
}

/*
 * Can it be that another server was written to without it, and does not say so? It has not reported,
 * or was restarted or flushed since.
 */
static int
may_have_missed(const struct epoch *e, const struct server *s)
{
	if (s->proof.marker.clean || s->proof.has_lease)
		return 0;
	for (unsigned i = 0; i < e->n; i++) {
		const struct server *t = &e->servers[i];
		if ((!is_waiting(t) || !t->proof.has_marker) && epoch_partners(e, s, t) &&
		    marker_names(&s->proof.marker, t->addr.text))
			return 1;
	}
	return 0;
}

/* Nobody has a marker: the first use. The primary leads, unless it is empty and a backup is not. */
static enum server_verdict
first_use_verdict(const struct epoch *e, const struct election *el, const struct server *s)
{
	const struct server *p = &e->servers[e->ring->primary[0]];

	if (el->unreached || e->before != 0)
		return SERVER_EMPTY;
	if (e->ring->n_primary == 1 && e->ring->n_backup == 1 && p->proof.curr_items == 0)
		return s != p && s->proof.curr_items > 0 ? SERVER_TRUST
		       : s == p && e->servers[e->ring->backup[0]].proof.curr_items == 0
			   ? SERVER_TRUST
			   : SERVER_EMPTY;
	return is_primary(e, s) ? SERVER_TRUST : SERVER_EMPTY;
}

/* Does no other copy of its keys stand for the epoch too? */
static int
stands_alone(const struct epoch *e, const struct election *el, const struct server *s)
{
	for (unsigned i = 0; i < e->n; i++)
		if (epoch_partners(e, s, &e->servers[i]) && stands_for(e, el, &e->servers[i]))
			return 0;
	return 1;
}

static enum server_verdict
epoch_verdict(const struct epoch *e, const struct election *el, const struct server *s)
{
	if (!el->found)
		return first_use_verdict(e, el, s);
	if (!stands_for(e, el, s) || may_have_missed(e, s))
		return SERVER_EMPTY;
	/* The lists have changed again before the last change was swept away. */
	if (s->proof.marker.sweeping && s->proof.marker.placement != e->placement)
		return SERVER_EMPTY;
	if (s->proof.marker.clean || is_primary(e, s) || stands_alone(e, el, s))
		return SERVER_TRUST;
	return SERVER_SUSPECT;
}

/* Another proxy's servers: refuse while it lives. Returns 1 when refused. */
static int
epoch_is_foreign(struct epoch *e)
{
	char why[512];

	for (unsigned i = 0; i < e->n; i++) {
		const struct server *s = &e->servers[i];
		const struct proof *p = &s->proof;
		if (!is_waiting(s) || !p->has_marker || p->marker.clean || !p->has_lease ||
		    strcmp(p->marker.owner, e->owner) == 0)
			continue;
		snprintf(why, sizeof(why), "server %s: in use by the proxy named %s (we are %s)",
			 s->addr.text, p->marker.owner, e->owner);
		e->give_up(EPOCH_REFUSED, why);
		return 1;
	}
	return 0;
}

/* Has another proxy of our name taken over while the lists were changed? Returns 1 when it has. */
static int
epoch_is_overtaken(struct epoch *e)
{
	for (unsigned i = 0; i < e->n && e->before != 0; i++) {
		struct server *s = &e->servers[i];
		if (s->kept && is_ours(e, s) && s->proof.marker.session != e->before &&
		    s->proof.marker.epoch > e->before_number) {
			epoch_yield(e, s, &s->proof.marker);
			return 1;
		}
	}
	return 0;
}

/*
 * A predecessor may be about to leave clean markers: look once more, at all servers at one time.
 * At once where its connections were waited for already. Returns 1 when we wait.
 */
static int
epoch_wait_clean(struct epoch *e)
{
	int any = 0, may_come = 0;

	if (e->waited)
		return 0;
	for (unsigned i = 0; i < e->n; i++) {
		const struct server *s = &e->servers[i];
		const struct proof *p = &s->proof;
		if (!is_waiting(s) || !p->has_marker || p->marker.clean || !p->has_lease)
			continue;
		any = 1;
		may_come |= !server_has_waited(s);
	}
	if (!any)
		return 0;
	e->waited = 1;
	timer_set(&e->clean_wait, may_come ? EPOCH_CLEAN_MS : 0);
	return 1;
}

/* Are only keys on it that belong there? */
static int
is_swept(const struct epoch *e, const struct server *s)
{
	const struct proof *p = &s->proof;

	/* Alone in its list: all keys belong to it. */
	if ((e->ring->n_primary == 1 && is_primary(e, s)) ||
	    (e->ring->n_backup == 1 && is_backup(e, s)))
		return 1;
	return p->has_marker && p->marker.placement == e->placement && !p->marker.sweeping;
}

static void
epoch_elect(struct epoch *e)
{
	enum server_verdict verdicts[2 * RING_MAX];
	struct election el;
	int any = 0;

	for (unsigned i = 0; i < e->n; i++) {
		if (!has_reported(&e->servers[i]))
			return;
		any |= is_waiting(&e->servers[i]);
	}
	if (!any) {
		epoch_check_gate(e); /* no server at all: clients are told so */
		return;
	}
	if (epoch_is_foreign(e) || epoch_is_overtaken(e) || epoch_wait_clean(e))
		return;
	timer_stop(&e->clean_wait);
	epoch_count(e, &el);
	for (unsigned i = 0; i < e->n; i++)
		verdicts[i] = epoch_verdict(e, &el, &e->servers[i]);
	e->starting = e->waited = 0;
	e->deciding = 1;
	/* Also higher than what a claim that was given up may have left somewhere. */
	if (e->number < el.epoch)
		e->number = el.epoch;
	if (e->number < e->before_number)
		e->number = e->before_number;
	for (unsigned i = 0; i < e->n; i++) {
		struct server *s = &e->servers[i];
		if (!is_waiting(s)) {
			s->replica.stale = 1; /* nobody knows since when it has missed writes */
			continue;
		}
		s->tried = 1;
		s->replica.stale = verdicts[i] == SERVER_EMPTY;
		s->swept = is_swept(e, s) != 0;
		server_decide(s, verdicts[i], !el.found ? "first use" : "its marker is the newest");
	}
	e->deciding = 0;
	epoch_raise(e);
}

static void
epoch_on_wait_over(struct timer *t, void *arg)
{
	struct epoch *e = arg;

	(void)t;
	for (unsigned i = 0; i < e->n; i++)
		if (is_waiting(&e->servers[i]))
			server_ask_again(&e->servers[i]);
	if (e->starting)
		epoch_elect(e);
	epoch_check_gate(e);
}

/* Is a raise under way that a server which speaks will answer? */
static int
epoch_is_raised_soon(const struct epoch *e)
{
	if (!e->raising)
		return 0;
	for (unsigned i = 0; i < e->n; i++)
		if (is_current(&e->servers[i]) && server_usable(&e->servers[i]))
			return 1;
	return 0;
}

void
epoch_proven(struct epoch *e, struct server *s)
{
	if (e->starting)
		epoch_elect(e);
	else if (!epoch_is_raised_soon(e))
		epoch_judge_return(e, s);
	/* else: nothing is deleted or copied there before the markers say that it was away */
}

/* ---- changes ---- */

/* It is compared, or about to be: it holds what an emptied one lacks. */
static int
may_be_fuller(const struct server *s)
{
	return s->replica.state == REPLICA_SUSPECT ||
	       (s->replica.state == REPLICA_PROVING && s->phase > PHASE_WAIT &&
		s->verdict == SERVER_SUSPECT);
}

/* Where no current server lives, the one that is in use for longest is as current as can be. */
static int
epoch_promote(struct epoch *e)
{
	struct server *best = NULL;

	for (unsigned i = 0; i < e->n; i++) {
		struct server *s = &e->servers[i];
		int partner = 0;
		if (!replica_usable(&s->replica) || is_current(s))
			continue;
		for (unsigned k = 0; k < e->n; k++) {
			const struct server *t = &e->servers[k];
			partner |= epoch_partners(e, s, t) &&
				   (is_current(t) ||
				    (s->replica.state == REPLICA_FILLING && may_be_fuller(t)));
		}
		if (!partner && (best == NULL || s->replica.since_ms < best->replica.since_ms))
			best = s;
	}
	if (best == NULL)
		return 0;
	best->incomplete |= dirty_count(&best->dirty) > 0;
	e->fill(best, 0);
	server_filled(best, "no current server is left");
	return 1;
}

void
epoch_changed(struct epoch *e, struct server *s)
{
	if (replica_usable(&s->replica))
		e->waited = 0;
	e->fill(s, replica_usable(&s->replica) && !is_current(s));
	if (e->deciding)
		return;
	if (e->starting) {
		epoch_elect(e);
		return;
	}
	if (epoch_promote(e))
		return; /* which has led here again */
	for (unsigned i = 0; i < e->n; i++) {
		struct server *t = &e->servers[i];
		if (is_current(s) && !s->incomplete && is_current(t) && t->incomplete &&
		    epoch_partners(e, s, t))
			server_behind(t);
	}
	if (is_current(s) != s->in_epoch)
		epoch_raise(e);
	else
		epoch_check_gate(e);
}

void
epoch_overdue(struct epoch *e)
{
	struct hold_waiters waiters = STAILQ_HEAD_INITIALIZER(waiters);
	struct hold_waiter *w;

	if (!e->raising)
		return;
	e->stuck = 1;
	STAILQ_CONCAT(&waiters, &e->waiters);
	while ((w = STAILQ_FIRST(&waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&waiters, link);
		w->resume(w);
	}
	gate_open(e->gate, GATE_STARTING);
}

void
epoch_swept(struct epoch *e, struct server *s)
{
	s->swept = 1;
	if (is_current(s))
		epoch_raise(e);
}

void
epoch_stop(struct epoch *e)
{
	struct hold_waiter *w;

	timer_stop(&e->clean_wait);
	e->raising = e->stuck = 0;
	while ((w = STAILQ_FIRST(&e->waiters)) != NULL) {
		STAILQ_REMOVE_HEAD(&e->waiters, link);
		w->resume(w);
	}
}

void
epoch_unmarked(struct epoch *e, struct server *s)
{
	int others = 0;

	for (unsigned i = 0; i < e->n; i++)
		others |= epoch_partners(e, s, &e->servers[i]) && is_current(&e->servers[i]);
	if (s->proof.cmd_flush != s->flushes && others) {
		server_misses_all(s);
		server_out(s, "it was flushed from outside");
		return;
	}
	s->flushes = s->proof.cmd_flush;
	epoch_raise(e);
}

/* Another proxy has written a marker between our look and our claim: nobody was served yet. */
static void
epoch_elect_again(struct epoch *e)
{
	e->starting = e->deciding = 1;
	e->raising = e->waited = 0;
	for (unsigned i = 0; i < e->n; i++) {
		server_out(&e->servers[i],
			   "another proxy has just written to a marker; looking again");
		e->servers[i].tried = 0;
	}
	e->deciding = 0;
}

void
epoch_superseded(struct epoch *e, struct server *s, const struct marker *m)
{
	if (e->elected || e->closing)
		epoch_yield(e, s, m);
	else
		epoch_elect_again(e);
}

void
epoch_succeed(struct epoch *e, const struct epoch *old)
{
	e->fill = old->fill;
	e->give_up = old->give_up;
	e->closed = old->closed;
	/* One that has elected nobody has changed nothing. */
	e->before = old->starting ? old->before : old->session;
	e->before_number = old->starting ? old->before_number : old->number;
}

void
epoch_start(struct epoch *e, const char *owner)
{
	snprintf(e->owner, sizeof(e->owner), "%s", owner);
	if (getrandom(&e->session, sizeof(e->session), GRND_NONBLOCK) != sizeof(e->session))
		e->session = timer_now_ms * UINT64_C(0x9e3779b97f4a7c15);
	e->starting = 1;
	STAILQ_INIT(&e->waiters);
	timer_setup(&e->clean_wait, epoch_on_wait_over, e);
	gate_close(e->gate, GATE_STARTING);
	for (unsigned i = 0; i < e->n; i++)
		e->servers[i].claim.session = e->session;
}
