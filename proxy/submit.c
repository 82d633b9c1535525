/* submit: takes a client's commands on keys and starts each one. See submit.h. */
#include "submit.h"

#include <string.h>
#include <time.h>

#include "hold.h"
#include "marker.h"
#include "req_list.h"
#include "req_meta.h"
#include "req_read.h"
#include "req_write.h"
#include "stats.h"

#define ME_NO_TEXT "CLIENT_ERROR me tells of no key that has a blank or a line end in it\r\n"

void
submit_init(struct farm *farm, const struct conf *conf)
{
	req_read_init(farm);
	req_list_init(farm);
	req_write_init(farm, conf);
}

static void
submit_start(struct req *r)
{
	struct hold *h = hold_busy(r->key, r->key_len);

	if (h != NULL) {
		req_keep_body(r);
		hold_wait(h, &r->waiter);
		return;
	}
	if (req_is_write(r))
		req_write_start(r);
	else
		req_read_start(r);
}

static void
submit_resume(struct hold_waiter *w)
{
	struct req *r = (struct req *)((char *)w - offsetof(struct req, waiter));

	submit_start(r);
}

/* The body in the client's window is not there after the call that brought it. */
static void
submit_forget_body(struct req *r)
{
	if (r->blob == NULL)
		r->body = NULL;
}

/* Up to n keys of the line as one req. Returns where the next one begins. */
static uint32_t
submit_list(struct req_queue *q, struct proto_req *p, const char *line, uint32_t at, unsigned n)
{
	uint32_t end = p->key + p->key_len, key, len;
	struct req *r = req_new(q, p->cmd);
	unsigned kept = 0;
	char *to;

	r->blob =
	    blob_new(end - at < n * (PROTO_KEY_MAX + 1) ? end - at + 1 : n * (PROTO_KEY_MAX + 1));
	to = r->blob->data;
	if (p->tidy && n == p->n_keys) { /* as it stands */
		at += line[at] == ' ';
		memcpy(to, line + at, end - at);
		to += end - at;
		*to++ = ' ';
		kept = n;
		at = end;
	}
	for (unsigned i = kept; i < n; i++) {
		len = proto_req_next_key(line, &at, end, &key);
		if (marker_is_key(line + key, len))
			continue; /* ours: nobody else's */
		memcpy(to, line + key, len);
		to += len;
		*to++ = ' ';
		kept++;
	}
	p->n_keys -= n;
	stats.cmd_get += n;
	stats_command[p->cmd].count += n;
	stats_command[p->cmd].misses += n - kept;
	stats.get_misses += n - kept;
	r->weight = (uint16_t)n;
	q->n += n - 1;
	r->last = p->n_keys == 0;
	r->body = r->blob->data;
	if (kept > 0)
		r->body_len = (uint32_t)(to - r->body) - 1;
	q->bytes += r->body_len;
	r->waiter.resume = submit_resume;
	if (kept > 0)
		req_list_start(r, kept);
	else
		req_answer_now(r);
	return at;
}

uint32_t
submit_keys(struct req_queue *q, struct proto_req *p, const char *line, uint32_t at, unsigned room)
{
	uint32_t end = p->key + p->key_len, key, len;
	unsigned n = p->n_keys < BACKEND_MERGE_MAX ? p->n_keys : BACKEND_MERGE_MAX;

	if (n > room)
		n = room;
	if (n > 1 && p->cmd <= REQ_GETS && req_list_can())
		return submit_list(q, p, line, at, n);
	len = proto_req_next_key(line, &at, end, &key);
	p->n_keys--;
	submit_get(q, p->cmd, p->exptime, line + key, len, p->n_keys == 0);
	return at;
}

static void
submit_count(enum req_cmd cmd)
{
	stats_command[cmd].count++;
	switch (cmd) {
	case REQ_GET:
	case REQ_GETS:
	case REQ_MG:
		stats.cmd_get++;
		break;
	case REQ_GAT:
	case REQ_GATS:
	case REQ_TOUCH:
		stats.cmd_touch++;
		break;
	case REQ_DELETE:
	case REQ_MD:
		stats.cmd_delete++;
		break;
	case REQ_ME:
		break;
	case REQ_INCR:
	case REQ_DECR:
	case REQ_MA:
		stats.cmd_arith++;
		break;
	default:
		stats.cmd_set++;
		break;
	}
}

static int32_t
submit_exptime(int32_t exptime)
{
	return exptime > PROTO_RELATIVE_MAX ? proto_exptime(exptime, time(NULL)) : exptime;
}

/* Starts r, with a body of body_len bytes and \r\n unless body is NULL. */
static void
submit_through(struct req_queue *q, struct req *r, struct blob *blob, const char *body,
	       uint32_t body_len)
{
	r->waiter.resume = submit_resume;
	if (body != NULL) {
		r->body = body;
		r->body_len = body_len + 2;
		q->bytes += r->body_len;
		if (blob != NULL)
			r->blob = blob_ref(blob);
	}
	r->in_flight++; /* without a server the answer is there at once: keeps r until we are through */
	submit_start(r);
	r->in_flight--;
	submit_forget_body(r);
	req_check(r);
}

void
submit_command(struct req_queue *q, const struct proto_req *p, const char *base, struct blob *blob,
	       const char *body)
{
	struct req *r = req_new(q, p->cmd);

	submit_count(p->cmd);
	req_set_key(r, base + p->key, p->key_len);
	r->noreply = p->noreply;
	r->flags = p->flags;
	r->exptime = submit_exptime(p->exptime);
	r->number = p->number;
	submit_through(q, r, blob, body, p->body_len);
}

static enum req_cmd
submit_meta_cmd(const struct meta_flags *f)
{
	switch (f->cmd) {
	case META_GET:
		return REQ_MG;
	case META_SET:
		return REQ_MS;
	case META_DELETE:
		return REQ_MD;
	case META_ARITH:
		return REQ_MA;
	default:
		return REQ_ME;
	}
}

void
submit_meta(struct req_queue *q, const struct proto_meta *m, struct blob *blob, const char *body)
{
	enum req_cmd cmd = submit_meta_cmd(&m->flags);
	struct req *r = req_new(q, cmd);

	submit_count(cmd);
	if (cmd == REQ_MG && meta_has(&m->flags, 'T'))
		stats.cmd_touch++;
	req_set_key(r, m->key, m->key_len);
	req_set_meta(r, &m->flags);
	r->number = (uint64_t)time(NULL); /* both servers get what is made of a time now */
	if (m->flags.cmd == META_DEBUG && !meta_key_is_text(m->key, m->key_len))
		REQ_ANSWER_TEXT(r, ME_NO_TEXT); /* it would be told as it is, line ends and all */
	else if (!marker_is_key(m->key, m->key_len))
		submit_through(q, r, blob, body, m->flags.body_len);
	else if (m->flags.cmd == META_GET)
		req_read_nothing(r); /* ours: nobody else's */
	else if (m->flags.cmd == META_DEBUG)
		req_meta_say(r, "EN");
	else
		REQ_ANSWER_TEXT(r, REQ_RESERVED);
}

void
submit_get(struct req_queue *q, enum req_cmd cmd, int32_t exptime, const char *key, size_t len,
	   int last)
{
	struct req *r = req_new(q, cmd);

	submit_count(cmd);
	req_set_key(r, key, len);
	r->exptime = submit_exptime(exptime);
	r->last = last != 0;
	r->waiter.resume = submit_resume;
	if (marker_is_key(key, len))
		req_read_nothing(r); /* ours: nobody else's */
	else
		submit_start(r);
}

void
submit_silent_delete(struct req_queue *q, const char *key, size_t len)
{
	struct proto_req p = {.cmd = REQ_DELETE, .key_len = (uint32_t)len, .noreply = 1};

	submit_command(q, &p, key, NULL, NULL);
	stats.cmd_delete--;
	stats_command[REQ_DELETE].count--;
}
