/* submit: takes a client's commands on keys and starts each one. See submit.h. */
#include "submit.h"

#include "hold.h"
#include "marker.h"
#include "req_read.h"
#include "req_write.h"
#include "stats.h"

void
submit_init(struct farm *farm, const struct conf *conf)
{
	req_read_init(farm);
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
	if (r->cmd == REQ_GET || r->cmd == REQ_GETS)
		req_read_start(r);
	else
		req_write_start(r);
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

static void
submit_count(enum req_cmd cmd)
{
	switch (cmd) {
	case REQ_GET:
	case REQ_GETS:
		stats.cmd_get++;
		break;
	case REQ_GAT:
	case REQ_GATS:
	case REQ_TOUCH:
		stats.cmd_touch++;
		break;
	case REQ_DELETE:
		stats.cmd_delete++;
		break;
	case REQ_INCR:
	case REQ_DECR:
		stats.cmd_arith++;
		break;
	default:
		stats.cmd_set++;
		break;
	}
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
	r->exptime = p->exptime;
	r->number = p->number;
	r->waiter.resume = submit_resume;
	if (body != NULL) {
		r->body = body;
		r->body_len = p->body_len + 2;
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
submit_get(struct req_queue *q, enum req_cmd cmd, int32_t exptime, const char *key, size_t len,
	   int last)
{
	struct req *r = req_new(q, cmd);

	submit_count(cmd);
	req_set_key(r, key, len);
	r->exptime = exptime;
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
}
