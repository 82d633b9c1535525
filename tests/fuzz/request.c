/* Intent: whatever a client sends, proto_req stays inside it, decides alike however it is cut, and
 * what the proxy makes of it reads the same at a server. */
/* needs: proxy/proto_req.c proxy/proto_meta.c proxy/base64.c proxy/wire.c */
#include "fuzz.h"
#include "proto_req.h"
#include "wire.h"

/* A key that may be sent on: no byte in it ends a word or a line. */
static void
check_key(const char *p, size_t len)
{
	MUST(len >= 1 && len <= PROTO_KEY_MAX);
	MUST(memchr(p, ' ', len) == NULL && memchr(p, '\n', len) == NULL &&
	     memchr(p, '\0', len) == NULL);
}

/* The line that a server would get for one key of r. Returns 0 when this command sends none. */
static size_t
line_for(const struct proto_req *r, const char *key, size_t len, char *out)
{
	switch (r->cmd) {
	case REQ_GAT:
	case REQ_GATS:
		return wire_gat(out, r->cmd, key, len, r->exptime);
	case REQ_DELETE:
		return wire_delete(out, key, len);
	case REQ_INCR:
	case REQ_DECR:
		return wire_arith(out, r->cmd, key, len, r->number);
	case REQ_TOUCH:
		return wire_touch(out, key, len, r->exptime);
	default:
		if (!req_cmd_has_body(r->cmd))
			return 0;
		return wire_storage(out, r->cmd, key, len, r->flags, r->exptime, r->body_len,
				    r->number);
	}
}

static void
check_sent(const struct proto_req *r, const char *key, size_t len)
{
	char *line = malloc(WIRE_LINE_MAX);
	struct proto_req back;
	size_t n;

	if (line == NULL)
		abort();
	n = line_for(r, key, len, line);
	if (n > 0) {
		MUST(n <= WIRE_LINE_MAX);
		MUST(proto_req_parse(line, n, &back) == PROTO_OK && back.line_len == n);
		MUST(back.cmd == r->cmd && !back.noreply && back.flags == r->flags &&
		     back.exptime == r->exptime && back.body_len == r->body_len &&
		     back.number == r->number);
		MUST(back.key_len == len && memcmp(line + back.key, key, len) == 0);
	}
	free(line);
}

static void
check_keys(const struct proto_req *r, const char *p)
{
	uint32_t at = r->key, end = r->key + r->key_len, key, len, n = 0;

	MUST(end <= r->line_len);
	while ((len = proto_req_next_key(p, &at, end, &key)) > 0) {
		MUST(key >= r->key && key + len <= end);
		check_key(p + key, len);
		check_sent(r, p + key, len);
		n++;
	}
	MUST(n == r->n_keys);
}

static void
check_request(const struct proto_req *r, const char *p)
{
	switch (r->cmd) {
	case REQ_GET:
	case REQ_GETS:
	case REQ_GAT:
	case REQ_GATS:
		check_keys(r, p);
		break;
	case REQ_SET:
	case REQ_ADD:
	case REQ_REPLACE:
	case REQ_APPEND:
	case REQ_PREPEND:
	case REQ_CAS:
	case REQ_DELETE:
	case REQ_INCR:
	case REQ_DECR:
	case REQ_TOUCH:
		MUST(r->key + r->key_len < r->line_len);
		check_key(p + r->key, r->key_len);
		check_sent(r, p + r->key, r->key_len);
		break;
	case REQ_STATS:
		MUST(r->arg + r->arg_len <= r->line_len);
		break;
	case REQ_ERROR:
		MUST(r->error != NULL && strlen(r->error) < 100 &&
		     strpbrk(r->error, "\r\n") == NULL);
		break;
	default:
		break;
	}
}

/* Cut short anywhere it is no line yet. */
static void
check_prefixes(const char *p, size_t line_len)
{
	size_t step = line_len > 256 ? line_len / 64 : 1;
	struct proto_req r;

	for (size_t n = 0; n < line_len; n += step)
		MUST(proto_req_parse(p, n, &r) == PROTO_AGAIN ||
		     (n > PROTO_LINE_MAX && proto_req_parse(p, n, &r) == PROTO_BAD));
}

/* One line from the n bytes at p. Returns its length, 0 when there is none. */
static size_t
look(const char *p, size_t n)
{
	const char *nl = memchr(p, '\n', n);
	struct proto_req r;
	char *line;

	switch (proto_req_parse(p, n, &r)) {
	case PROTO_BAD:
		if (nl != NULL && memmem(p, (size_t)(nl - p), "HTTP/", 5) != NULL)
			return 0; /* a browser */
				  /* FALLTHROUGH */
	case PROTO_AGAIN:
		MUST(nl == NULL || (size_t)(nl - p) > PROTO_LINE_MAX);
		return 0;
	case PROTO_OK:
		break;
	}
	MUST(nl != NULL && r.line_len == (size_t)(nl - p) + 1);
	/* Alone, the same: nothing behind the newline was looked at. */
	line = fuzz_copy(p, r.line_len);
	MUST(proto_req_parse(line, r.line_len, &r) == PROTO_OK);
	check_request(&r, line);
	check_prefixes(line, r.line_len);
	free(line);
	return r.line_len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	size_t n;

	while ((n = look(p, size)) > 0) {
		p += n;
		size -= n;
	}
	return 0;
}
