/* req_write: whatever changes an item. See req_write.h. */
#include "req_write.h"

#include <stdlib.h>
#include <string.h>

#include "copy.h"
#include "fill.h"
#include "log.h"
#include "req_meta.h"
#include "req_read.h"
#include "stats.h"
#include "wire.h"

static const char EXISTS[] = "EXISTS\r\n";

static struct farm *farm;
static int ack_leader; /* --ack leader */

static void write_leader_done(struct op *op, enum op_result result, const struct op_reply *reply);
static void write_follower_done(struct op *op, enum op_result result, const struct op_reply *reply);

void
req_write_init(struct farm *f, const struct conf *c)
{
	farm = f;
	req_write_changed(c);
}

void
req_write_changed(const struct conf *c)
{
	ack_leader = c->ack != NULL && strcmp(c->ack, "leader") == 0;
}

/* Sends a line, and the body when there is one, to one side. */
static void
write_to(struct req *r, enum req_side side, enum op_kind kind, const char *line, size_t len,
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

/* Makes the line for one side. */
static size_t
write_any_line(const struct req *r, enum req_side side, char *line)
{
	return r->meta != NULL ? req_meta_line(r, side, line) : write_line(r, side, line);
}

/* What that line is answered. */
static enum op_kind
write_kind(const struct req *r, enum req_side side)
{
	if (r->meta != NULL)
		return OP_META;
	switch ((enum req_cmd)r->cmd) {
	case REQ_DELETE:
		return OP_DELETE;
	case REQ_INCR:
	case REQ_DECR:
		return OP_ARITH;
	case REQ_TOUCH:
		return OP_TOUCH;
	case REQ_GAT:
	case REQ_GATS:
		return side == REQ_LEADER ? OP_GAT : OP_TOUCH;
	default:
		return OP_STORAGE;
	}
}

static void
write_send_line(struct req *r, enum req_side side, const char *line, size_t n)
{
	write_to(r, side, write_kind(r, side), line, n, r->body_len > 0);
}

static void
write_send(struct req *r, enum req_side side)
{
	char line[REQ_META_LINE_MAX];

	write_send_line(r, side, line, write_any_line(r, side, line));
}

/* To both, which get the same line but for what only one of them is to answer. */
static void
write_send_both(struct req *r)
{
	char line[REQ_META_LINE_MAX];
	size_t n = write_any_line(r, REQ_LEADER, line);

	write_send_line(r, REQ_LEADER, line, n);
	if (r->server[REQ_FOLLOWER] == NULL)
		return;
	if (r->meta != NULL || req_is_retrieval(r))
		n = write_any_line(r, REQ_FOLLOWER, line);
	write_send_line(r, REQ_FOLLOWER, line, n);
}

/* The leader decides alone, and the follower hears what has come of it. */
static int
write_leads(const struct req *r)
{
	return r->cmd == REQ_CAS || (r->meta != NULL && req_meta_leads(r));
}

/* Reads the item as well: what is there is for the server to say that is asked. */
static int
write_reads(const struct req *r)
{
	return req_is_retrieval(r) || (r->meta != NULL && r->meta->cmd == META_GET);
}

void
req_write_start(struct req *r)
{
	struct route to = farm_route(farm, r->key, r->key_len, ROUTE_WRITE);

	copy_touched(r->key, r->key_len);
	if (to.leader == NULL) {
		REQ_ANSWER_TEXT(r, REQ_NO_SERVER);
		return;
	}
	r->server[REQ_LEADER] = to.leader;
	r->server[REQ_FOLLOWER] = to.follower;
	r->makes = MAKES_NOT;
	if (write_leads(r) || (r->meta != NULL && req_meta_may_make(r))) {
		/* Nobody may pass until the follower has the value. */
		req_keep_body(r);
		if (!r->holding)
			hold_take(&r->hold, r->key, r->key_len);
		r->holding = 1;
	}
	if (write_leads(r))
		write_send(r, REQ_LEADER);
	else
		write_send_both(r);
}

/*
 * Do the two servers hold the same after these answers? (protocol.txt, the replies of each command)
 */
static int
write_agrees(const struct req *r)
{
	const struct req_answer *l = &r->answer[REQ_LEADER], *f = &r->answer[REQ_FOLLOWER];

	if (r->meta != NULL)
		return req_meta_agrees(r);
	if (req_is_retrieval(r)) /* touched there, or as little there as at the leader */
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

/* Does what is there after the command not hang on what was there before? */
static int
write_is_whole(const struct req *r)
{
	const struct meta_flags *m = r->meta;

	if (m == NULL)
		return r->cmd == REQ_SET || r->cmd == REQ_DELETE;
	return m->cmd == META_DELETE ||
	       (m->cmd == META_SET && (m->mode == 0 || m->mode == 'S' || m->mode == 's'));
}

/* May the follower's answer stand in for the leader's? */
static int
write_stands_in(const struct req *r)
{
	const struct req_answer *f = &r->answer[REQ_FOLLOWER];

	/* What is missing from a server that is being filled says nothing of what was there. */
	return f->asked && f->done && !f->lost && (!f->filling || write_is_whole(r));
}

static void
write_answer(struct req *r, enum req_side side)
{
	struct req_answer *a = &r->answer[side];

	if (r->meta != NULL) {
		req_meta_count(r, (enum rsp_type)a->type);
		if (side == REQ_FOLLOWER)
			req_meta_stand_in(r);
		req_answer_now(r);
	} else if (req_is_retrieval(r) && a->type == RSP_VALUE) {
		req_answer_now(r); /* the block is in held */
	} else if (req_is_retrieval(r) && a->type == RSP_END) {
		req_read_nothing(r);
	} else {
		req_answer_line(r, a->line, a->len);
	}
}

static void write_acknowledge(struct req *r);
static void write_mend(struct req *r);

/*
 * A meta command without its leader. What the follower was not asked for it has not done: it is asked
 * now, as the leader. A touch may be made twice.
 */
static void
write_meta_again(struct req *r)
{
	buf_clear(&r->held);
	stats.retries++;
	if (++r->tries > REQ_TRIES_MAX) {
		REQ_ANSWER_TEXT(r, REQ_SERVER_LOST);
	} else if (write_reads(r) && req_overtaken(r)) {
		req_read_nothing(r);
	} else {
		for (int i = 0; i < 2; i++)
			r->answer[i].asked = r->answer[i].done = 0;
		r->repaired = 0;
		req_write_start(r);
	}
}

/* The leader is lost. */
static void
write_without_leader(struct req *r)
{
	if (r->answered) { /* --ack leader: nobody waits */
		write_acknowledge(r);
	} else if (r->cmd == REQ_CAS) {
		/* Stored or not: the client reads again and finds out (design: never a lucky match). */
		REQ_ANSWER_TEXT(r, EXISTS);
	} else if (r->meta != NULL && req_meta_has_condition(r)) {
		req_meta_say(r, "EX"); /* the same */
	} else if (r->meta != NULL && (write_reads(r) || write_leads(r))) {
		write_meta_again(r);
	} else if (req_is_retrieval(r)) {
		/* The other copy is touched, or lost too; reading it is all that remains. */
		stats.retries++;
		buf_clear(&r->held);
		if (req_overtaken(r))
			req_read_nothing(r);
		else
			req_read_start(r);
	} else if (!write_stands_in(r)) {
		REQ_ANSWER_TEXT(r, REQ_SERVER_LOST);
	} else if (r->meta != NULL && r->answer[REQ_FOLLOWER].type == RSP_NF &&
		   req_meta_may_make(r)) {
		write_meta_again(r); /* it has done nothing yet */
	} else {
		write_acknowledge(r);
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

/* --ack leader: the client has its answer, the follower's was waited for. */
static void
write_over(struct req *r)
{
	if (r->holding) {
		r->holding = 0;
		hold_release(&r->hold);
	}
	req_check(r);
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
		if (r->answered)
			write_over(r);
		else
			REQ_ANSWER_TEXT(r, REQ_SERVER_SILENT);
		return;
	}
	/* Not for what was on its way when the follower went: its client may be on the other side. */
	if (!epoch_is_raising(&farm->epoch) && r->server[REQ_FOLLOWER] == NULL)
		epoch_note_write(&farm->epoch);
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
	if (r->answered)
		write_over(r);
	else
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
	if (result == COPY_LOST && !written && !server_usable(r->server[REQ_LEADER])) {
		if (!write_reads(r) && write_stands_in(r)) {
			r->answer[REQ_LEADER].lost = 1;
		} else if (write_leads(r) && !r->answered && !r->answer[REQ_FOLLOWER].asked) {
			r->answer[REQ_LEADER].lost = 1;
			write_without_leader(r);
			return;
		}
	}
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
	int lacks =
	    f->asked && (f->type == RSP_NOT_FOUND || f->type == RSP_NF || f->type == RSP_EN);
	char line[WIRE_LINE_MAX];

	r->repaired = 1;
	if (follower->replica.state == REPLICA_CURRENT) {
		write_copy(r);
		return;
	}
	/* The delete before the copy, which may ask whether the key is there. */
	if (!lacks)
		write_to(r, REQ_FOLLOWER, OP_DELETE, line, wire_delete(line, r->key, r->key_len),
			 0);
	fill_add(follower, r->key, r->key_len);
	if (lacks)
		write_acknowledge(r);
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

/*
 * The leader has decided. Returns 1 when that is all for now, 0 when the follower is to get a copy of
 * what the leader has.
 */
static int
write_follow(struct req *r)
{
	char line[WIRE_LINE_MAX];
	enum req_meta_follow what = r->meta != NULL ? req_meta_follow(r)
				    : r->answer[REQ_LEADER].type == RSP_STORED
					? META_FOLLOW_SAME
					: META_FOLLOW_NOTHING;

	switch (what) {
	case META_FOLLOW_COPY:
		return 0;
	case META_FOLLOW_NOTHING:
		write_acknowledge(r);
		break;
	case META_FOLLOW_SAME:
		copy_touched(r->key, r->key_len);
		write_send(r, REQ_FOLLOWER);
		break;
	case META_FOLLOW_DELETE:
		copy_touched(r->key, r->key_len);
		r->repaired = 1;
		write_to(r, REQ_FOLLOWER, OP_DELETE, line, wire_delete(line, r->key, r->key_len),
			 0);
		break;
	}
	return 1;
}

/* ma with N, of a number that the leader has not. */
static void
write_make(struct req *r)
{
	const struct req_answer *f = &r->answer[REQ_FOLLOWER];
	int both =
	    f->asked && !f->lost && f->type == RSP_NF && server_usable(r->server[REQ_FOLLOWER]);

	if (!server_usable(r->server[REQ_LEADER])) {
		r->answer[REQ_LEADER].lost = 1;
		write_without_leader(r);
		return;
	}
	r->makes = both ? MAKES_BOTH : MAKES_LEADER;
	copy_touched(r->key, r->key_len);
	write_send(r, REQ_LEADER);
	if (both)
		write_send(r, REQ_FOLLOWER);
}

static void write_repair(struct req *r);

static void
write_on_free(struct hold_waiter *w)
{
	struct req *r = (struct req *)((char *)w - offsetof(struct req, waiter));

	r->in_flight--; /* which has kept it while it was waiting */
	write_repair(r);
}

/* The follower is to get a copy of what the leader has, if both are still there. */
static void
write_repair(struct req *r)
{
	struct server *follower = r->server[REQ_FOLLOWER];
	struct hold *h;

	if (!server_usable(r->server[REQ_LEADER])) {
		/* It answered and went: what the survivor holds is what counts now. */
		r->answer[REQ_LEADER].lost = 1;
		write_without_leader(r);
		return;
	}
	if (!server_usable(follower)) {
		write_acknowledge(r);
		return;
	}
	/* Behind one that makes the item stale the copy would win the right that a client is to have. */
	h = hold_busy(r->key, r->key_len);
	if (h != NULL && h != &r->hold && !h->repair) {
		h->parted = 1;
		r->in_flight++;
		r->waiter.resume = write_on_free;
		hold_wait(h, &r->waiter);
		return;
	}
	follower->stats.mismatches++;
	write_mend(r);
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
	if (r->meta != NULL && req_meta_wants_new(r)) {
		write_make(r);
		return;
	}
	if (write_leads(r) && !f->asked && !r->repaired && follower != NULL &&
	    server_usable(follower)) {
		if (write_follow(r))
			return;
	} else if (!f->asked || f->lost || r->repaired ||
		   (write_agrees(r) && !(r->holding && r->hold.parted))) {
		write_acknowledge(r);
		return;
	}
	write_repair(r);
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
		req_read_hit(r, reply, 1, r->server[side]);
		break;
	default:
		if (r->meta != NULL && !r->repaired) {
			/* mg with N or R; with T the follower gets a line of its own */
			if (side == REQ_LEADER && !meta_has(r->meta, 'T'))
				req_read_mirror(r, reply);
			req_meta_note(r, side, reply);
			break;
		}
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
			REQ_ANSWER_TEXT(r, REQ_SERVER_SILENT);
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
	    !r->answered && !r->repaired && !epoch_is_raising(&farm->epoch) &&
	    !(r->meta != NULL && req_meta_wants_new(r))) {
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
