/* proto_req: what a client's command line says. See proto_req.h. */
#include "proto_req.h"

#include <limits.h>
#include <string.h>

static const char ERR_FORMAT[] = "CLIENT_ERROR bad command line format";
static const char ERR_EXPTIME[] = "CLIENT_ERROR invalid exptime argument";
static const char ERR_DELTA[] = "CLIENT_ERROR invalid numeric delta argument";
static const char ERR_DELETE[] =
    "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]";
static const char ERR_ADMIN[] = "CLIENT_ERROR administration of one server is refused by memvip";

/* A command has at most: cas key flags exptime bytes unique noreply, and one word too many. */
#define WORDS_MAX 8

static int
word_is(const struct proto_line *l, unsigned i, const char *text, size_t len)
{
	return l->w[i].len == len && memcmp(l->p + l->w[i].at, text, len) == 0;
}
#define WORD_IS(l, i, text) word_is(l, i, text, sizeof(text) - 1)

static int
word_int32(const struct proto_line *l, unsigned i, int32_t *out)
{
	return proto_int32(l->p + l->w[i].at, l->w[i].len, out);
}

static int
word_uint64(const struct proto_line *l, unsigned i, uint64_t *out)
{
	return proto_uint64(l->p + l->w[i].at, l->w[i].len, out);
}

static int
req_error(struct proto_req *r, const char *text)
{
	r->cmd = REQ_ERROR;
	r->error = text;
	return 0;
}

/* The last word says noreply; with too few words for it nobody asks. */
static void
req_noreply(struct proto_req *r, const struct proto_line *l)
{
	r->noreply = WORD_IS(l, l->n - 1, "noreply") ? 1 : 0;
}

static void
req_key(struct proto_req *r, const struct proto_line *l, unsigned i)
{
	r->key = l->w[i].at;
	r->key_len = l->w[i].len;
}

/* get and gets from word 1, gat and gats from word 2: the rest of the line is the list of keys. */
static int
req_retrieval(struct proto_req *r, const struct proto_line *l, enum req_cmd cmd)
{
	unsigned first = cmd == REQ_GAT || cmd == REQ_GATS ? 2 : 1;

	if (l->n < 2)
		return req_error(r, "ERROR");
	if (first == 2 && word_int32(l, 1, &r->exptime) == -1)
		return req_error(r, ERR_EXPTIME);
	r->cmd = cmd;
	r->key = l->n > first ? l->w[first].at : l->end;
	r->key_len = l->end - r->key;
	r->tidy = 1;
	/* One key too long anywhere and memcached answers none of them. */
	for (uint32_t at = r->key; at < l->end; r->n_keys++) {
		uint32_t from = at, key, len = proto_req_next_key(l->p, &at, l->end, &key);
		if (len == 0)
			break;
		if (len > PROTO_KEY_MAX)
			return req_error(r, ERR_FORMAT);
		r->tidy &= key - from <= 1 && l->p[key] != '_';
	}
	r->tidy &= r->key_len > 0 && l->p[l->end - 1] != ' ';
	return 0;
}

/* <command> <key> <flags> <exptime> <bytes> [<cas unique>] [noreply] */
static int
req_storage(struct proto_req *r, const struct proto_line *l, enum req_cmd cmd)
{
	unsigned least = cmd == REQ_CAS ? 6 : 5;
	uint64_t flags;
	int32_t bytes;

	if (l->n != least && l->n != least + 1)
		return req_error(r, "ERROR");
	req_noreply(r, l);
	if (l->w[1].len > PROTO_KEY_MAX || word_uint64(l, 2, &flags) == -1 ||
	    word_int32(l, 3, &r->exptime) == -1 || word_int32(l, 4, &bytes) == -1 || bytes < 0 ||
	    bytes > INT_MAX - 2)
		return req_error(r, ERR_FORMAT);
	if (cmd == REQ_CAS && word_uint64(l, 5, &r->number) == -1)
		return req_error(r, ERR_FORMAT);
	r->cmd = cmd;
	req_key(r, l, 1);
	r->flags = (uint32_t)flags;
	r->body_len = (uint32_t)bytes;
	return 0;
}

static int
req_arithmetic(struct proto_req *r, const struct proto_line *l, enum req_cmd cmd)
{
	if (l->n != 3 && l->n != 4)
		return req_error(r, "ERROR");
	req_noreply(r, l);
	if (l->w[1].len > PROTO_KEY_MAX)
		return req_error(r, ERR_FORMAT);
	if (word_uint64(l, 2, &r->number) == -1)
		return req_error(r, ERR_DELTA);
	r->cmd = cmd;
	req_key(r, l, 1);
	return 0;
}

static int
req_touch(struct proto_req *r, const struct proto_line *l)
{
	if (l->n != 3 && l->n != 4)
		return req_error(r, "ERROR");
	req_noreply(r, l);
	if (l->w[1].len > PROTO_KEY_MAX)
		return req_error(r, ERR_FORMAT);
	if (word_int32(l, 2, &r->exptime) == -1)
		return req_error(r, ERR_EXPTIME);
	r->cmd = REQ_TOUCH;
	req_key(r, l, 1);
	return 0;
}

/* delete <key> [0] [noreply]; the 0 is a relic that clients still send. */
static int
req_delete(struct proto_req *r, const struct proto_line *l)
{
	int zero;

	if (l->n < 2 || l->n > 4)
		return req_error(r, "ERROR");
	if (l->n > 2) {
		req_noreply(r, l);
		zero = WORD_IS(l, 2, "0");
		if (!(l->n == 3 && (zero || r->noreply)) && !(l->n == 4 && zero && r->noreply))
			return req_error(r, ERR_DELETE);
	}
	if (l->w[1].len > PROTO_KEY_MAX)
		return req_error(r, ERR_FORMAT);
	r->cmd = REQ_DELETE;
	req_key(r, l, 1);
	return 0;
}

/* flush_all [delay] [noreply] */
static int
req_flush_all(struct proto_req *r, const struct proto_line *l)
{
	if (l->n > 3)
		return req_error(r, "ERROR");
	req_noreply(r, l);
	if (l->n != (r->noreply ? 2u : 1u)) {
		if (word_int32(l, 1, &r->exptime) == -1)
			return req_error(r, ERR_EXPTIME);
		r->has_delay = 1;
	}
	r->cmd = REQ_FLUSH_ALL;
	return 0;
}

/* verbosity <level> [noreply] */
static int
req_verbosity(struct proto_req *r, const struct proto_line *l)
{
	if (l->n != 2 && l->n != 3)
		return req_error(r, "ERROR");
	req_noreply(r, l);
	if (word_uint64(l, 1, &r->number) == -1)
		return req_error(r, ERR_FORMAT);
	r->cmd = REQ_VERBOSITY;
	return 0;
}

static int
req_stats(struct proto_req *r, const struct proto_line *l)
{
	r->cmd = REQ_STATS;
	r->arg = l->n > 1 ? l->w[1].at : l->end;
	r->arg_len = l->n > 1 ? l->w[1].len : 0;
	return 0;
}

/* Commands that change or read one server's inside: they have no meaning for two. */
static int
is_admin(const struct proto_line *l)
{
	static const char *const names[] = {
	    "shutdown",	 "cache_memlimit", "slabs",	    "lru",	 "lru_crawler", "watch",
	    "debugtime", "extstore",	   "refresh_certs", "misbehave", "debugitem"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (word_is(l, 0, names[i], strlen(names[i])))
			return 1;
	return 0;
}

static int
req_dispatch(struct proto_req *r, const struct proto_line *l)
{
	if (l->n == 0 || l->w[0].len < 2)
		return req_error(r, "ERROR");
	switch (l->p[l->w[0].at]) {
	case 'g':
		if (WORD_IS(l, 0, "gets"))
			return req_retrieval(r, l, REQ_GETS);
		if (WORD_IS(l, 0, "gat"))
			return req_retrieval(r, l, REQ_GAT);
		if (WORD_IS(l, 0, "gats"))
			return req_retrieval(r, l, REQ_GATS);
		if (WORD_IS(l, 0, "get"))
			return req_retrieval(r, l, REQ_GET);
		break;
	case 's':
		if (WORD_IS(l, 0, "set"))
			return req_storage(r, l, REQ_SET);
		if (WORD_IS(l, 0, "stats"))
			return req_stats(r, l);
		break;
	case 'b':
		if (WORD_IS(l, 0, "bget")) /* an ancient get; memcached still takes it */
			return req_retrieval(r, l, REQ_GET);
		break;
	case 'a':
		if (WORD_IS(l, 0, "add"))
			return req_storage(r, l, REQ_ADD);
		if (WORD_IS(l, 0, "append"))
			return req_storage(r, l, REQ_APPEND);
		break;
	case 'c':
		if (WORD_IS(l, 0, "cas"))
			return req_storage(r, l, REQ_CAS);
		break;
	case 'r':
		if (WORD_IS(l, 0, "replace"))
			return req_storage(r, l, REQ_REPLACE);
		break;
	case 'p':
		if (WORD_IS(l, 0, "prepend"))
			return req_storage(r, l, REQ_PREPEND);
		break;
	case 'i':
		if (WORD_IS(l, 0, "incr"))
			return req_arithmetic(r, l, REQ_INCR);
		break;
	case 'd':
		if (WORD_IS(l, 0, "delete"))
			return req_delete(r, l);
		if (WORD_IS(l, 0, "decr"))
			return req_arithmetic(r, l, REQ_DECR);
		break;
	case 't':
		if (WORD_IS(l, 0, "touch"))
			return req_touch(r, l);
		break;
	case 'f':
		if (WORD_IS(l, 0, "flush_all"))
			return req_flush_all(r, l);
		break;
	case 'v':
		if (WORD_IS(l, 0, "version")) {
			r->cmd = REQ_VERSION;
			return 0;
		}
		if (WORD_IS(l, 0, "verbosity"))
			return req_verbosity(r, l);
		break;
	case 'q':
		if (WORD_IS(l, 0, "quit")) {
			r->cmd = REQ_QUIT;
			return 0;
		}
		break;
	case 'm':
		if (WORD_IS(l, 0, "mn")) {
			r->cmd = REQ_MN;
			return 0;
		}
		if (l->w[0].len == 2 && strchr("gsdae", l->p[l->w[0].at + 1]) != NULL) {
			r->cmd = REQ_META;
			return 0;
		}
		break;
	default:
		break;
	}
	return req_error(r, is_admin(l) ? ERR_ADMIN : "ERROR");
}

/*
 * Is this a browser's request, or another HTTP client's? memcached closes the connection when the
 * last word of a command that it does not know says so.
 */
static int
is_http(const struct proto_line *l)
{
	uint32_t i = l->end;

	if (l->n == 0 || strchr("gsacidt", l->p[l->w[0].at]) != NULL ||
	    (l->w[0].len == 2 && l->p[l->w[0].at] == 'm'))
		return 0;
	while (l->p[i - 1] == ' ')
		i--;
	while (i > l->w[0].at && l->p[i - 1] != ' ')
		i--;
	return l->end - i >= 5 && memcmp(l->p + i, "HTTP/", 5) == 0;
}

/* No newline in n bytes: may there still come one? memcached's own rule. */
static enum proto_verdict
line_incomplete(const char *p, size_t n)
{
	size_t i = 0;

	if (n <= PROTO_LINE_MAX)
		return PROTO_AGAIN;
	while (i < n && p[i] == ' ')
		i++;
	if (i > 100 || n - i < 5 ||
	    (memcmp(p + i, "get ", 4) != 0 && memcmp(p + i, "gets ", 5) != 0))
		return PROTO_BAD;
	return n <= PROTO_GET_LINE_MAX ? PROTO_AGAIN : PROTO_BAD;
}

/*
 * "get <key>\r\n" and "set <key> <flags> <exptime> <bytes>\r\n" with small numbers, as nearly all lines
 * are: at once, in one pass. Returns 1, or 0 when it is anything else; *r is undefined then.
 */
static int
parse_plain(const char *p, size_t n, struct proto_req *r)
{
	uint32_t end = n < PROTO_LINE_MAX ? (uint32_t)n : PROTO_LINE_MAX, at;
	uint64_t flags, exptime, bytes;

	if (n < 7)
		return 0;
	memset(r, 0, sizeof(*r));
	at = proto_word_end(p, 4, end);
	r->key = 4;
	r->key_len = at - 4;
	if (r->key_len == 0 || r->key_len > PROTO_KEY_MAX)
		return 0;
	if (memcmp(p, "get ", 4) == 0) {
		r->cmd = REQ_GET;
		r->n_keys = 1;
		r->tidy = p[4] != '_';
	} else if (memcmp(p, "set ", 4) == 0 && at < end && p[at++] == ' ' &&
		   proto_few_digits(p, end, &at, &flags) > 0 && at < end && p[at++] == ' ' &&
		   proto_few_digits(p, end, &at, &exptime) > 0 && at < end && p[at++] == ' ' &&
		   proto_few_digits(p, end, &at, &bytes) > 0 && exptime <= INT32_MAX &&
		   bytes <= INT_MAX - 2) {
		r->cmd = REQ_SET;
		r->flags = (uint32_t)flags;
		r->exptime = (int32_t)exptime;
		r->body_len = (uint32_t)bytes;
	} else {
		return 0;
	}
	r->line_len = at + 2;
	return end - at >= 2 && p[at] == '\r' && p[at + 1] == '\n';
}

enum proto_verdict
proto_req_parse(const char *p, size_t n, struct proto_req *r)
{
	struct proto_line l;
	const char *nl;
	size_t len;

	if (parse_plain(p, n, r))
		return PROTO_OK;
	if ((nl = memchr(p, '\n', n)) == NULL)
		return line_incomplete(p, n);
	len = (size_t)(nl - p);
	if (len > PROTO_GET_LINE_MAX)
		return PROTO_BAD;
	memset(r, 0, sizeof(*r));
	r->line_len = (uint32_t)len + 1;
	proto_line_text(&l, p, len);
	proto_line_split(&l, WORDS_MAX);
	req_dispatch(r, &l);
	return r->cmd == REQ_ERROR && is_http(&l) ? PROTO_BAD : PROTO_OK;
}

uint32_t
proto_req_next_key(const char *p, uint32_t *at, uint32_t end, uint32_t *key)
{
	uint32_t i = *at;

	while (i < end && p[i] == ' ')
		i++;
	*key = i;
	*at = proto_space(p, i, end);
	return *at - i;
}
