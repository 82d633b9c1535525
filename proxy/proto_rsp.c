/* proto_rsp: what a memcached's reply says. See proto_rsp.h. */
#include "proto_rsp.h"

#include <string.h>

/* Lines that are always the same, and lines of which the first word decides. */
static const struct {
	const char *text;
	uint8_t len;
	uint8_t prefix; /* text may follow after a space */
	enum rsp_type type;
} lines[] = {
#define LINE(text, prefix, type)                     \
	{                                            \
		text, sizeof(text) - 1, prefix, type \
	}
    LINE("STORED", 0, RSP_STORED),
    LINE("END", 0, RSP_END),
    LINE("NOT_FOUND", 0, RSP_NOT_FOUND),
    LINE("DELETED", 0, RSP_DELETED),
    LINE("NOT_STORED", 0, RSP_NOT_STORED),
    LINE("EXISTS", 0, RSP_EXISTS),
    LINE("TOUCHED", 0, RSP_TOUCHED),
    LINE("OK", 0, RSP_OK),
    LINE("HD", 1, RSP_HD),
    LINE("EN", 1, RSP_EN),
    LINE("NS", 1, RSP_NS),
    LINE("EX", 1, RSP_EX),
    LINE("NF", 1, RSP_NF),
    LINE("ME", 1, RSP_ME),
    LINE("ERROR", 1, RSP_ERROR),
    LINE("CLIENT_ERROR", 1, RSP_CLIENT_ERROR),
    LINE("SERVER_ERROR", 1, RSP_SERVER_ERROR),
    LINE("STAT", 1, RSP_STAT),
    LINE("VERSION", 1, RSP_VERSION),
#undef LINE
};

/*
 * "VALUE <key> <flags> <bytes>\r\n" with small numbers, as nearly all are, and the whole block:
 * at once, in one pass. Returns 1, or 0 when it is anything else.
 */
static int
parse_plain_value(const char *p, size_t n, struct proto_rsp *r)
{
	uint32_t i, look;
	uint64_t flags, bytes;

	if (n < 16 || memcmp(p, "VALUE ", 6) != 0)
		return 0;
	look = n < PROTO_RSP_LINE_MAX ? (uint32_t)n : PROTO_RSP_LINE_MAX;
	i = proto_word_end(p, 6, look);
	r->key = 6;
	r->key_len = i - 6;
	if (r->key_len == 0 || r->key_len > PROTO_KEY_MAX || i == look || p[i++] != ' ')
		return 0;
	if (proto_few_digits(p, look, &i, &flags) == 0 || i == look || p[i++] != ' ' ||
	    proto_few_digits(p, look, &i, &bytes) == 0 || look - i < 2 || p[i] != '\r' ||
	    p[i + 1] != '\n' || bytes > PROTO_RSP_VALUE_MAX)
		return 0;
	r->type = RSP_VALUE;
	r->head_len = i;
	r->line_len = i + 2;
	r->body_len = (uint32_t)bytes;
	r->has_cas = 0;
	r->total = i + 4 + (uint32_t)bytes;
	return n >= r->total && p[r->total - 2] == '\r' && p[r->total - 1] == '\n';
}

/* One of the two lines that come most, whole. Returns 1, or 0 when it is anything else. */
static int
parse_plain_line(const char *p, size_t n, struct proto_rsp *r)
{
	if (n >= 5 && memcmp(p, "END\r\n", 5) == 0) {
		r->type = RSP_END;
		r->line_len = r->total = 5;
		return 1;
	}
	if (n >= 8 && memcmp(p, "STORED\r\n", 8) == 0) {
		r->type = RSP_STORED;
		r->line_len = r->total = 8;
		return 1;
	}
	return 0;
}

/* Decimal digits from *at, at most max. Returns 0 and moves *at past them, or -1. */
static int
digits(const char *p, uint32_t end, uint32_t *at, uint64_t max, uint64_t *out)
{
	uint32_t i = *at;
	uint64_t v = 0;

	if (i >= end || p[i] < '0' || p[i] > '9')
		return -1;
	for (; i < end && p[i] >= '0' && p[i] <= '9'; i++) {
		unsigned d = (unsigned)(p[i] - '0');
		if (v > (max - d) / 10)
			return -1;
		v = v * 10 + d;
	}
	*at = i;
	*out = v;
	return 0;
}

/* The first line is understood: is its data block all there? */
static enum proto_verdict
parse_block(const char *p, size_t n, struct proto_rsp *r, size_t *need)
{
	r->total = r->line_len + r->body_len + 2;
	if (n < r->total) {
		*need = r->total;
		return PROTO_AGAIN;
	}
	if (p[r->total - 2] != '\r' || p[r->total - 1] != '\n')
		return PROTO_BAD;
	return PROTO_OK;
}

/* "VALUE " has been seen; end: offset past the line's text. */
static enum proto_verdict
parse_value(const char *p, size_t n, uint32_t end, struct proto_rsp *r, size_t *need)
{
	uint32_t i = 6;
	uint64_t flags, bytes;

	r->type = RSP_VALUE;
	r->key = i;
	while (i < end && p[i] != ' ')
		i++;
	r->key_len = i - r->key;
	if (r->key_len == 0 || r->key_len > PROTO_KEY_MAX || i == end)
		return PROTO_BAD;
	i++;
	if (digits(p, end, &i, UINT64_MAX, &flags) == -1 || i == end || p[i++] != ' ' ||
	    digits(p, end, &i, PROTO_RSP_VALUE_MAX, &bytes) == -1)
		return PROTO_BAD;
	r->head_len = i;
	r->body_len = (uint32_t)bytes;
	r->has_cas = 0;
	if (i != end) {
		if (p[i++] != ' ' || digits(p, end, &i, UINT64_MAX, &r->cas) == -1 || i != end)
			return PROTO_BAD;
		r->has_cas = 1;
	}
	return parse_block(p, n, r, need);
}

/* "VA " has been seen. The flags after the length are for whoever has asked for them. */
static enum proto_verdict
parse_meta_value(const char *p, size_t n, uint32_t end, struct proto_rsp *r, size_t *need)
{
	uint32_t i = 3;
	uint64_t bytes;

	r->type = RSP_VA;
	if (digits(p, end, &i, PROTO_RSP_VALUE_MAX, &bytes) == -1 || (i != end && p[i] != ' '))
		return PROTO_BAD;
	r->head_len = i;
	r->body_len = (uint32_t)bytes;
	return parse_block(p, n, r, need);
}

enum proto_verdict
proto_rsp_parse(const char *p, size_t n, struct proto_rsp *r, size_t *need)
{
	size_t look = n < PROTO_RSP_LINE_MAX ? n : PROTO_RSP_LINE_MAX;
	const char *nl;
	uint32_t end, i = 0;
	uint64_t v;

	*need = 0;
	if (parse_plain_value(p, n, r) || parse_plain_line(p, n, r))
		return PROTO_OK;
	nl = memchr(p, '\n', look);
	if (nl == NULL)
		return n < PROTO_RSP_LINE_MAX ? PROTO_AGAIN : PROTO_BAD;
	r->line_len = r->total = (uint32_t)(nl - p) + 1;
	if (r->line_len < 2 || nl[-1] != '\r')
		return PROTO_BAD;
	end = r->line_len - 2;
	if (end > 6 && memcmp(p, "VALUE ", 6) == 0)
		return parse_value(p, n, end, r, need);
	if (end > 3 && memcmp(p, "VA ", 3) == 0)
		return parse_meta_value(p, n, end, r, need);
	for (size_t k = 0; k < sizeof(lines) / sizeof(lines[0]); k++) {
		uint8_t len = lines[k].len;
		if (end < len || memcmp(p, lines[k].text, len) != 0)
			continue;
		if (end == len || (lines[k].prefix && (p[len] == ' ' || p[len] == ':'))) {
			r->type = lines[k].type;
			return PROTO_OK;
		}
	}
	/* decr may leave trailing spaces in the stored value, never in the reply. */
	if (digits(p, end, &i, UINT64_MAX, &v) == 0 && i == end) {
		r->type = RSP_NUMBER;
		return PROTO_OK;
	}
	return PROTO_BAD;
}
