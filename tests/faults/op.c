/* op: one operation of a client. See op.h. */
#include "op.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"
#include "story.h"

#define ERRORS_TOLD_MAX 20

static const char *const name[] = {
    [OP_GET] = "get", [OP_GETS] = "gets",     [OP_SET] = "set",	  [OP_ADD] = "add",
    [OP_CAS] = "cas", [OP_DELETE] = "delete", [OP_INCR] = "incr", [OP_BALLAST_SET] = "ballast",
};

/* ---- choosing ---- */

/* Half of all goes to an eighth of the keys, so that clients meet there. */
static unsigned
some_key(uint64_t *rng, unsigned from, unsigned n)
{
	unsigned hot = n / 8 != 0 ? n / 8 : 1;

	return from + rng_below(rng, rng_below(rng, 2) == 0 ? hot : n);
}

static void
several(struct op *op, const struct op_world *w, uint64_t *rng)
{
	unsigned first = rng_below(rng, w->items.keys);

	op->n = 2 + rng_below(rng, OP_KEYS_MAX - 1);
	if (op->n > w->items.keys)
		op->n = w->items.keys;
	for (unsigned i = 0; i < op->n; i++)
		op->key[i].view.key = (first + i) % w->items.keys;
}

void
op_choose(struct op *op, const struct op_world *w, uint64_t *rng)
{
	unsigned counters = w->items.counters, values = w->items.keys - counters;
	unsigned dice = rng_below(rng, 100);

	*op = (struct op){.n = 1};
	if (rng_below(rng, 100) < w->ballast_percent) {
		op->kind = OP_BALLAST_SET;
		op->key[0].view.key = rng_below(rng, OP_BALLAST);
		return;
	}
	op->key[0].view.key = some_key(rng, counters, values);
	if (dice < 30) {
		op->kind = OP_GET;
	} else if (dice < 42) {
		op->kind = OP_GET;
		several(op, w, rng);
	} else if (dice < 64) {
		op->kind = OP_SET;
		/* Some are to expire, while others look. */
		if (rng_below(rng, 12) == 0)
			op->exptime_s = 1 + rng_below(rng, 3);
	} else if (dice < 72) {
		op->kind = OP_DELETE;
	} else if (dice < 78) {
		op->kind = OP_ADD;
	} else if (dice < 88) {
		op->kind = OP_GETS;
	} else if (counters != 0) {
		op->kind = dice < 90 ? OP_GET : OP_INCR;
		op->key[0].view.key = some_key(rng, 0, counters);
	}
}

void
op_get(struct op *op, unsigned key)
{
	*op = (struct op){.kind = OP_GET, .n = 1};
	op->key[0].view.key = key;
}

int
op_follow(const struct op *op, struct op *next)
{
	const struct op_key *k = &op->key[0];

	*next = (struct op){.n = 1};
	next->key[0].view.key = k->view.key;
	if (op->kind == OP_GETS && k->id != 0) {
		next->kind = OP_CAS;
		next->based_on = k->id;
		next->token = op->token;
		return 1;
	}
	/* The counter is not there: begin one. */
	next->kind = OP_ADD;
	return op->kind == OP_INCR && op->absent;
}

void
op_overtake(struct op *op, const struct op *next)
{
	if (op->kind > OP_GETS || next->kind <= OP_GETS || next->kind == OP_BALLAST_SET)
		return;
	for (unsigned i = 0; i < op->n; i++)
		if (op->key[i].view.key == next->key[0].view.key)
			op->key[i].overtaken = 1;
}

/* ---- asking ---- */

static size_t
begin_reads(struct op *op, const struct op_world *w, char *line)
{
	char key[64];
	size_t len = (size_t)snprintf(line, OP_HEAD_MAX, "%s", name[op->kind]);

	for (unsigned i = 0; i < op->n; i++) {
		judge_look(op->judge, op->key[i].view.key, &op->key[i].view, op->begun_us);
		item_name(&w->items, op->key[i].view.key, key, sizeof(key));
		len += (size_t)snprintf(line + len, OP_HEAD_MAX - len, " %s", key);
	}
	return len + (size_t)snprintf(line + len, OP_HEAD_MAX - len, "\r\n");
}

size_t
op_begin(struct op *op, struct op_world *w, char *line, const char **body, size_t *body_len,
	 uint64_t now_us)
{
	struct judge_view *v = &op->key[0].view;
	char key[64], token[32] = "";

	*body = NULL;
	*body_len = 0;
	op->begun_us = now_us;
	w->ops++;
	if (op->kind == OP_GET || op->kind == OP_GETS) {
		w->reads += op->n;
		return begin_reads(op, w, line);
	}
	if (op->kind == OP_BALLAST_SET) {
		static char ballast[OP_BALLAST_SIZE];

		*body = ballast;
		*body_len = sizeof(ballast);
		return (size_t)snprintf(line, OP_HEAD_MAX, "set b%llu:%u 0 0 %u\r\n",
					(unsigned long long)w->items.seed, v->key, OP_BALLAST_SIZE);
	}
	w->writes++;
	judge_look(op->judge, v->key, v, now_us);
	item_name(&w->items, v->key, key, sizeof(key));
	switch (op->kind) {
	case OP_INCR:
		judge_count(op->judge, v->key);
		return (size_t)snprintf(line, OP_HEAD_MAX, "incr %s 1\r\n", key);
	case OP_DELETE:
		op->id = judge_write(op->judge, v->key, JUDGE_DELETE, 0, now_us);
		return (size_t)snprintf(line, OP_HEAD_MAX, "delete %s\r\n", key);
	default:
		break;
	}
	op->id = judge_write(op->judge, v->key, JUDGE_STORE, op->exptime_s, now_us);
	*body_len = item_value(&w->items, v->key, op->id, body);
	if (op->kind == OP_CAS)
		snprintf(token, sizeof(token), " %llu", (unsigned long long)op->token);
	return (size_t)snprintf(line, OP_HEAD_MAX, "%s %s %u %u %zu%s\r\n", name[op->kind], key,
				item_flags(&w->items, v->key, op->id), op->exptime_s, *body_len,
				token);
}

/* ---- the answer ---- */

static void
tell(const struct op *op, const struct op_world *w, unsigned client, unsigned i, uint64_t id,
     const char *answer, uint64_t now_us)
{
	if (op->kind != OP_BALLAST_SET)
		story_event(w->story, op->key[i].view.key, client, name[op->kind], id, answer,
			    op->begun_us, now_us);
}

void
op_unanswered(struct op *op, struct op_world *w, unsigned client, const char *why, uint64_t now_us)
{
	for (unsigned i = 0; i < op->n; i++)
		tell(op, w, client, i, op->id, why, now_us);
	if (op->id != 0)
		judge_written(op->judge, op->key[0].view.key, op->id, JUDGE_UNANSWERED, now_us);
	else if (op->kind == OP_INCR)
		judge_uncounted(op->judge, op->key[0].view.key);
}

static enum op_more
failed(struct op *op, struct op_world *w, unsigned client, const char *line, uint64_t now_us)
{
	if (op->id != 0 && item_is_big(&w->items, op->id) && strstr(line, "too large") != NULL) {
		w->too_big++;
		tell(op, w, client, 0, op->id, "too large", now_us);
		judge_written(op->judge, op->key[0].view.key, op->id, JUDGE_TOO_BIG, now_us);
		return OP_ENDED;
	}
	if (w->tolerant) {
		w->tolerated++;
	} else {
		if (++w->errors <= ERRORS_TOLD_MAX)
			fprintf(stderr, "client %u, key %u, %s: %.200s\n", client,
				op->key[0].view.key, name[op->kind], line);
	}
	op_unanswered(op, w, client, "an error", now_us);
	return OP_ENDED;
}

/* END: what did not come is a miss. */
static enum op_more
reads_ended(struct op *op, struct op_world *w, unsigned client, uint64_t now_us)
{
	for (unsigned i = 0; i < op->n; i++) {
		if (op->key[i].id != 0)
			continue;
		tell(op, w, client, i, 0, op->key[i].overtaken ? "overtaken" : "miss", now_us);
		judge_missed(op->judge, &op->key[i].view, op->key[i].overtaken);
	}
	return OP_ENDED;
}

static enum op_more
read_line(struct op *op, struct op_world *w, unsigned client, const char *line, size_t *need,
	  uint64_t now_us)
{
	char key[256];
	unsigned long long flags, len, cas = 0;
	int got, which;

	if (strcmp(line, "END") == 0)
		return reads_ended(op, w, client, now_us);
	got = sscanf(line, "VALUE %250s %llu %llu %llu", key, &flags, &len, &cas);
	if (got != (op->kind == OP_GETS ? 4 : 3) || len > ITEM_VALUE_MAX || flags > UINT32_MAX)
		return OP_NONSENSE;
	which = item_key(&w->items, key, strlen(key));
	for (op->at = 0; op->at < (int)op->n; op->at++) {
		if ((int)op->key[op->at].view.key == which && op->key[op->at].id == 0)
			break;
	}
	if (op->at == (int)op->n)
		return OP_NONSENSE;
	op->flags = (uint32_t)flags;
	op->token = cas;
	*need = (size_t)len;
	return OP_DATA;
}

enum op_more
op_data(struct op *op, struct op_world *w, unsigned client, const char *data, size_t len,
	uint64_t now_us)
{
	struct op_key *k = &op->key[op->at];
	uint64_t id, count;

	w->hits++;
	if (item_parse(&w->items, k->view.key, data, len, op->flags, &id, &count) != 0 || id == 0) {
		tell(op, w, client, (unsigned)op->at, 0, "alien", now_us);
		judge_alien(op->judge, &k->view);
		k->id = UINT64_MAX;
		return OP_MORE;
	}
	k->id = id;
	tell(op, w, client, (unsigned)op->at, id, "value", now_us);
	judge_read(op->judge, &k->view, id, count, now_us);
	return OP_MORE;
}

static enum op_more
incr_line(struct op *op, struct op_world *w, unsigned client, const char *line, uint64_t now_us)
{
	struct judge_view *v = &op->key[0].view;
	unsigned long long n;
	char *end;

	if (strcmp(line, "NOT_FOUND") == 0) {
		tell(op, w, client, 0, 0, "NOT_FOUND", now_us);
		judge_not_counted(op->judge, v);
		op->absent = 1;
		return OP_ENDED;
	}
	n = strtoull(line, &end, 10);
	if (end == line || *end != '\0')
		return OP_NONSENSE;
	tell(op, w, client, 0, n / ITEM_COUNT_MAX, "counted", now_us);
	judge_counted(op->judge, v, n / ITEM_COUNT_MAX, n % ITEM_COUNT_MAX, now_us);
	return OP_ENDED;
}

/* The answers of the writes, and what each says. */
static const struct {
	const char *line;
	unsigned of; /* bits 1 << kind */
	enum judge_fate fate;
} answers[] = {
    {"STORED", 1 << OP_SET | 1 << OP_ADD | 1 << OP_CAS, JUDGE_DONE},
    {"NOT_STORED", 1 << OP_ADD, JUDGE_REFUSED},
    {"EXISTS", 1 << OP_CAS, JUDGE_REFUSED},
    {"NOT_FOUND", 1 << OP_CAS, JUDGE_REFUSED},
    {"DELETED", 1 << OP_DELETE, JUDGE_DONE},
    /* At some moment in between there was none: what is older may not come back. */
    {"NOT_FOUND", 1 << OP_DELETE, JUDGE_DONE},
};

static enum op_more
write_line(struct op *op, struct op_world *w, unsigned client, const char *line, uint64_t now_us)
{
	struct judge_view *v = &op->key[0].view;
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		if ((answers[i].of & 1u << op->kind) != 0 && strcmp(line, answers[i].line) == 0)
			break;
	}
	if (i == sizeof(answers) / sizeof(answers[0]))
		return OP_NONSENSE;
	tell(op, w, client, 0, op->id, answers[i].line, now_us);
	judge_written(op->judge, v->key, op->id, answers[i].fate, now_us);
	if (op->kind == OP_CAS && answers[i].fate == JUDGE_DONE) {
		w->cas_stored++;
		judge_swapped(op->judge, v, op->based_on);
	} else if (op->kind == OP_CAS && line[0] == 'E') {
		w->cas_exists++;
	} else if (strcmp(line, "NOT_STORED") == 0 || strcmp(line, "DELETED") == 0) {
		judge_present(op->judge, v);
	}
	return OP_ENDED;
}

enum op_more
op_line(struct op *op, struct op_world *w, unsigned client, const char *line, size_t *need,
	uint64_t now_us)
{
	if (strncmp(line, "SERVER_ERROR", 12) == 0 || strncmp(line, "CLIENT_ERROR", 12) == 0 ||
	    strcmp(line, "ERROR") == 0)
		return failed(op, w, client, line, now_us);
	switch (op->kind) {
	case OP_GET:
	case OP_GETS:
		return read_line(op, w, client, line, need, now_us);
	case OP_INCR:
		return incr_line(op, w, client, line, now_us);
	case OP_BALLAST_SET:
		return strcmp(line, "STORED") == 0 ? OP_ENDED : OP_NONSENSE;
	default:
		return write_line(op, w, client, line, now_us);
	}
}
