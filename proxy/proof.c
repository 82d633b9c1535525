/* proof: what a server says of itself before it is trusted. See proof.h. */
#include "proof.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

enum step { STEP_STATS, STEP_SETTINGS, STEP_MARKER, STEP_LEASE, STEP_PORTS, STEP_DONE };

static void proof_next(struct proof *p);

static struct proof *
proof_of(struct op *op)
{
	return (struct proof *)((char *)op - offsetof(struct proof, op));
}

static char *
text_of(const struct op_reply *reply)
{
	uint32_t n = reply->rsp->body_len;
	char *text = malloc((size_t)n + 1);

	if (text == NULL)
		fatalx("out of memory: a marker");
	memcpy(text, reply->p + reply->rsp->line_len, n);
	text[n] = '\0';
	return text;
}

/* "STAT name no": what we need and was switched off there. NULL: nothing. */
static const char *
switched_off(const struct op_reply *reply)
{
	static const struct {
		const char *line, *why;
	} offs[] = {
	    {"STAT flush_enabled no\r\n", "its flush_all is switched off (-F): it cannot be used"},
	    {"STAT dump_enabled no\r\n",
	     "its listing of keys is switched off (-X): it cannot be used"},
	    {"STAT lru_crawler no\r\n",
	     "its lru_crawler is switched off: it cannot list its keys, so it cannot be used"},
	};

	for (size_t i = 0; i < sizeof(offs) / sizeof(offs[0]); i++)
		if (reply->rsp->line_len == strlen(offs[i].line) &&
		    memcmp(reply->p, offs[i].line, reply->rsp->line_len) == 0)
			return offs[i].why;
	return NULL;
}

/* "STAT name value": the value when the name is this one, else what was there. */
static uint64_t
stat_value(const struct op_reply *reply, const char *name, uint64_t was)
{
	size_t len = strlen(name);
	const char *p = reply->p + 5, *end = reply->p + reply->rsp->line_len - 2;
	uint64_t v = 0;

	if (end - p <= (ptrdiff_t)len || /* "STAT" may be all of it */ memcmp(p, name, len) != 0 ||
	    p[len] != ' ')
		return was;
	for (p += len + 1; p < end && *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	return v;
}

static void
proof_marker(struct proof *p, const struct op_reply *reply)
{
	free(p->marker_text);
	p->marker_text = text_of(reply);
	p->marker_cas = proof_cas(reply);
	p->has_marker = marker_read(&p->marker, p->marker_text, reply->rsp->body_len) == 0;
}

/* "memvip 1 SESSION ADDRESS,ADDRESS" */
static void
proof_ports(struct proof *p, const struct op_reply *reply)
{
	char *text = text_of(reply), *space = strrchr(text, ' ');

	free(p->ports);
	p->ports = space != NULL ? strdup(space + 1) : NULL;
	p->ports_session = strlen(text) > 9 ? strtoull(text + 9, NULL, 16) : 0;
	free(text);
}

/* The c flag of "VA <bytes> c<cas>". */
uint64_t
proof_cas(const struct op_reply *reply)
{
	const char *p = reply->p + reply->rsp->head_len, *end = reply->p + reply->rsp->line_len;
	uint64_t v = 0;

	if (reply->rsp->type != RSP_VA) /* HD c<cas> */
		p = reply->p + 2;
	while (end - p > 2 && !(p[0] == ' ' && p[1] == 'c'))
		p++;
	for (p += 2; p < end && *p >= '0' && *p <= '9'; p++)
		v = v * 10 + (uint64_t)(*p - '0');
	return v;
}

static void
proof_on_reply(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct proof *p = proof_of(op);

	if (result == OP_ITEM && p->step == STEP_SETTINGS) {
		const char *why = switched_off(reply);
		if (why != NULL)
			p->unfit = why;
		return;
	}
	if (result == OP_ITEM) {
		p->curr_items = stat_value(reply, "curr_items", p->curr_items);
		p->cmd_flush = stat_value(reply, "cmd_flush", p->cmd_flush);
		return;
	}
	if (result == OP_LATE)
		return;
	p->busy = 0;
	if (result != OP_ANSWER)
		return; /* the connection is lost, and its owner knows */
	if (reply->rsp->type >= RSP_ERROR && p->step != STEP_SETTINGS) {
		p->done(p, p->step == STEP_STATS
			       ? "it does not answer stats"
			       : "it has no meta commands: memcached 1.6 is needed");
		return;
	}
	if (p->step == STEP_SETTINGS && p->unfit != NULL) {
		p->done(p, p->unfit);
		return;
	}
	if (p->step == STEP_MARKER && reply->rsp->type == RSP_VA)
		proof_marker(p, reply);
	else if (p->step == STEP_LEASE && reply->rsp->type == RSP_VA)
		p->has_lease = 1;
	else if (p->step == STEP_PORTS && reply->rsp->type == RSP_VA)
		proof_ports(p, reply);
	p->step++;
	proof_next(p);
}

static void
proof_next(struct proof *p)
{
	static const char *const lines[] = {
	    [STEP_STATS] = "stats\r\n",
	    [STEP_SETTINGS] = "stats settings\r\n",
	    [STEP_MARKER] = "mg " MARKER_KEY " v c\r\n",
	    [STEP_LEASE] = "mg " LEASE_KEY " v\r\n",
	    [STEP_PORTS] = "mg " PORTS_KEY " v\r\n",
	};

	if (p->step == STEP_DONE) {
		p->done(p, NULL);
		return;
	}
	p->op = (struct op){.done = proof_on_reply,
			    .kind = p->step <= STEP_SETTINGS ? OP_STATS : OP_META};
	p->busy = 1;
	backend_send(p->conn, &p->op, lines[p->step], strlen(lines[p->step]), NULL, NULL, 0);
}

void
proof_setup(struct proof *p, void (*done)(struct proof *p, const char *why))
{
	memset(p, 0, sizeof(*p));
	p->done = done;
}

void
proof_ask(struct proof *p, struct backend *conn)
{
	proof_clear(p);
	p->conn = conn;
	p->step = STEP_STATS;
	proof_next(p);
}

void
proof_clear(struct proof *p)
{
	free(p->marker_text);
	free(p->ports);
	p->marker_text = p->ports = NULL;
	p->ports_session = p->marker_cas = 0;
	p->has_marker = p->has_lease = 0;
	p->unfit = NULL;
	p->curr_items = p->cmd_flush = 0;
}
