/* wire: the lines that are sent to servers. See wire.h. */
#include "wire.h"

#include <string.h>

#include "base64.h"
#include "proto_meta.h"

/* As many bytes of each are copied, whatever it has: that is one move. */
#define WORD_COPY 8

static const struct {
	char text[WORD_COPY + 1];
	uint8_t len;
} words[] = {
#define WORD(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}
    [REQ_GET] = WORD("get "),	      [REQ_GETS] = WORD("gets "),
    [REQ_GAT] = WORD("gat "),	      [REQ_GATS] = WORD("gats "),
    [REQ_SET] = WORD("set "),	      [REQ_ADD] = WORD("add "),
    [REQ_REPLACE] = WORD("replace "), [REQ_APPEND] = WORD("append "),
    [REQ_PREPEND] = WORD("prepend "), [REQ_CAS] = WORD("cas "),
    [REQ_DELETE] = WORD("delete "),   [REQ_INCR] = WORD("incr "),
    [REQ_DECR] = WORD("decr "),	      [REQ_TOUCH] = WORD("touch "),
#undef WORD
};

static char *
put(char *at, const char *p, size_t n)
{
	memcpy(at, p, n);
	return at + n;
}

static char *
put_word(char *at, enum req_cmd cmd)
{
	memcpy(at, words[cmd].text, WORD_COPY);
	return at + words[cmd].len;
}

/* A space before it. */
static char *
put_number(char *at, uint64_t v)
{
	*at++ = ' ';
	return at + proto_decimal(at, v);
}

static char *
put_signed(char *at, int32_t v)
{
	if (v >= 0)
		return put_number(at, (uint64_t)v);
	*at++ = ' ';
	*at++ = '-';
	return at + proto_decimal(at, (uint64_t)(-(int64_t)v));
}

static size_t
finish(char *out, char *at)
{
	*at++ = '\r';
	*at++ = '\n';
	return (size_t)(at - out);
}

size_t
wire_storage(char *out, enum req_cmd cmd, const char *key, size_t key_len, uint32_t flags,
	     int32_t exptime, uint32_t body_len, uint64_t unique)
{
	char *at = put(put_word(out, cmd), key, key_len);

	at = put_number(at, flags);
	at = put_signed(at, exptime);
	at = put_number(at, body_len);
	if (cmd == REQ_CAS)
		at = put_number(at, unique);
	return finish(out, at);
}

/* "mg KEY", "md KEY", ...; *b: what the line is to end with for a key in base64. */
static char *
put_meta(char *at, const char *word, const char *key, size_t key_len, const char **b)
{
	at = put(at, word, 3);
	*b = meta_key_is_text(key, key_len) ? "" : " b";
	if (**b == '\0')
		return put(at, key, key_len);
	return at + base64_encode(at, key, key_len);
}

static size_t
finish_meta(char *out, char *at, const char *b)
{
	return finish(out, put(at, b, strlen(b)));
}

size_t
wire_delete(char *out, const char *key, size_t key_len)
{
	const char *b;
	char *at;

	if (meta_key_is_text(key, key_len))
		return finish(out, put(put_word(out, REQ_DELETE), key, key_len));
	at = put_meta(out, "md ", key, key_len, &b);
	return finish_meta(out, at, b);
}

size_t
wire_arith(char *out, enum req_cmd cmd, const char *key, size_t key_len, uint64_t delta)
{
	return finish(out, put_number(put(put_word(out, cmd), key, key_len), delta));
}

size_t
wire_touch(char *out, const char *key, size_t key_len, int32_t exptime)
{
	return finish(out, put_signed(put(put_word(out, REQ_TOUCH), key, key_len), exptime));
}

size_t
wire_gat(char *out, enum req_cmd cmd, const char *key, size_t key_len, int32_t exptime)
{
	char *at = put_word(out, cmd);

	at = put_signed(at - 1, exptime); /* the word's own space is the number's */
	*at++ = ' ';
	return finish(out, put(at, key, key_len));
}

size_t
wire_meta_get(char *out, const char *key, size_t key_len)
{
	const char *b;
	char *at = put_meta(out, "mg ", key, key_len, &b);

	return finish_meta(out, put(at, " v f t u c", 10), b);
}

size_t
wire_meta_set(char *out, const char *key, size_t key_len, uint32_t body_len, uint32_t flags,
	      int64_t ttl, int add)
{
	const char *b;
	char *at = put_meta(out, "ms ", key, key_len, &b);

	at = put_number(at, body_len);
	at = put(at, " F", 2);
	at += proto_decimal(at, flags);
	at = put(at, " T", 2);
	at += proto_decimal(at, ttl < 0 ? 0 : (uint64_t)ttl);
	if (add)
		at = put(at, " ME", 3);
	return finish_meta(out, at, b);
}

size_t
wire_meta_touch(char *out, const char *key, size_t key_len)
{
	const char *b;
	char *at = put_meta(out, "mg ", key, key_len, &b);

	return finish_meta(out, at, b);
}

size_t
wire_meta_stale(char *out, const char *key, size_t key_len, uint64_t unique)
{
	const char *b;
	char *at = put_meta(out, "md ", key, key_len, &b);

	at = put(at, " I C", 4);
	at += proto_decimal(at, unique);
	return finish_meta(out, at, b);
}
