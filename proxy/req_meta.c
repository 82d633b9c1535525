/* req_meta: what of a meta command each side is sent, and what the client is told. See req_meta.h. */
#include "req_meta.h"

#include <string.h>

#include "base64.h"
#include "farm.h"
#include "stats.h"

static int
has(const struct req *r, char flag)
{
	return meta_has(r->meta, flag);
}

int
req_meta_has_condition(const struct req *r)
{
	return has(r, 'C') && (r->meta->cmd != META_ARITH || r->meta->cas != 0);
}

int
req_meta_leads(const struct req *r)
{
	switch (r->meta->cmd) {
	case META_GET:
		return has(r, 'N') || has(r, 'R');
	case META_DEBUG:
		return 0;
	case META_ARITH: /* I is nothing to it */
		return req_meta_has_condition(r) || r->meta->odd;
	default:
		return req_meta_has_condition(r) || has(r, 'I') || r->meta->odd;
	}
}

/* An odd one may have been carried out when it is found wrong: it is sent as it is, once. */
int
req_meta_may_make(const struct req *r)
{
	return r->meta->cmd == META_ARITH && has(r, 'N') && !r->meta->odd;
}

int
req_meta_wants_new(const struct req *r)
{
	return req_meta_may_make(r) && r->makes == MAKES_NOT &&
	       r->answer[REQ_LEADER].type == RSP_NF;
}

enum req_meta_follow
req_meta_follow(const struct req *r)
{
	const struct req_answer *l = &r->answer[REQ_LEADER];
	int done = req_meta_is_hit((enum rsp_type)l->type);

	/* 1.6.18 finds some things wrong when it has done the rest. */
	if (l->type == RSP_CLIENT_ERROR)
		return r->meta->odd ? META_FOLLOW_COPY : META_FOLLOW_NOTHING;
	if (r->meta->cmd == META_GET) {
		if (l->won)
			return META_FOLLOW_DELETE;
		return done && has(r, 'T') ? META_FOLLOW_SAME : META_FOLLOW_NOTHING;
	}
	if (l->type == RSP_ERROR || l->type == RSP_SERVER_ERROR)
		return META_FOLLOW_COPY; /* for want of memory the old item may be gone, or not */
	/* The leader may have evicted what the client gives up. */
	if (r->meta->cmd == META_DELETE && l->type == RSP_NF)
		return META_FOLLOW_DELETE;
	if (r->makes != MAKES_NOT)
		return META_FOLLOW_COPY; /* it may have a number that the leader has evicted */
	if (!done)
		return META_FOLLOW_NOTHING;
	if (has(r, 'I') && r->meta->cmd == META_DELETE)
		return META_FOLLOW_DELETE;
	/* Whether ms with I has stored a stale item or one like any other its answer does not say. */
	if (has(r, 'I') && r->meta->cmd == META_SET)
		return META_FOLLOW_COPY;
	return r->meta->odd ? META_FOLLOW_COPY : META_FOLLOW_SAME;
}

/* ---- upstream ---- */

static char *
put(char *at, const char *p, size_t n)
{
	memcpy(at, p, n);
	return at + n;
}

/* In the form in which the client has written it. */
static char *
put_key(char *at, const struct req *r)
{
	if (has(r, 'b'))
		return at + base64_encode(at, r->key, r->key_len);
	return put(at, r->key, r->key_len);
}

/*
 * Is the flag for this side? The follower's own condition has been judged by the leader. What is
 * nothing to ma would make a line that has no room for our v.
 */
static int
is_for(const struct req *r, enum req_side side, char flag)
{
	if (r->meta->cmd == META_ARITH && strchr("FIRhlu", flag) != NULL)
		return 0;
	if (flag == 'N' && req_meta_may_make(r) && r->makes == MAKES_NOT)
		return 0;
	if (side == REQ_LEADER)
		return 1;
	if (r->meta->cmd == META_GET)
		return flag == 'T' || flag == 'b'; /* it is only kept alive */
	if (flag == 'M' && req_meta_has_condition(r))
		return r->meta->mode == 'A' || r->meta->mode == 'P' || r->meta->cmd == META_ARITH;
	return flag != 'C';
}

/* The time of a T, N or R, see proto_exptime(); r->number is when the command came. */
static char *
put_time(char *at, const struct req *r, const char *word, size_t len)
{
	int32_t v;

	if (proto_int32(word + 2, len - 2, &v) == -1)
		return put(at, word, len);
	v = proto_exptime(v, (int64_t)r->number);
	at = put(at, word, 2);
	if (v < 0)
		*at++ = '-';
	return at + proto_decimal(at, (uint64_t)(v < 0 ? -(int64_t)v : v));
}

size_t
req_meta_line(const struct req *r, enum req_side side, char *line)
{
	const struct meta_flags *f = r->meta;
	const char *p = f->text, *end = f->text + f->text_len, *next;
	char *at = line;

	*at++ = 'm';
	*at++ = (char)f->cmd;
	*at++ = ' ';
	at = put_key(at, r);
	if (f->cmd == META_SET) {
		*at++ = ' ';
		at += proto_decimal(at, f->body_len);
	}
	for (; p < end; p = next) {
		next = memchr(p + 1, ' ', (size_t)(end - p - 1));
		if (next == NULL)
			next = end;
		if (!is_for(r, side, p[1]))
			continue;
		if (p[1] == 'C' && f->cas != 0) {
			at = put(at, " C", 2);
			at += proto_decimal(at, farm_cas_in(r->server[REQ_LEADER], f->cas));
		} else if (p[1] == 'T' || p[1] == 'N' || p[1] == 'R') {
			at = put_time(at, r, p, (size_t)(next - p));
		} else {
			at = put(at, p, (size_t)(next - p));
		}
	}
	if (f->cmd == META_ARITH && !has(r, 'v'))
		at = put(at, " v", 2); /* to compare the two */
	at = put(at, "\r\n", 2);
	return (size_t)(at - line);
}

/* ---- to the client ---- */

/* What q hides, as memcached 1.6.18 does it: the usual of each command. */
static int
is_hidden(const struct req *r, enum rsp_type t)
{
	if (!has(r, 'q'))
		return 0;
	switch (r->meta->cmd) {
	case META_GET:
		return t == RSP_EN;
	case META_ARITH: /* but a number that is new */
		return req_meta_is_hit(t) && r->makes == MAKES_NOT;
	case META_DEBUG:
		return 0;
	default:
		return t == RSP_HD;
	}
}

/* The words of the line behind the first head bytes; a cas unique becomes a token of ours. */
static void
add_words(struct buf *out, const struct op_reply *reply, uint32_t head, const struct server *from)
{
	char line[PROTO_RSP_LINE_MAX + 32];
	const char *p = reply->p + head, *end = reply->p + reply->rsp->line_len - 2, *next;
	char *at = line;
	uint64_t unique;
	int told = 0; /* a server that says it again and again does not get all the room */

	for (; p < end; p = next) {
		next = memchr(p + 1, ' ', (size_t)(end - p - 1));
		if (next == NULL)
			next = end;
		/* 0 is no item's: what was not stored has it */
		if (p[1] == 'c' && !told &&
		    proto_uint64(p + 2, (size_t)(next - p - 2), &unique) == 0 && unique != 0) {
			told = 1;
			at = put(at, " c", 2);
			at += proto_decimal(at, farm_cas_out(from, unique));
		} else {
			at = put(at, p, (size_t)(next - p));
		}
	}
	at = put(at, "\r\n", 2);
	buf_add(out, line, (size_t)(at - line));
}

static void
add_reply(struct req *r, struct buf *out, const struct op_reply *reply, const struct server *from)
{
	const struct proto_rsp *rsp = reply->rsp;
	int as_hd = rsp->type == RSP_VA && r->meta->cmd == META_ARITH && !has(r, 'v');

	if (r->meta->cmd == META_DEBUG || rsp->type >= RSP_ERROR || !(has(r, 'c') || as_hd)) {
		buf_add_slice(out, reply->blob, reply->p, rsp->total);
		return;
	}
	buf_add(out, as_hd ? "HD" : reply->p, 2);
	if (rsp->type != RSP_VA) {
		add_words(out, reply, 2, from);
		return;
	}
	if (!as_hd)
		buf_add(out, reply->p + 2, rsp->head_len - 2);
	add_words(out, reply, rsp->head_len, from);
	if (!as_hd)
		buf_add_slice(out, reply->blob, reply->p + rsp->line_len, rsp->body_len + 2);
}

int
req_meta_says(const struct op_reply *reply, char word)
{
	uint32_t end = reply->rsp->line_len - 2;

	for (uint32_t i = 2; i + 1 < end; i++)
		if (reply->p[i] == ' ' && reply->p[i + 1] == word &&
		    (i + 2 == end || reply->p[i + 2] == ' '))
			return 1;
	return 0;
}

void
req_meta_note(struct req *r, enum req_side side, const struct op_reply *reply)
{
	struct req_answer *a = &r->answer[side];
	struct buf *out = side == REQ_LEADER ? &r->held : &r->other;
	enum rsp_type t = reply->rsp->type;

	a->type = (uint8_t)t;
	a->len = 0;
	a->won = req_meta_is_hit(t) && req_meta_says(reply, 'W');
	if (t == RSP_VA && reply->rsp->body_len <= REQ_LINE_MAX && r->meta->cmd == META_ARITH) {
		a->len = (uint8_t)reply->rsp->body_len;
		memcpy(a->line, reply->p + reply->rsp->line_len, a->len);
	}
	buf_clear(out);
	if (r->queue == NULL || is_hidden(r, t))
		return;
	add_reply(r, out, reply, r->server[side]);
}

void
req_meta_count(const struct req *r, enum rsp_type t)
{
	struct stats_command *c = &stats_command[r->cmd];

	if (t == RSP_SERVER_ERROR)
		stats.server_errors++;
	else if (t >= RSP_ERROR)
		stats.client_errors++;
	if (t >= RSP_ERROR) {
		c->errors++;
	} else if (r->cmd == REQ_MS || t == RSP_EX) {
		return; /* a store cannot miss */
	} else if (t == RSP_EN || t == RSP_NF) {
		c->misses++;
		stats.get_misses += r->cmd == REQ_MG;
	} else {
		c->hits++;
		stats.get_hits += r->cmd == REQ_MG;
	}
}

void
req_meta_stand_in(struct req *r)
{
	buf_clear(&r->held);
	buf_splice(&r->held, &r->other);
}

int
req_meta_agrees(const struct req *r)
{
	const struct req_answer *l = &r->answer[REQ_LEADER], *f = &r->answer[REQ_FOLLOWER];

	switch (r->meta->cmd) {
	case META_GET:
		return req_meta_is_hit((enum rsp_type)l->type) ==
		       req_meta_is_hit((enum rsp_type)f->type);
	case META_DELETE:
		if (f->type == RSP_HD || f->type == RSP_NF)
			return 1;
		break;
	default:
		break;
	}
	if (r->makes == MAKES_LEADER || l->type != f->type || f->type == RSP_ERROR ||
	    f->type == RSP_SERVER_ERROR)
		return 0;
	return l->len == f->len && memcmp(l->line, f->line, f->len) == 0;
}

void
req_meta_say(struct req *r, const char *code)
{
	const struct meta_flags *f = r->meta;
	const char *p = f->text, *end = f->text + f->text_len, *next;
	char line[REQ_META_LINE_MAX];
	char *at = put(line, code, 2);

	for (; p < end; p = next) {
		next = memchr(p + 1, ' ', (size_t)(end - p - 1));
		if (next == NULL)
			next = end;
		if (p[1] == 'O') {
			at = put(at, p, (size_t)(next - p));
		} else if (p[1] == 'k') {
			at = put_key(put(at, " k", 2), r);
			if (has(r, 'b'))
				at = put(at, " b", 2);
		}
	}
	at = put(at, "\r\n", 2);
	buf_clear(&r->held);
	if (r->queue != NULL && !(code[0] == 'E' && code[1] == 'N' && is_hidden(r, RSP_EN)))
		buf_add(&r->held, line, (size_t)(at - line));
	req_answer_now(r);
}
