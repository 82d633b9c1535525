/* answer: is it right? See answer.h. */
#include "answer.h"

#include <stdio.h>
#include <string.h>

#include "tally.h"

#define SHOWN_MAX 60

static struct items items;

void
answer_setup(const struct items *the_items)
{
	items = *the_items;
}

static int
starts(const char *line, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && memcmp(line, with, n) == 0;
}

static int
is(const char *line, size_t len, const char *what)
{
	return len == strlen(what) && memcmp(line, what, len) == 0;
}

/* The number of the i-th key of a request. */
static unsigned
key_of(const struct op *op, unsigned i)
{
	return (op->key + i) % items.keys;
}

/* What was asked, and the line that came. */
static void
complain(const struct op *op, const char *what, const char *line, size_t len)
{
	char key[ITEM_KEY_MAX + 1];

	*item_key(key, op->key) = '\0';
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		len--;
	tally_complain("%s %s%s: %s: %.*s", op->is_get ? "get" : "set", key,
		       op->n_keys > 1 ? " ..." : "", what, len < SHOWN_MAX ? (int)len : SHOWN_MAX,
		       line);
}

static enum answer_verdict
done(struct answer *a)
{
	a->left = 0;
	a->next = a->hits = a->line_len = 0;
	return ANSWER_DONE;
}

static void
missed(const struct op *op, unsigned n)
{
	tally.misses += n;
	complain(op, "missed", "", 0);
}

/*
 * "VALUE key 0 len\r\n". It should be the next key's, or that of one further on: then those in
 * between were missed. The length may be wrong only.
 */
static enum answer_verdict
on_value(struct answer *a, const struct op *op, const char *line, size_t len)
{
	size_t want_len, head = sizeof("VALUE ") - 1 + items.key_size + 1;
	unsigned long told, flags;
	char text[ANSWER_LINE_MAX];
	int n = 0;

	a->bad = 0;
	for (uint32_t i = a->next; i < op->n_keys; i++) {
		const char *want = item_answer(key_of(op, i), &want_len);

		if (len < head || memcmp(line, want, head) != 0)
			continue;
		if (i > a->next)
			missed(op, i - a->next);
		a->next = i + 1;
		a->key = key_of(op, i);
		if (len == want_len && memcmp(line, want, len) == 0) {
			a->size = items.value_size;
			a->left = a->size + 2;
			return ANSWER_MORE;
		}
		break;
	}
	tally.wrong++;
	a->bad = 1;
	complain(op, "not its value", line, len);
	len = len < sizeof(text) ? len : sizeof(text) - 1;
	memcpy(text, line, len);
	text[len] = '\0';
	if (sscanf(text, "VALUE %*s %lu %lu%n", &flags, &told, &n) != 2 ||
	    strcmp(text + n, "\r\n") != 0 || told > ITEM_VALUE_MAX)
		return ANSWER_NONSENSE;
	a->size = told;
	a->left = told + 2;
	return ANSWER_MORE;
}

static enum answer_verdict
on_line(struct answer *a, const struct op *op, const char *line, size_t len)
{
	if (op->is_get && starts(line, len, "VALUE "))
		return on_value(a, op, line, len);
	if (op->is_get && is(line, len, "END\r\n")) {
		tally.hits += a->hits;
		if (a->next < op->n_keys)
			missed(op, op->n_keys - a->next);
		return done(a);
	}
	if (!op->is_get && is(line, len, "STORED\r\n"))
		return done(a);
	if (is(line, len, "ERROR\r\n") || starts(line, len, "CLIENT_ERROR ") ||
	    starts(line, len, "SERVER_ERROR ")) {
		tally.errors++;
		complain(op, "error", line, len);
		return done(a);
	}
	tally.wrong++;
	complain(op, "no answer to this", line, len);
	return ANSWER_NONSENSE;
}

/* Bytes of a value and of the newline behind it. */
static void
on_bytes(struct answer *a, const struct op *op, const char *p, size_t n)
{
	size_t at = a->size + 2 - a->left, value = 0;

	a->left -= n;
	a->hits += a->left == 0;
	if (a->bad)
		return;
	if (at < a->size)
		value = n < a->size - at ? n : a->size - at;
	if (memcmp(p, item_value(a->key) + at, value) == 0 &&
	    memcmp(p + value, "\r\n" + (at + value - a->size), n - value) == 0)
		return;
	a->bad = 1;
	tally.wrong++;
	complain(op, "not its bytes", "", 0);
}

enum answer_verdict
answer_take(struct answer *a, const struct op *op, const char **p, const char *end)
{
	enum answer_verdict v = ANSWER_MORE;

	while (v == ANSWER_MORE && *p < end) {
		const char *at = *p, *nl;
		size_t n = (size_t)(end - at);

		if (a->left > 0) {
			n = n < a->left ? n : a->left;
			*p += n;
			on_bytes(a, op, at, n);
			continue;
		}
		nl = memchr(at, '\n', n);
		if (nl != NULL)
			n = (size_t)(nl + 1 - at);
		*p += n;
		if (nl == NULL || a->line_len > 0) {
			if (a->line_len + n > sizeof(a->line)) {
				tally.wrong++;
				complain(op, "no line", a->line, a->line_len);
				return ANSWER_NONSENSE;
			}
			memcpy(a->line + a->line_len, at, n);
			a->line_len = (uint16_t)(a->line_len + n);
			if (nl == NULL)
				return ANSWER_MORE;
			at = a->line;
			n = a->line_len;
			a->line_len = 0;
		}
		v = on_line(a, op, at, n);
	}
	return v;
}
