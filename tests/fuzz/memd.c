/* memd: a memcached within this process. See memd.h. */
#include "memd.h"

#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base64.h"
#include "clock.h"
#include "proto_req.h"

/* A get of the proxy's own has at most 128 keys (BACKEND_MERGE_MAX). */
#define WORDS_MAX 260
/* memcached's own, except for get and gets. */
#define LINE_MAX_LEN 2048
#define VALUE_MAX    (1u << 20)

time_t fuzz_time(time_t *out);

struct memd memds[MEMD_MAX];

struct word {
	const char *p;
	size_t len;
};

/* One command line and where it came from. */
struct line {
	struct memd *m;
	struct memd_conn *c;
	struct word w[WORDS_MAX];
	unsigned n;
	struct word
	    written; /* a meta command's key as it stands in the line, which w[1] may not be */
	char key[PROTO_KEY_MAX];
	const char *body; /* of a storage command */
	size_t body_len;
};

/* ---- items ---- */

static void
item_drop(struct memd_item *it)
{
	bytes_free(&it->value);
	it->key_len = 0;
}

struct memd_item *
memd_find(struct memd *m, const char *key, size_t len)
{
	for (unsigned i = 0; i < m->n_items; i++) {
		struct memd_item *it = &m->items[i];
		if (it->key_len != len || memcmp(it->key, key, len) != 0)
			continue;
		if (it->expires_s != 0 && it->expires_s <= (uint64_t)fuzz_time(NULL)) {
			item_drop(it);
			return NULL;
		}
		return it;
	}
	return NULL;
}

/* A new, empty one; an old one is evicted when there is no room. */
static struct memd_item *
item_new(struct memd *m, const char *key, size_t len)
{
	struct memd_item *it = memd_find(m, key, len);

	if (it == NULL) {
		for (it = m->items; it < m->items + m->n_items && it->key_len != 0; it++)
			;
		if (it == m->items + MEMD_ITEMS_MAX) {
			m->lossy = 1;
			it = &m->items[m->cas % MEMD_ITEMS_MAX];
			item_drop(it);
		} else if (it == m->items + m->n_items) {
			m->n_items++;
		}
	}
	memcpy(it->key, key, len);
	it->key_len = (uint8_t)len;
	it->win = it->stale = 0;
	it->flags = 0;
	it->expires_s = 0;
	it->cas = ++m->cas;
	it->value.len = 0;
	return it;
}

/* protocol.txt, "Expiration times" */
static uint64_t
realtime(int64_t exptime)
{
	uint64_t now = (uint64_t)fuzz_time(NULL);

	if (exptime == 0)
		return 0;
	if (exptime < 0)
		return 1;
	return exptime > PROTO_RELATIVE_MAX ? (uint64_t)exptime : now + (uint64_t)exptime;
}

void
memd_store(struct memd *m, const char *key, uint32_t exptime, const void *p, size_t n)
{
	struct memd_item *it = item_new(m, key, strlen(key));

	it->expires_s = realtime(exptime);
	bytes_add(&it->value, p, n);
}

void
memd_flush(struct memd *m)
{
	for (unsigned i = 0; i < m->n_items; i++)
		item_drop(&m->items[i]);
	m->n_items = 0;
	m->flushes++;
}

void
memd_evict(struct memd *m, unsigned i)
{
	m->lossy = 1;
	if (m->n_items > 0)
		item_drop(&m->items[i % m->n_items]);
}

/* ---- words ---- */

static int
is_digits(const char *p, size_t n)
{
	if (n == 0 || n > 20)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (p[i] < '0' || p[i] > '9')
			return 0;
	return 1;
}

static uint64_t
word_u64(const struct line *l, unsigned i)
{
	uint64_t v = 0;

	MUST(i < l->n && is_digits(l->w[i].p, l->w[i].len));
	for (size_t k = 0; k < l->w[i].len; k++) {
		MUST(v <= (UINT64_MAX - (uint64_t)(l->w[i].p[k] - '0')) / 10);
		v = v * 10 + (uint64_t)(l->w[i].p[k] - '0');
	}
	return v;
}

static int64_t
word_i64(const struct line *l, unsigned i)
{
	struct line minus = {.n = 1};

	MUST(i < l->n && l->w[i].len > 0);
	if (l->w[i].p[0] != '-')
		return (int64_t)word_u64(l, i);
	minus.w[0] = (struct word){l->w[i].p + 1, l->w[i].len - 1};
	return -(int64_t)word_u64(&minus, 0);
}

static int
word_is(const struct line *l, unsigned i, const char *text)
{
	return i < l->n && l->w[i].len == strlen(text) && memcmp(l->w[i].p, text, l->w[i].len) == 0;
}

/* What the proxy sends as a key is one. */
static struct memd_item *
word_item(const struct line *l, unsigned i)
{
	MUST(i < l->n && l->w[i].len >= 1 && l->w[i].len <= PROTO_KEY_MAX);
	return memd_find(l->m, l->w[i].p, l->w[i].len);
}

static void
say(struct line *l, const char *text)
{
	bytes_add(&l->c->out, text, strlen(text));
}

/* ---- the text protocol ---- */

static void
say_value(struct line *l, const struct memd_item *it, int with_cas)
{
	struct bytes *out = &l->c->out;

	bytes_add(out, "VALUE ", 6);
	bytes_add(out, it->key, it->key_len);
	bytes_printf(out, " %u %zu", it->flags, it->value.len);
	if (with_cas)
		bytes_printf(out, " %llu", (unsigned long long)it->cas);
	bytes_add(out, "\r\n", 2);
	bytes_add(out, it->value.p, it->value.len);
	bytes_add(out, "\r\n", 2);
}

static void
do_get(struct line *l, unsigned from, int with_cas, int touch, int64_t exptime)
{
	MUST(l->n > from);
	for (unsigned i = from; i < l->n; i++) {
		struct memd_item *it = word_item(l, i);
		if (it == NULL)
			continue;
		say_value(l, it, with_cas);
		if (touch)
			it->expires_s = realtime(exptime);
	}
	say(l, "END\r\n");
}

/* No memory for the n bytes that come: the old item is gone then. Returns 1 when said so. */
static int
refuse_store(struct line *l)
{
	struct memd_item *it = word_item(l, 1);

	if (l->body_len > VALUE_MAX) {
		say(l, "SERVER_ERROR object too large for cache\r\n");
	} else if (l->m->fail_stores > 0) {
		l->m->fail_stores--;
		l->m->lossy = 1;
		say(l, "SERVER_ERROR out of memory storing object\r\n");
	} else {
		return 0;
	}
	if (it != NULL)
		item_drop(it);
	return 1;
}

static struct memd_item *
put(struct line *l, uint32_t flags, int64_t exptime)
{
	struct memd_item *it = item_new(l->m, l->w[1].p, l->w[1].len);

	it->flags = flags;
	it->expires_s = realtime(exptime);
	bytes_add(&it->value, l->body, l->body_len);
	return it;
}

/* Puts the body behind or before what is there. */
static void
join(struct line *l, struct memd_item *it, int before)
{
	struct bytes all = {NULL, 0, 0};

	if (before)
		bytes_add(&all, l->body, l->body_len);
	bytes_add(&all, it->value.p, it->value.len);
	if (!before)
		bytes_add(&all, l->body, l->body_len);
	bytes_free(&it->value);
	it->value = all;
	it->win = it->stale = 0; /* it is a new one */
	it->cas = ++l->m->cas;
}

static void
do_store(struct line *l, char kind)
{
	struct memd_item *it = word_item(l, 1);
	uint64_t flags = word_u64(l, 2);
	int64_t exptime = word_i64(l, 3);

	MUST(flags <= UINT32_MAX && exptime >= INT32_MIN && exptime <= INT32_MAX);
	if (refuse_store(l))
		return;
	switch (kind) {
	case 'a': /* add */
		if (it != NULL) {
			say(l, "NOT_STORED\r\n");
			return;
		}
		break;
	case 'r': /* replace */
		if (it == NULL) {
			say(l, "NOT_STORED\r\n");
			return;
		}
		break;
	case '+': /* append */
	case '-': /* prepend */
		if (it == NULL) {
			say(l, "NOT_STORED\r\n");
		} else {
			join(l, it, kind == '-');
			say(l, "STORED\r\n");
		}
		return;
	case 'c': /* cas */
		if (it == NULL || it->cas != word_u64(l, 5)) {
			say(l, it == NULL ? "NOT_FOUND\r\n" : "EXISTS\r\n");
			return;
		}
		break;
	default:
		break;
	}
	put(l, (uint32_t)flags, exptime);
	say(l, "STORED\r\n");
}

/* The number in an item, or -1: it is none. */
static int
item_number(const struct memd_item *it, uint64_t *out)
{
	uint64_t v = 0;
	size_t n = it->value.len;

	while (n > 0 && it->value.p[n - 1] == ' ')
		n--;
	if (n == 0 || n > 19 || !is_digits(it->value.p, n))
		return -1;
	for (size_t i = 0; i < n; i++)
		v = v * 10 + (uint64_t)(it->value.p[i] - '0');
	*out = v;
	return 0;
}

static void
item_count(struct memd *m, struct memd_item *it, uint64_t v)
{
	it->value.len = 0;
	bytes_printf(&it->value, "%llu", (unsigned long long)v);
	it->cas = ++m->cas;
}

static void
do_arith(struct line *l, int down)
{
	struct memd_item *it = word_item(l, 1);
	uint64_t v, delta = word_u64(l, 2);

	MUST(l->n == 3);
	if (it == NULL) {
		say(l, "NOT_FOUND\r\n");
	} else if (item_number(it, &v) == -1) {
		say(l, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
	} else {
		v = down ? (v > delta ? v - delta : 0) : v + delta;
		item_count(l->m, it, v);
		bytes_printf(&l->c->out, "%llu\r\n", (unsigned long long)v);
	}
}

static void
do_touch(struct line *l)
{
	struct memd_item *it = word_item(l, 1);
	int64_t exptime = word_i64(l, 2);

	MUST(l->n == 3);
	if (it != NULL)
		it->expires_s = realtime(exptime);
	say(l, it != NULL ? "TOUCHED\r\n" : "NOT_FOUND\r\n");
}

static void
do_delete(struct line *l)
{
	struct memd_item *it = word_item(l, 1);

	MUST(l->n == 2);
	if (it != NULL)
		item_drop(it);
	say(l, it != NULL ? "DELETED\r\n" : "NOT_FOUND\r\n");
}

static void
do_stats(struct line *l)
{
	struct bytes *out = &l->c->out;
	unsigned items = 0;

	if (word_is(l, 1, "settings")) {
		bytes_printf(out, "STAT flush_enabled yes\r\nSTAT lru_crawler yes\r\n");
	} else if (word_is(l, 1, "conns")) {
		for (unsigned i = 0; i < MEMD_CONNS_MAX; i++)
			if (l->m->conns[i].fd != -1)
				bytes_printf(out, "STAT %u:addr tcp:127.0.0.1:%u\r\n", 30 + i,
					     l->m->conns[i].port);
	} else {
		for (unsigned i = 0; i < l->m->n_items; i++)
			items += l->m->items[i].key_len > 0;
		bytes_printf(out, "STAT pid 1\r\nSTAT cmd_flush %llu\r\nSTAT curr_items %u\r\n",
			     (unsigned long long)l->m->flushes, items);
	}
	say(l, "END\r\n");
}

/* lru_crawler metadump */
static void
do_listing(struct line *l)
{
	struct bytes *out = &l->c->out;

	for (unsigned i = 0; i < l->m->n_items; i++) {
		const struct memd_item *it = &l->m->items[i];
		if (it->key_len == 0)
			continue;
		bytes_add(out, "key=", 4);
		for (unsigned k = 0; k < it->key_len; k++) {
			char c = it->key[k];
			if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')
				bytes_add(out, &c, 1);
			else
				bytes_printf(out, "%%%02X", (unsigned char)c);
		}
		bytes_printf(out, " exp=-1 la=1 cas=%llu fetch=no cls=1 size=64\n",
			     (unsigned long long)it->cas);
	}
	say(l, "END\r\n");
}

/* ---- the meta protocol ---- */

/* The word with this flag, from word `from` on; NULL: there is none. */
static const struct word *
flag(const struct line *l, unsigned from, char letter)
{
	for (unsigned i = from; i < l->n; i++)
		if (l->w[i].p[0] == letter)
			return &l->w[i];
	return NULL;
}

/* The number behind a flag, or what it is without it. */
static int64_t
flag_number(const struct line *l, unsigned from, char letter, int64_t none)
{
	const struct word *w = flag(l, from, letter);
	struct line one = {.n = 1};

	if (w == NULL || w->len < 2)
		return none;
	one.w[0] = (struct word){w->p + 1, w->len - 1};
	if (!is_digits(w->p + 1, w->len - 1) && w->p[1] != '-')
		return none;
	return word_i64(&one, 0);
}

/* What the flags ask for, in their order. */
static void
say_flags(struct line *l, unsigned from, const struct memd_item *it)
{
	struct bytes *out = &l->c->out;
	uint64_t now = (uint64_t)fuzz_time(NULL);

	for (unsigned i = from; i < l->n; i++) {
		switch (l->w[i].p[0]) {
		case 'O':
			bytes_add(out, " ", 1);
			bytes_add(out, l->w[i].p, l->w[i].len);
			break;
		case 'k':
			bytes_add(out, " k", 2);
			bytes_add(out, l->written.p, l->written.len);
			break;
		case 'b':
			bytes_add(out, " b", 2);
			break;
		case 'c':
			if (it != NULL)
				bytes_printf(out, " c%llu", (unsigned long long)it->cas);
			break;
		case 'f':
			if (it != NULL)
				bytes_printf(out, " f%u", it->flags);
			break;
		case 's':
			if (it != NULL)
				bytes_printf(out, " s%zu", it->value.len);
			break;
		case 't':
			if (it == NULL)
				break;
			if (it->expires_s == 0)
				bytes_add(out, " t-1", 4);
			else
				bytes_printf(out, " t%llu",
					     (unsigned long long)(it->expires_s - now));
			break;
		case 'h':
			if (it != NULL)
				bytes_add(out, " h1", 3);
			break;
		case 'l':
			if (it != NULL)
				bytes_add(out, " l0", 3);
			break;
		default:
			break;
		}
	}
}

static void
say_item(struct line *l, unsigned from, const struct memd_item *it, const char *more)
{
	int value = flag(l, from, 'v') != NULL;

	if (value)
		bytes_printf(&l->c->out, "VA %zu", it->value.len);
	else
		say(l, "HD");
	say_flags(l, from, it);
	say(l, more);
	say(l, "\r\n");
	if (value) {
		bytes_add(&l->c->out, it->value.p, it->value.len);
		say(l, "\r\n");
	}
}

static void
say_code(struct line *l, unsigned from, const char *code, const struct memd_item *it)
{
	say(l, code);
	say_flags(l, from, it);
	say(l, "\r\n");
}

/* A key in base64 (b) is what it stands for from here on. */
static void
decode_key(struct line *l)
{
	char again[BASE64_LEN(PROTO_KEY_MAX)];
	size_t n;

	MUST(l->n > 1 && l->w[1].len <= PROTO_KEY_MAX);
	l->written = l->w[1];
	if (flag(l, 2, 'b') == NULL)
		return;
	n = base64_decode(l->key, l->w[1].p, l->w[1].len);
	MUST(n > 0 && base64_encode(again, l->key, n) == l->w[1].len &&
	     memcmp(again, l->w[1].p, l->w[1].len) == 0);
	l->w[1] = (struct word){l->key, n};
}

static void
do_meta_get(struct line *l)
{
	struct memd_item *it = word_item(l, 1);
	uint64_t soon = (uint64_t)fuzz_time(NULL) + (uint64_t)flag_number(l, 2, 'R', 0);
	int won = 0, sent;

	if (it == NULL && flag(l, 2, 'N') == NULL) {
		say_code(l, 2, "EN", NULL);
		return;
	}
	if (it == NULL) {
		it = item_new(l->m, l->w[1].p, l->w[1].len);
		it->expires_s = realtime(flag_number(l, 2, 'N', 0));
		won = 1;
	} else if (!it->win) {
		won = it->stale ||
		      (flag(l, 2, 'R') != NULL && it->expires_s != 0 && it->expires_s < soon);
	}
	sent = it->win;
	it->win |= won != 0;
	if (flag(l, 2, 'T') != NULL)
		it->expires_s = realtime(flag_number(l, 2, 'T', 0));
	if (it->stale)
		say_item(l, 2, it, won ? " X W" : " Z X");
	else
		say_item(l, 2, it, won ? " W" : sent ? " Z" : "");
}

/* The item's unique is another one than C names. */
static int
is_another(const struct line *l, unsigned from, const struct memd_item *it)
{
	return flag(l, from, 'C') != NULL && it->cas != (uint64_t)flag_number(l, from, 'C', 0);
}

/* An older value than the one that is there, which it replaces and keeps the time of. */
static void
put_stale(struct line *l, struct memd_item *it)
{
	uint64_t expires_s = it->expires_s;
	uint8_t win = it->win;

	put(l, (uint32_t)flag_number(l, 3, 'F', 0), 0);
	it->expires_s = expires_s;
	it->win = win;
	it->stale = 1;
}

static void
do_meta_set(struct line *l)
{
	struct memd_item *it = word_item(l, 1);
	const struct word *mode = flag(l, 3, 'M');
	char m = mode != NULL && mode->len > 1 ? mode->p[1] : 'S';
	uint64_t unique = (uint64_t)flag_number(l, 3, 'C', 0);

	if (refuse_store(l))
		return;
	if (flag(l, 3, 'C') != NULL && it == NULL) {
		say_code(l, 3, "NF", NULL);
	} else if (it != NULL && is_another(l, 3, it)) {
		if (m != 'S' || flag(l, 3, 'I') == NULL || unique >= it->cas) {
			say_code(l, 3, "EX", NULL);
			return;
		}
		put_stale(l, it);
		say_code(l, 3, "HD", it);
	} else if ((m == 'E' && it != NULL) || (strchr("APR", m) != NULL && it == NULL)) {
		say_code(l, 3, "NS", NULL);
	} else if (m == 'A' || m == 'P') {
		join(l, it, m == 'P');
		say_code(l, 3, "HD", it);
	} else {
		it = put(l, (uint32_t)flag_number(l, 3, 'F', 0), flag_number(l, 3, 'T', 0));
		say_code(l, 3, "HD", it);
	}
}

static void
do_meta_delete(struct line *l)
{
	struct memd_item *it = word_item(l, 1);

	if (it == NULL) {
		say_code(l, 2, "NF", NULL);
	} else if (is_another(l, 2, it)) {
		say_code(l, 2, "EX", NULL);
	} else if (flag(l, 2, 'I') != NULL) {
		it->stale = 1;
		it->win = 0;
		it->cas = ++l->m->cas;
		if (flag(l, 2, 'T') != NULL)
			it->expires_s = realtime(flag_number(l, 2, 'T', 0));
		say_code(l, 2, "HD", NULL);
	} else {
		say_code(l, 2, "HD", NULL);
		item_drop(it);
	}
}

static void
do_meta_arith(struct line *l)
{
	struct memd_item *it = word_item(l, 1);
	const struct word *mode = flag(l, 2, 'M');
	uint64_t v, delta = (uint64_t)flag_number(l, 2, 'D', 1);

	if (it == NULL && flag(l, 2, 'N') != NULL) {
		it = item_new(l->m, l->w[1].p, l->w[1].len);
		item_count(l->m, it, (uint64_t)flag_number(l, 2, 'J', 0));
		it->expires_s = realtime(flag_number(l, 2, 'N', 0));
	} else if (it == NULL) {
		say_code(l, 2, "NF", NULL);
		return;
	} else if (flag_number(l, 2, 'C', 0) != 0 && is_another(l, 2, it)) {
		say_code(l, 2, "EX", NULL);
		return;
	} else if (item_number(it, &v) == -1) {
		say(l, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n");
		return;
	} else {
		int down = mode != NULL && mode->len > 1 && strchr("Dd-", mode->p[1]) != NULL;
		item_count(l->m, it, down ? (v > delta ? v - delta : 0) : v + delta);
		if (flag(l, 2, 'T') != NULL)
			it->expires_s = realtime(flag_number(l, 2, 'T', 0));
	}
	say_item(l, 2, it, "");
}

/* ---- lines ---- */

static void
execute(struct line *l)
{
	static const struct {
		const char *name;
		char kind;
	} stores[] = {{"set", 's'},    {"add", 'a'},	 {"replace", 'r'},
		      {"append", '+'}, {"prepend", '-'}, {"cas", 'c'}};

	for (size_t i = 0; i < sizeof(stores) / sizeof(stores[0]); i++)
		if (word_is(l, 0, stores[i].name)) {
			do_store(l, stores[i].kind);
			return;
		}
	/* q is the proxy's own business: every command of its has an answer. */
	if (l->w[0].len == 2 && l->w[0].p[0] == 'm' && l->w[0].p[1] != 'n') {
		MUST(flag(l, 2, 'q') == NULL);
		decode_key(l);
	}
	if (word_is(l, 0, "get") || word_is(l, 0, "gets"))
		do_get(l, 1, l->w[0].len == 4, 0, 0);
	else if (word_is(l, 0, "gat") || word_is(l, 0, "gats"))
		do_get(l, 2, l->w[0].len == 4, 1, word_i64(l, 1));
	else if (word_is(l, 0, "delete"))
		do_delete(l);
	else if (word_is(l, 0, "incr") || word_is(l, 0, "decr"))
		do_arith(l, l->w[0].p[0] == 'd');
	else if (word_is(l, 0, "touch"))
		do_touch(l);
	else if (word_is(l, 0, "mg"))
		do_meta_get(l);
	else if (word_is(l, 0, "ms"))
		do_meta_set(l);
	else if (word_is(l, 0, "md"))
		do_meta_delete(l);
	else if (word_is(l, 0, "ma"))
		do_meta_arith(l);
	else if (word_is(l, 0, "me"))
		say(l, word_item(l, 1) != NULL ? "ME x exp=-1 la=1 cas=1 fetch=no cls=1 size=64\r\n"
					       : "EN\r\n");
	else if (word_is(l, 0, "mn") && l->n == 1)
		say(l, "MN\r\n");
	else if (word_is(l, 0, "version") && l->n == 1)
		say(l, "VERSION 1.6.18\r\n");
	else if (word_is(l, 0, "stats") && l->n <= 2)
		do_stats(l);
	else if (word_is(l, 0, "lru_crawler") && word_is(l, 1, "metadump") &&
		 word_is(l, 2, "all") && l->n == 3)
		do_listing(l);
	else if (word_is(l, 0, "flush_all") && l->n == 1) {
		memd_flush(l->m);
		say(l, "OK\r\n");
	} else
		NEVER("a command that the proxy has no business to send");
}

/* Words with one space between them, and nothing else. */
static void
split(struct line *l, const char *p, size_t n)
{
	size_t i = 0;

	l->n = 0;
	for (;;) {
		size_t from = i;
		while (i < n && p[i] != ' ') {
			MUST(p[i] != '\0');
			i++;
		}
		MUST(i > from && l->n < WORDS_MAX);
		l->w[l->n++] = (struct word){p + from, i - from};
		if (i == n)
			return;
		i++;
	}
}

/* Does a data block follow? Its length then, else -1. */
static int64_t
body_length(const struct line *l)
{
	static const char *const names[] = {"set", "add", "replace", "append", "prepend"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (word_is(l, 0, names[i])) {
			MUST(l->n == 5);
			return (int64_t)word_u64(l, 4);
		}
	if (word_is(l, 0, "cas")) {
		MUST(l->n == 6);
		return (int64_t)word_u64(l, 4);
	}
	return word_is(l, 0, "ms") ? (int64_t)word_u64(l, 2) : -1;
}

/* FUZZ_LOG=2: every command and the first line of its answer. */
static void
show(const struct memd *m, const char *p, size_t n, const char *answer, size_t len)
{
	static int loud = -1;
	size_t i = 0;

	if (loud == -1)
		loud = getenv("FUZZ_LOG") != NULL && atoi(getenv("FUZZ_LOG")) > 1;
	if (!loud)
		return;
	while (i < len && answer[i] != '\r')
		i++;
	fprintf(stderr, "%7llu %u: %.*s -> %.*s\n", (unsigned long long)clock_ms,
		(unsigned)(m - memds) + MEMD_PORT_FROM, (int)n, p, (int)i, answer);
}

/* One command off what has come. Returns 0 when there is none. */
static int
conn_command(struct memd *m, struct memd_conn *c)
{
	struct line l = {.m = m, .c = c};
	const char *nl = c->in.len > 0 ? memchr(c->in.p, '\n', c->in.len) : NULL;
	size_t len, total, from;
	int64_t body;

	if (nl == NULL)
		return 0;
	len = (size_t)(nl - c->in.p);
	MUST(len >= 1 && nl[-1] == '\r');
	split(&l, c->in.p, len - 1);
	MUST(len + 1 <= LINE_MAX_LEN || word_is(&l, 0, "get") || word_is(&l, 0, "gets"));
	total = len + 1;
	if ((body = body_length(&l)) >= 0) {
		total += (size_t)body + 2;
		if (c->in.len < total)
			return 0;
		l.body = nl + 1;
		l.body_len = (size_t)body;
		MUST(memcmp(l.body + body, "\r\n", 2) == 0);
	}
	from = c->out.len;
	execute(&l);
	show(m, c->in.p, len - 1, c->out.p + from, c->out.len - from);
	bytes_take(&c->in, total);
	return 1;
}

/* ---- connections ---- */

static void
conn_close(struct memd_conn *c)
{
	if (c->fd == -1)
		return;
	close(c->fd);
	c->fd = -1;
	bytes_free(&c->in);
	bytes_free(&c->out);
}

static struct memd *
memd_at(uint16_t port)
{
	MUST(port >= MEMD_PORT_FROM && port < MEMD_PORT_FROM + MEMD_MAX);
	return &memds[port - MEMD_PORT_FROM];
}

/* A place for one more. A real server has more of them than there are cuts before keepalive finds the
 * orphans out. */
static struct memd_conn *
conn_free(struct memd *m)
{
	for (unsigned i = 0; i < MEMD_CONNS_MAX; i++)
		if (m->conns[i].fd == -1)
			return &m->conns[i];
	for (unsigned i = 0; i < MEMD_CONNS_MAX; i++)
		if (m->conns[i].orphan) {
			conn_close(&m->conns[i]);
			return &m->conns[i];
		}
	return NULL;
}

enum memd_answer
memd_connect(uint16_t to_port, int peer, uint16_t from_port)
{
	struct memd *m = memd_at(to_port);
	struct memd_conn *at;

	MUST(m->there);
	if (m->cut)
		return MEMD_SILENT;
	if (m->dead)
		return MEMD_REFUSES;
	if (m->connect != MEMD_TAKES)
		return (enum memd_answer)m->connect;
	for (unsigned i = 0; i < MEMD_CONNS_MAX; i++)
		if (m->conns[i].fd != -1 && m->conns[i].orphan && m->conns[i].port == from_port) {
			/* A knock: the old one is found out, the new one is not answered. */
			conn_close(&m->conns[i]);
			return MEMD_SILENT;
		}
	at = conn_free(m);
	if (at == NULL)
		return MEMD_SILENT;
	*at = (struct memd_conn){.fd = peer, .port = from_port};
	return MEMD_TAKES;
}

static int
conn_turn(struct memd *m, struct memd_conn *c)
{
	size_t had = c->in.len, out = c->out.len;
	int ended, did = 0;

	if (c->orphan)
		return 0;
	ended = !bytes_read(&c->in, c->fd);
	did = c->in.len != had;
	while (conn_command(m, c))
		did = 1;
	bytes_write(&c->out, c->fd, m->piece != 0 ? m->piece : SIZE_MAX);
	did |= c->out.len != out;
	if (ended) {
		conn_close(c);
		did = 1;
	}
	return did;
}

int
memd_turn(void)
{
	int did = 0;

	for (struct memd *m = memds; m < memds + MEMD_MAX; m++) {
		if (!m->there || m->dead || m->frozen || m->cut)
			continue;
		for (unsigned i = 0; i < MEMD_CONNS_MAX; i++) {
			struct memd_conn *c = &m->conns[m->backwards ? MEMD_CONNS_MAX - 1 - i : i];
			if (c->fd != -1)
				did |= conn_turn(m, c);
		}
	}
	return did;
}

void
memd_hang_up(struct memd *m)
{
	for (unsigned i = 0; i < MEMD_CONNS_MAX; i++)
		conn_close(&m->conns[i]);
}

void
memd_kill(struct memd *m)
{
	memd_hang_up(m);
	memd_thaw(m);
	m->dead = 1;
}

void
memd_start(struct memd *m, int keep)
{
	if (!m->dead)
		return;
	m->dead = 0;
	if (keep)
		return;
	memd_flush(m);
	m->flushes = 0;
}

void
memd_freeze(struct memd *m)
{
	if (m->frozen)
		return;
	m->frozen = 1;
	if (!m->cut)
		m->still_ms = clock_ms;
}

void
memd_thaw(struct memd *m)
{
	if (!m->frozen)
		return;
	m->frozen = 0;
	if (!m->cut)
		m->late_ms += clock_ms - m->still_ms;
}

void
memd_cut(struct memd *m)
{
	if (m->cut)
		return;
	m->cut = 1;
	if (!m->frozen)
		m->still_ms = clock_ms;
	for (unsigned i = 0; i < MEMD_CONNS_MAX; i++) {
		struct memd_conn *c = &m->conns[i];
		if (c->fd == -1 || c->orphan)
			continue;
		bytes_read(&c->in, c->fd); /* what had come through */
		c->before_cut = c->in.len;
	}
}

void
memd_heal(struct memd *m)
{
	if (!m->cut)
		return;
	m->cut = 0;
	if (!m->frozen)
		m->late_ms += clock_ms - m->still_ms;
	for (unsigned i = 0; i < MEMD_CONNS_MAX; i++) {
		struct memd_conn *c = &m->conns[i];
		if (c->fd == -1 || c->orphan)
			continue;
		if (bytes_read(&c->in, c->fd))
			continue;
		/* Closed meanwhile, and its reset was lost, with all that was not delivered. */
		c->in.len = c->before_cut;
		while (conn_command(m, c))
			;
		c->orphan = 1;
	}
}

void
memd_say(struct memd *m, unsigned i, const void *p, size_t n)
{
	unsigned k = 0;

	for (unsigned at = 0; at < 2 * MEMD_CONNS_MAX; at++) {
		struct memd_conn *c = &m->conns[at % MEMD_CONNS_MAX];
		if (c->fd != -1 && !c->orphan && k++ == i) {
			bytes_add(&c->out, p, n);
			m->lied = 1;
			return;
		}
	}
}

void
memd_reset(void)
{
	for (struct memd *m = memds; m < memds + MEMD_MAX; m++) {
		if (m->there) {
			memd_hang_up(m);
			memd_flush(m);
		}
		memset(m, 0, sizeof(*m));
		for (unsigned i = 0; i < MEMD_CONNS_MAX; i++)
			m->conns[i].fd = -1;
	}
}
