/* Intent: whatever a server says, proto_rsp stays inside it and decides alike however it is cut. */
/* needs: proxy/proto_rsp.c */
#include "fuzz.h"
#include "proto_rsp.h"

static void
check_reply(const struct proto_rsp *r, const char *p)
{
	MUST(r->line_len >= 2 && r->line_len <= PROTO_RSP_LINE_MAX && r->total >= r->line_len);
	MUST(memcmp(p + r->line_len - 2, "\r\n", 2) == 0);
	MUST(memchr(p, '\n', r->line_len) == p + r->line_len - 1);
	if (r->type != RSP_VALUE && r->type != RSP_VA) {
		MUST(r->total == r->line_len);
		return;
	}
	MUST(r->body_len <= PROTO_RSP_VALUE_MAX);
	MUST(r->total == r->line_len + r->body_len + 2);
	MUST(r->head_len < r->line_len);
	MUST(memcmp(p + r->total - 2, "\r\n", 2) == 0);
	if (r->type == RSP_VALUE) {
		MUST(r->key_len >= 1 && r->key_len <= PROTO_KEY_MAX);
		MUST(r->key + r->key_len < r->head_len);
		MUST(memchr(p + r->key, ' ', r->key_len) == NULL);
	}
}

/* Cut short anywhere it is not whole yet; and need never asks for more than there will be. */
static void
check_prefixes(const char *p, size_t total)
{
	size_t step = total > 256 ? total / 64 : 1;

	for (size_t n = 0; n < total; n += step) {
		struct proto_rsp r;
		size_t need;

		MUST(proto_rsp_parse(p, n, &r, &need) == PROTO_AGAIN);
		MUST(need == 0 || need == total);
	}
}

static size_t
look(const char *p, size_t n)
{
	struct proto_rsp r, alone;
	size_t need, total;
	char *reply;

	switch (proto_rsp_parse(p, n, &r, &need)) {
	case PROTO_AGAIN:
		MUST(need == 0 || need > n);
		return 0;
	case PROTO_BAD:
		return 0;
	case PROTO_OK:
		break;
	}
	total = r.total;
	MUST(total <= n);
	reply = fuzz_copy(p, total);
	MUST(proto_rsp_parse(reply, total, &alone, &need) == PROTO_OK);
	MUST(alone.type == r.type && alone.total == r.total && alone.line_len == r.line_len);
	check_reply(&alone, reply);
	check_prefixes(reply, total);
	free(reply);
	return total;
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
