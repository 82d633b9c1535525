/* claim: what says on a server that it is ours. See claim.h. */
#include "claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "addr.h"
#include "log.h"
#include "proof.h"
#include "wire.h"

/* ---- the marker ---- */

static void claim_on_mark(struct op *op, enum op_result result, const struct op_reply *reply);

/*
 * By cas on the marker that we saw last, or add where we saw none: a marker that another proxy has
 * written meanwhile is never written over.
 */
static void
claim_mark_send(struct claim *c)
{
	char line[WIRE_LINE_MAX];
	int n;

	if (c->cas != 0)
		n = snprintf(line, sizeof(line), "ms %s %zu T0 C%llu c\r\n", MARKER_KEY, c->len,
			     (unsigned long long)c->cas);
	else
		n = snprintf(line, sizeof(line), "ms %s %zu T0 ME c\r\n", MARKER_KEY, c->len);
	c->mark_busy = 1;
	c->mark_again = 0;
	c->sent_epoch = c->next_epoch;
	c->mark_op.done = claim_on_mark;
	backend_send(&c->conns[0], &c->mark_op, line, (size_t)n, NULL, c->text, c->len + 2);
}

/* Reads the marker in reply. Returns 1 when it is another session's, which foreign() was told. */
static int
claim_is_foreign(struct claim *c, const struct op_reply *reply)
{
	struct marker m;

	if (marker_read(&m, reply->p + reply->rsp->line_len, reply->rsp->body_len) == -1 ||
	    m.session == c->session)
		return 0;
	c->ops->foreign(c, &m);
	return 1;
}

/* Somebody was there between: is it another proxy, or was it gone? */
static void
claim_on_mark_seen(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct claim *c = op->asker;

	if (result == OP_LATE)
		return;
	c->mark_busy = 0;
	if (result != OP_ANSWER)
		return;
	c->cas = 0;
	if (reply->rsp->type == RSP_VA) {
		c->cas = proof_cas(reply);
		if (claim_is_foreign(c, reply))
			return;
	}
	claim_mark_send(c);
}

static void
claim_on_mark(struct op *op, enum op_result result, const struct op_reply *reply)
{
	static const char look[] = "mg " MARKER_KEY " v c\r\n";
	struct claim *c = op->asker;

	if (result == OP_LATE)
		return;
	c->mark_busy = 0;
	if (result != OP_ANSWER)
		return;
	switch (reply->rsp->type) {
	case RSP_HD:
		c->cas = proof_cas(reply);
		if (c->mark_again) {
			claim_mark_send(c);
		} else {
			c->marked_epoch = c->sent_epoch;
			c->ops->marked(c);
		}
		break;
	case RSP_EX:
	case RSP_NF:
	case RSP_NS:
		c->mark_busy = 1;
		c->mark_op.done = claim_on_mark_seen;
		backend_send(&c->conns[0], &c->mark_op, look, sizeof(look) - 1, NULL, NULL, 0);
		break;
	default:
		c->ops->refused(c);
		break;
	}
}

void
claim_mark(struct claim *c, const char *text, size_t n, uint64_t epoch)
{
	free(c->text);
	c->text = malloc(n + 2);
	if (c->text == NULL)
		fatalx("out of memory: a marker");
	memcpy(c->text, text, n);
	memcpy(c->text + n, "\r\n", 2);
	c->len = n;
	c->next_epoch = epoch;
	if (c->mark_busy)
		c->mark_again = 1;
	else
		claim_mark_send(c);
}

/* ---- the ports and the lease ---- */

/* Sets or adds key with the n bytes at text (copied), which has room for two more. */
static void
claim_store(struct claim *c, struct op *op, enum req_cmd how, const char *key, int32_t exptime,
	    char *text, size_t n)
{
	char line[WIRE_LINE_MAX];
	size_t len = wire_storage(line, how, key, strlen(key), 0, exptime, (uint32_t)n, 0);

	memcpy(text + n, "\r\n", 2);
	backend_send(&c->conns[0], op, line, len, NULL, text, n + 2);
}

/* A lease that was refused lapses; what that means is said where leases are judged (epoch.c). */
static void
claim_on_leased(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct claim *c = op->asker;

	(void)reply;
	if (result != OP_LATE)
		c->lease_busy = 0;
}

void
claim_lease(struct claim *c)
{
	char text[64];

	if (c->lease_busy)
		return;
	c->lease_busy = 1;
	claim_store(c, &c->lease_op, REQ_SET, LEASE_KEY, CLAIM_LEASE_S, text,
		    (size_t)snprintf(text, sizeof(text), "memvip 1 %016llx",
				     (unsigned long long)c->session));
}

static void
claim_on_named(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct claim *c = op->asker;

	if (result == OP_LATE)
		return;
	c->ports_busy = 0;
	if (result == OP_ANSWER)
		c->ops->named(c, reply->rsp->type == RSP_STORED);
}

static void
claim_name(struct claim *c, enum req_cmd how)
{
	size_t size = 128 + (size_t)c->n_conns * ADDR_TEXT_MAX, at;
	char *text = malloc(size);

	if (text == NULL)
		fatalx("out of memory: the ports of %u connections", c->n_conns);
	at = (size_t)snprintf(text, size, "memvip 1 %016llx ", (unsigned long long)c->session);
	for (unsigned i = 0; i < c->n_conns; i++) {
		struct addr a;
		if (addr_of_socket(&a, c->conns[i].io.fd) == -1)
			continue;
		at += (size_t)snprintf(text + at, size - at - 2, "%s%s", i > 0 ? "," : "", a.text);
	}
	c->ports_busy = 1;
	claim_store(c, &c->ports_op, how, PORTS_KEY, 0, text, at);
	free(text);
}

void
claim_ports(struct claim *c)
{
	if (!c->ports_busy) /* else the connections have not changed since */
		claim_name(c, REQ_SET);
}

static void
claim_on_look(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct claim *c = op->asker;

	if (result == OP_LATE)
		return;
	c->look_busy = 0;
	if (result == OP_ANSWER && reply->rsp->type == RSP_EN && !c->ports_busy)
		claim_name(c, REQ_ADD);
}

void
claim_keep_ports(struct claim *c)
{
	static const char line[] = "mg " PORTS_KEY "\r\n";

	if (c->look_busy || c->ports_busy)
		return;
	c->look_busy = 1;
	backend_send(&c->conns[0], &c->look_op, line, sizeof(line) - 1, NULL, NULL, 0);
}

void
claim_flushed(struct claim *c)
{
	c->cas = 0;
	claim_ports(c);
}

/* ---- the watch ---- */

static void
claim_on_watch(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct claim *c = op->asker;

	if (result == OP_LATE)
		return;
	c->watch_busy = 0;
	if (result != OP_ANSWER || c->mark_busy)
		return;
	if (reply->rsp->type == RSP_EN)
		c->ops->missing(c);
	else if (reply->rsp->type == RSP_VA)
		claim_is_foreign(c, reply);
}

void
claim_watch(struct claim *c)
{
	static const char line[] = "mg " MARKER_KEY " v\r\n";

	if (c->watch_busy || c->mark_busy || c->marked_epoch == 0)
		return;
	c->watch_busy = 1;
	backend_send(&c->conns[0], &c->watch_op, line, sizeof(line) - 1, NULL, NULL, 0);
}

int
claim_has_op(const struct claim *c, const struct op *op)
{
	return op == &c->mark_op || op == &c->lease_op || op == &c->ports_op;
}

void
claim_setup(struct claim *c, const struct claim_ops *ops, struct backend *conns, unsigned n_conns)
{
	memset(c, 0, sizeof(*c));
	c->ops = ops;
	c->conns = conns;
	c->n_conns = n_conns;
	c->mark_op = (struct op){.kind = OP_META, .done = claim_on_mark, .asker = c, .write = 1};
	c->watch_op = (struct op){.kind = OP_META, .done = claim_on_watch, .asker = c};
	c->look_op = (struct op){.kind = OP_META, .done = claim_on_look, .asker = c};
	c->lease_op =
	    (struct op){.kind = OP_STORAGE, .done = claim_on_leased, .asker = c, .write = 1};
	c->ports_op =
	    (struct op){.kind = OP_STORAGE, .done = claim_on_named, .asker = c, .write = 1};
}

void
claim_clear(struct claim *c)
{
	free(c->text);
	c->text = NULL;
}
