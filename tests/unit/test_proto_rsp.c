/* Intent: a server's reply is taken whole or not at all, and nonsense is known as such at once. */
/* needs: proxy/proto_rsp.c */
#include "cm.h"

#include <stdio.h>

#include "guard.h"
#include "proto_rsp.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

struct sample {
	const char *bytes;
	enum rsp_type type;
	const char *key;  /* RSP_VALUE */
	const char *head; /* RSP_VALUE: the line up to and with <bytes> */
	uint32_t body_len;
	int has_cas;
	uint64_t cas;
};

static const struct sample samples[] = {
    {"VALUE k 0 5\r\nhello\r\n", RSP_VALUE, "k", "VALUE k 0 5", 5},
    {"VALUE k 4294967295 0\r\n\r\n", RSP_VALUE, "k", "VALUE k 4294967295 0", 0},
    {"VALUE key 7 5 18446744073709551615\r\nEND\r\n\r\n", RSP_VALUE, "key", "VALUE key 7 5", 5, 1,
     UINT64_MAX},
    {"VALUE k 0 6 1\r\n\r\nEND\n\r\n", RSP_VALUE, "k", "VALUE k 0 6", 6, 1, 1},
    {"END\r\n", RSP_END},
    {"STORED\r\n", RSP_STORED},
    {"NOT_STORED\r\n", RSP_NOT_STORED},
    {"EXISTS\r\n", RSP_EXISTS},
    {"NOT_FOUND\r\n", RSP_NOT_FOUND},
    {"DELETED\r\n", RSP_DELETED},
    {"TOUCHED\r\n", RSP_TOUCHED},
    {"OK\r\n", RSP_OK},
    {"0\r\n", RSP_NUMBER},
    {"18446744073709551615\r\n", RSP_NUMBER},
    {"VERSION 1.6.18\r\n", RSP_VERSION},
    {"STAT pid 1\r\n", RSP_STAT},
    {"STAT version \r\n", RSP_STAT},
    {"HD\r\n", RSP_HD},
    {"HD t-1 s5\r\n", RSP_HD},
    {"EN\r\n", RSP_EN},
    {"NS\r\n", RSP_NS},
    {"NS kx O1\r\n", RSP_NS},
    {"EX\r\n", RSP_EX},
    {"NF\r\n", RSP_NF},
    {"VA 0\r\n\r\n", RSP_VA, NULL, "VA 0", 0},
    {"VA 5\r\nhello\r\n", RSP_VA, NULL, "VA 5", 5},
    {"VA 4 f5 t-1 W\r\n\r\nEN\r\n", RSP_VA, NULL, "VA 4", 4},
    {"ERROR\r\n", RSP_ERROR},
    {"ERROR Too many open connections\r\n", RSP_ERROR},
    {"CLIENT_ERROR bad data chunk\r\n", RSP_CLIENT_ERROR},
    {"SERVER_ERROR out of memory storing object\r\n", RSP_SERVER_ERROR},
};

/* What no memcached says in answer to what memvip asks. */
static const char *const nonsense[] = {
    "\r\n",
    "\n",
    "STORED\n",
    "stored\r\n",
    "STORED \r\n",
    "STOREDx\r\n",
    "STORE\r\n",
    " END\r\n",
    "ENDED\r\n",
    "END END\r\n",
    "-1\r\n",
    "1 2\r\n",
    "18446744073709551616\r\n",
    "VALUE\r\n",
    "VALUE \r\n",
    "VALUE k\r\n",
    "VALUE k 0\r\n",
    "VALUE k 0 \r\n",
    "VALUE k x 1\r\nx\r\n",
    "VALUE k 0 x\r\nx\r\n",
    "VALUE k 0 -1\r\nx\r\n",
    "VALUE k -1 1\r\nx\r\n",
    "VALUE  k 0 1\r\nx\r\n",
    "VALUE k 0 1 \r\nx\r\n",
    "VALUE k 0 1 x\r\nx\r\n",
    "VALUE k 0 1 1 1\r\nx\r\n",
    "VALUE k 0 1 18446744073709551616\r\nx\r\n",
    "VALUE k 0 1073741825\r\n",
    "VALUE k 0 18446744073709551615\r\n",
    "VALUE k 0 1\r\nxx\r\n",	    /* longer than it said */
    "VALUE k 0 4\r\nx\r\n\r\n\r\n", /* shorter than it said */
    "VALUE k 0 1\r\nx\n\n",
    "HDx\r\n",
    "ENx\r\n",
    "hd\r\n",
    "VA\r\n",
    "VA \r\n",
    "VA x\r\n",
    "VA -1\r\n",
    "VA 1x\r\nx\r\n",
    "VA  1\r\nx\r\n",
    "VA 1\r\nxx\r\n",		/* longer than it said */
    "VA 4 f0\r\nx\r\n\r\n\r\n", /* shorter than it said */
    "VA 1073741825\r\n",
    "VA 18446744073709551616\r\n",
    "HTTP/1.1 400 Bad Request\r\n",
    "\x81\r\n",
};

static void
look_at_good(const char *prefix, size_t len, size_t whole, void *arg)
{
	const struct sample *s = arg;
	struct proto_rsp r;
	size_t need = 12345;
	enum proto_verdict v = proto_rsp_parse(prefix, len, &r, &need);

	if (len < whole) {
		if (v != PROTO_AGAIN)
			fail_msg("verdict %d for the first %zu bytes of %s", (int)v, len, s->bytes);
		if (need != 0)
			assert_int_equal(need, whole);
		return;
	}
	if (v != PROTO_OK)
		fail_msg("verdict %d for %s", (int)v, s->bytes);
	assert_int_equal(r.type, s->type);
	assert_int_equal(r.total, whole);
	assert_int_equal(r.line_len, strchr(s->bytes, '\n') - s->bytes + 1);
	if (s->type != RSP_VALUE && s->type != RSP_VA)
		return;
	if (s->type == RSP_VALUE) {
		assert_int_equal(r.key_len, strlen(s->key));
		assert_memory_equal(prefix + r.key, s->key, r.key_len);
		assert_int_equal(r.has_cas, s->has_cas);
	}
	assert_int_equal(r.head_len, strlen(s->head));
	assert_memory_equal(prefix, s->head, r.head_len);
	assert_int_equal(r.body_len, s->body_len);
	if (s->has_cas)
		assert_int_equal(r.cas, s->cas);
}

static void
test_every_prefix_of_every_reply(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(samples); i++)
		guard_prefixes(samples[i].bytes, strlen(samples[i].bytes), look_at_good,
			       (void *)(uintptr_t)&samples[i]);
}

static void
test_what_follows_is_left_alone(void **state)
{
	char bytes[256];
	struct proto_rsp r;
	size_t need;

	(void)state;
	for (size_t i = 0; i < N(samples); i++) {
		int n = snprintf(bytes, sizeof(bytes), "%sEND\r\n", samples[i].bytes);
		assert_int_equal(proto_rsp_parse(bytes, (size_t)n, &r, &need), PROTO_OK);
		assert_int_equal(r.total, (size_t)n - 5);
		assert_int_equal(r.type, samples[i].type);
	}
}

static void
look_at_nonsense(const char *prefix, size_t len, size_t whole, void *arg)
{
	struct proto_rsp r;
	size_t need;
	enum proto_verdict v = proto_rsp_parse(prefix, len, &r, &need);

	if (v == PROTO_OK)
		fail_msg("taken as reply %d: %s", (int)r.type, (const char *)arg);
	if (len == whole && v != PROTO_BAD)
		fail_msg("not known as nonsense: %s", (const char *)arg);
}

static void
test_nonsense(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(nonsense); i++)
		guard_prefixes(nonsense[i], strlen(nonsense[i]), look_at_nonsense,
			       (void *)(uintptr_t)nonsense[i]);
}

/* A wrong length is known as soon as the line is there: nobody waits for 2^32 bytes. */
static void
test_how_much_is_needed(void **state)
{
	static const char head[] = "VALUE k 0 1048576\r\n";
	struct proto_rsp r;
	size_t need;

	(void)state;
	assert_int_equal(proto_rsp_parse(head, sizeof(head) - 1, &r, &need), PROTO_AGAIN);
	assert_int_equal(need, sizeof(head) - 1 + 1048576 + 2);
	assert_int_equal(proto_rsp_parse(head, sizeof(head) - 2, &r, &need), PROTO_AGAIN);
	assert_int_equal(need, 0);
}

static void
test_a_line_has_a_bound(void **state)
{
	char line[PROTO_RSP_LINE_MAX];
	struct proto_rsp r;
	size_t need;

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, "SERVER_ERROR ", 13);
	assert_int_equal(proto_rsp_parse(line, sizeof(line) - 1, &r, &need), PROTO_AGAIN);
	assert_int_equal(proto_rsp_parse(line, sizeof(line), &r, &need), PROTO_BAD);
	memcpy(line + sizeof(line) - 2, "\r\n", 2);
	assert_int_equal(proto_rsp_parse(line, sizeof(line), &r, &need), PROTO_OK);
	assert_int_equal(r.type, RSP_SERVER_ERROR);
}

static void
test_a_key_has_a_bound(void **state)
{
	char bytes[400];
	struct proto_rsp r;
	size_t need;

	(void)state;
	for (int len = PROTO_KEY_MAX; len <= PROTO_KEY_MAX + 1; len++) {
		int n = snprintf(bytes, sizeof(bytes), "VALUE %0*d 0 1\r\nx\r\n", len, 7);
		assert_int_equal(proto_rsp_parse(bytes, (size_t)n, &r, &need),
				 len <= PROTO_KEY_MAX ? PROTO_OK : PROTO_BAD);
	}
}

/* One byte of a good reply is changed: whatever the verdict, nothing past the end is touched. */
static void
test_changed_bytes(void **state)
{
	struct guard g;
	uint64_t seed = 7;

	(void)state;
	guard_init(&g, 4096);
	for (int round = 0; round < 200000; round++) {
		const struct sample *s = &samples[guard_random(&seed) % N(samples)];
		size_t n = strlen(s->bytes), need = 0;
		char *p = guard_place(&g, s->bytes, n);
		struct proto_rsp r;

		p[guard_random(&seed) % n] = (char)guard_random(&seed);
		if (proto_rsp_parse(p, n, &r, &need) == PROTO_OK) {
			assert_in_range(r.total, 1, n);
			if (r.type == RSP_VALUE || r.type == RSP_VA)
				assert_int_equal(r.line_len + r.body_len + 2, r.total);
		}
	}
	guard_free(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_prefix_of_every_reply),
	    cmocka_unit_test(test_what_follows_is_left_alone),
	    cmocka_unit_test(test_nonsense),
	    cmocka_unit_test(test_how_much_is_needed),
	    cmocka_unit_test(test_a_line_has_a_bound),
	    cmocka_unit_test(test_a_key_has_a_bound),
	    cmocka_unit_test(test_changed_bytes),
	};

	return RUN(tests);
}
