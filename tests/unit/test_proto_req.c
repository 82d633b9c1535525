/* Intent: a client's line is read as memcached reads it, at any length, and never past its end. */
/* needs: proxy/proto_req.c */
#include "cm.h"

#include <stdio.h>

#include "guard.h"
#include "proto_req.h"

#define K250                                                                                   \
	"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk" \
	"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk" \
	"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
_Static_assert(sizeof(K250) - 1 == PROTO_KEY_MAX, "a key of the greatest length");

static const char BAD_FORMAT[] = "CLIENT_ERROR bad command line format";

/* What a line means. Fields that are not named are 0. */
struct sample {
	const char *line;
	enum req_cmd cmd;
	const char *key; /* for the get family: the list of keys */
	uint32_t flags;
	int32_t exptime;
	uint32_t body_len;
	uint64_t number;
	int noreply, has_delay;
	const char *arg;
};

static const struct sample samples[] = {
    {"get a\r\n", REQ_GET, "a"},
    {"get a\n", REQ_GET, "a"},
    {"get  a   b \r\n", REQ_GET, "a   b "},
    {" get a\r\n", REQ_GET, "a"},
    {"gets a b c d e f g h i j k\r\n", REQ_GETS, "a b c d e f g h i j k"},
    {"get " K250 "\r\n", REQ_GET, K250},
    {"bget a b\r\n", REQ_GET, "a b"},
    {"gat 100 a b\r\n", REQ_GAT, "a b", .exptime = 100},
    {"gats -1 a\r\n", REQ_GATS, "a", .exptime = -1},
    {"set k 1 2 3\r\n", REQ_SET, "k", 1, 2, 3},
    {"set k 4294967295 0 0\r\n", REQ_SET, "k", UINT32_MAX},
    {"set k 0 -1 1 noreply\r\n", REQ_SET, "k", .exptime = -1, .body_len = 1, .noreply = 1},
    {"set k 0 2147483647 1048576\r\n", REQ_SET, "k", 0, INT32_MAX, 1048576},
    {"set noreply 0 0 1\r\n", REQ_SET, "noreply", .body_len = 1},
    {"set " K250 " 0 0 1\r\n", REQ_SET, K250, .body_len = 1},
    {"add k 5 6 7\r\n", REQ_ADD, "k", 5, 6, 7},
    {"replace k 5 6 7 noreply\r\n", REQ_REPLACE, "k", 5, 6, 7, .noreply = 1},
    {"append k 5 6 7\r\n", REQ_APPEND, "k", 5, 6, 7},
    {"prepend k 5 6 7\r\n", REQ_PREPEND, "k", 5, 6, 7},
    {"cas k 1 2 3 4\r\n", REQ_CAS, "k", 1, 2, 3, 4},
    {"cas k 1 2 3 18446744073709551615 noreply\r\n", REQ_CAS, "k", 1, 2, 3, UINT64_MAX, 1},
    {"delete k\r\n", REQ_DELETE, "k"},
    {"delete k 0\r\n", REQ_DELETE, "k"},
    {"delete k noreply\r\n", REQ_DELETE, "k", .noreply = 1},
    {"delete k 0 noreply\r\n", REQ_DELETE, "k", .noreply = 1},
    {"delete noreply\r\n", REQ_DELETE, "noreply"},
    {"incr k 1\r\n", REQ_INCR, "k", .number = 1},
    {"incr k 18446744073709551615\r\n", REQ_INCR, "k", .number = UINT64_MAX},
    {"decr k 5 noreply\r\n", REQ_DECR, "k", .number = 5, .noreply = 1},
    {"touch k 30\r\n", REQ_TOUCH, "k", .exptime = 30},
    {"touch k -5 noreply\r\n", REQ_TOUCH, "k", .exptime = -5, .noreply = 1},
    {"flush_all\r\n", REQ_FLUSH_ALL},
    {"flush_all noreply\r\n", REQ_FLUSH_ALL, .noreply = 1},
    {"flush_all 10\r\n", REQ_FLUSH_ALL, .exptime = 10, .has_delay = 1},
    {"flush_all 10 noreply\r\n", REQ_FLUSH_ALL, .exptime = 10, .has_delay = 1, .noreply = 1},
    {"version\r\n", REQ_VERSION},
    {"verbosity 1\r\n", REQ_VERBOSITY, .number = 1},
    {"verbosity 1 noreply\r\n", REQ_VERBOSITY, .number = 1, .noreply = 1},
    {"stats\r\n", REQ_STATS},
    {"stats \r\n", REQ_STATS}, /* what PHP's client sends */
    {"stats servers\r\n", REQ_STATS, .arg = "servers"},
    {"mn\r\n", REQ_MN},
    {"quit\r\n", REQ_QUIT},
};

/* Lines that get an answer at once. */
static const struct {
	const char *line, *error;
} errors[] = {
    {"\r\n", "ERROR"},
    {"\n", "ERROR"},
    {"   \r\n", "ERROR"},
    {"g\r\n", "ERROR"},
    {"get\r\n", "ERROR"},
    {"get \r\n", "ERROR"},
    {"gets\r\n", "ERROR"},
    {"GET a\r\n", "ERROR"},
    {"getx a\r\n", "ERROR"},
    {"gat\r\n", "ERROR"},
    {"set\r\n", "ERROR"},
    {"set k 0 0\r\n", "ERROR"},
    {"set k 0 0 1 noreply x\r\n", "ERROR"},
    {"cas k 0 0 1\r\n", "ERROR"},
    {"incr k\r\n", "ERROR"},
    {"touch k\r\n", "ERROR"},
    {"delete\r\n", "ERROR"},
    {"verbosity\r\n", "ERROR"},
    {"get " K250 "k\r\n", BAD_FORMAT},
    {"get a " K250 "k b\r\n", BAD_FORMAT},
    {"set " K250 "k 0 0 1\r\n", BAD_FORMAT},
    {"delete " K250 "k\r\n", BAD_FORMAT},
    {"set k x 0 1\r\n", BAD_FORMAT},
    {"set k 0 x 1\r\n", BAD_FORMAT},
    {"set k 0 0 x\r\n", BAD_FORMAT},
    {"set k 0 0 -1\r\n", BAD_FORMAT},
    {"set k 0 0 2147483647\r\n", BAD_FORMAT},
    {"set k 0 0 99999999999999999999\r\n", BAD_FORMAT},
    {"set k 0 0 1x\r\n", BAD_FORMAT},
    {"cas k 0 0 1 x\r\n", BAD_FORMAT},
    {"incr k x\r\n", "CLIENT_ERROR invalid numeric delta argument"},
    {"incr k 18446744073709551616\r\n", "CLIENT_ERROR invalid numeric delta argument"},
    {"touch k x\r\n", "CLIENT_ERROR invalid exptime argument"},
    {"gat x k\r\n", "CLIENT_ERROR invalid exptime argument"},
    {"flush_all x\r\n", "CLIENT_ERROR invalid exptime argument"},
    {"delete k 1\r\n", "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]"},
};

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void
assert_text(const char *line, const char *p, uint32_t at, uint32_t len, const char *want)
{
	if (want == NULL)
		want = "";
	if (len != strlen(want) || memcmp(p + at, want, len) != 0)
		fail_msg("%s: '%.*s', expected '%s'", line, (int)len, p + at, want);
}

static void
assert_means(const struct sample *s, const char *p, const struct proto_req *r)
{
	if (r->cmd != s->cmd)
		fail_msg("%s: command %d, expected %d (%s)", s->line, (int)r->cmd, (int)s->cmd,
			 r->error != NULL ? r->error : "");
	assert_int_equal(r->line_len, strlen(s->line));
	assert_text(s->line, p, r->key, r->key_len, s->key);
	assert_text(s->line, p, r->arg, r->arg_len, s->arg);
	assert_int_equal(r->flags, s->flags);
	assert_int_equal(r->exptime, s->exptime);
	assert_int_equal(r->body_len, s->body_len);
	assert_int_equal(r->number, s->number);
	assert_int_equal(r->noreply, s->noreply);
	assert_int_equal(r->has_delay, s->has_delay);
}

static void
look_at_good(const char *prefix, size_t len, size_t whole, void *arg)
{
	struct proto_req r;
	enum proto_verdict v = proto_req_parse(prefix, len, &r);

	assert_int_equal(v, len == whole ? PROTO_OK : PROTO_AGAIN);
	if (len == whole)
		assert_means(arg, prefix, &r);
}

static void
test_every_prefix_of_every_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(samples); i++)
		guard_prefixes(samples[i].line, strlen(samples[i].line), look_at_good,
			       (void *)(uintptr_t)&samples[i]);
}

static void
test_what_follows_is_left_alone(void **state)
{
	char bytes[4096];
	struct proto_req r;

	(void)state;
	for (size_t i = 0; i < N(samples); i++) {
		int n = snprintf(bytes, sizeof(bytes), "%sget other\r\n", samples[i].line);
		assert_int_equal(proto_req_parse(bytes, (size_t)n, &r), PROTO_OK);
		assert_means(&samples[i], bytes, &r);
	}
}

static void
look_at_error(const char *prefix, size_t len, size_t whole, void *arg)
{
	struct proto_req r;
	enum proto_verdict v = proto_req_parse(prefix, len, &r);

	if (len < whole) {
		assert_int_equal(v, PROTO_AGAIN);
		return;
	}
	assert_int_equal(v, PROTO_OK);
	if (r.cmd != REQ_ERROR)
		fail_msg("%.*s: taken as command %d", (int)len, prefix, (int)r.cmd);
	assert_string_equal(r.error, arg);
	assert_int_equal(r.line_len, whole);
}

static void
test_every_prefix_of_every_error(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(errors); i++)
		guard_prefixes(errors[i].line, strlen(errors[i].line), look_at_error,
			       (void *)(uintptr_t)errors[i].error);
}

static void
test_administration_is_refused(void **state)
{
	static const char *const lines[] = {
	    "shutdown\r\n",	 "cache_memlimit 64\r\n",	 "slabs reassign 1 2\r\n",
	    "lru mode flat\r\n", "lru_crawler metadump all\r\n", "watch\r\n",
	    "debugtime 1\r\n"};
	struct proto_req r;

	(void)state;
	for (size_t i = 0; i < N(lines); i++) {
		assert_int_equal(proto_req_parse(lines[i], strlen(lines[i]), &r), PROTO_OK);
		assert_int_equal(r.cmd, REQ_ERROR);
		assert_memory_equal(r.error, "CLIENT_ERROR ", 13);
	}
}

static void
test_an_http_client_is_not_answered(void **state)
{
	static const struct {
		const char *line;
		enum proto_verdict verdict;
	} lines[] = {{"POST / HTTP/1.1\r\n", PROTO_BAD}, {"GET / HTTP/1.1\r\n", PROTO_BAD},
		     {"HTTP/1.1\r\n", PROTO_BAD},	 {"x1 HTTP/ \r\n", PROTO_BAD},
		     {"x1 HTTP/ y\r\n", PROTO_OK},	 {"x1 HTTP\r\n", PROTO_OK},
		     {"get HTTP/1.1\r\n", PROTO_OK},	 {"gett HTTP/1.1\r\n", PROTO_OK},
		     {"version HTTP/1.1\r\n", PROTO_OK}, {"mx HTTP/1.1\r\n", PROTO_OK}};
	struct proto_req r;

	(void)state;
	for (size_t i = 0; i < N(lines); i++)
		if (proto_req_parse(lines[i].line, strlen(lines[i].line), &r) != lines[i].verdict)
			fail_msg("%s", lines[i].line);
}

static void
test_a_nul_ends_the_line(void **state)
{
	static const char line[] = "get a\0b\r\n";
	struct proto_req r;

	(void)state;
	assert_int_equal(proto_req_parse(line, sizeof(line) - 1, &r), PROTO_OK);
	assert_int_equal(r.cmd, REQ_GET);
	assert_int_equal(r.line_len, sizeof(line) - 1);
	assert_text(line, line, r.key, r.key_len, "a");
}

/* Feeds n bytes of fill after start, without a newline. */
static enum proto_verdict
endless(const char *start, char fill, size_t n)
{
	char *bytes = malloc(n);
	struct guard g;
	struct proto_req r;
	enum proto_verdict v;

	assert_non_null(bytes);
	memset(bytes, fill, n);
	memcpy(bytes, start, strlen(start));
	guard_init(&g, n);
	v = proto_req_parse(guard_place(&g, bytes, n), n, &r);
	guard_free(&g);
	free(bytes);
	return v;
}

static void
test_a_line_has_a_bound(void **state)
{
	(void)state;
	assert_int_equal(endless("x", 'x', PROTO_LINE_MAX), PROTO_AGAIN);
	assert_int_equal(endless("x", 'x', PROTO_LINE_MAX + 1), PROTO_BAD);
	assert_int_equal(endless("set ", 'x', PROTO_LINE_MAX + 1), PROTO_BAD);
	assert_int_equal(endless(" ", ' ', PROTO_LINE_MAX + 1), PROTO_BAD);
	assert_int_equal(endless("\x80", '\x80', PROTO_LINE_MAX + 1), PROTO_BAD);
	/* A get may name many keys. */
	assert_int_equal(endless("get ", 'x', PROTO_LINE_MAX + 1), PROTO_AGAIN);
	assert_int_equal(endless("gets ", 'x', 100000), PROTO_AGAIN);
	assert_int_equal(endless("  get ", 'x', 100000), PROTO_AGAIN);
	assert_int_equal(endless("get ", 'x', PROTO_GET_LINE_MAX), PROTO_AGAIN);
	assert_int_equal(endless("get ", 'x', PROTO_GET_LINE_MAX + 1), PROTO_BAD);
	assert_int_equal(endless("getx ", 'x', PROTO_LINE_MAX + 1), PROTO_BAD);
}

static void
test_keys_one_by_one(void **state)
{
	static const char list[] = "  one two   three ";
	static const char *const want[] = {"one", "two", "three"};
	struct guard g;
	uint32_t at = 0, key, len, n = 0;
	char *p;

	(void)state;
	guard_init(&g, sizeof(list));
	p = guard_place(&g, list, sizeof(list) - 1);
	while ((len = proto_req_next_key(p, &at, sizeof(list) - 1, &key)) > 0) {
		assert_true(n < N(want));
		assert_text(list, p, key, len, want[n]);
		n++;
	}
	assert_int_equal(n, N(want));
	assert_int_equal(proto_req_next_key(p, &at, sizeof(list) - 1, &key), 0);
	guard_free(&g);
}

/* Whatever comes: offsets stay inside the line, and a verdict does not change its mind. */
static void
test_random_bytes(void **state)
{
	static const char *const words[] = {"get",
					    "set",
					    "cas",
					    "gat",
					    "delete",
					    "incr",
					    "noreply",
					    "0",
					    "-1",
					    "4294967296",
					    "18446744073709551615",
					    "k",
					    "\r",
					    "\n",
					    "\r\n",
					    " ",
					    "\0",
					    "\xff",
					    "mn",
					    "stats"};
	struct guard g;
	uint64_t seed = 42;

	(void)state;
	guard_init(&g, 4096);
	for (int round = 0; round < 200000; round++) {
		char bytes[256];
		size_t n = 0;
		struct proto_req r;
		char *p;

		for (uint64_t k = guard_random(&seed) % 12; k > 0; k--) {
			const char *w = words[guard_random(&seed) % N(words)];
			size_t len = *w == '\0' ? 1 : strlen(w);
			memcpy(bytes + n, w, len);
			n += len;
			if (guard_random(&seed) % 4 != 0)
				bytes[n++] = ' ';
		}
		p = guard_place(&g, bytes, n);
		switch (proto_req_parse(p, n, &r)) {
		case PROTO_OK:
			assert_in_range(r.line_len, 1, n);
			assert_int_equal(p[r.line_len - 1], '\n');
			if (r.cmd == REQ_ERROR) {
				assert_non_null(r.error);
			} else {
				assert_true(r.key + r.key_len < r.line_len || r.key_len == 0);
				assert_true(r.arg + r.arg_len < r.line_len || r.arg_len == 0);
			}
			break;
		case PROTO_AGAIN:
			assert_null(memchr(p, '\n', n));
			break;
		case PROTO_BAD:
			fail_msg("%zu bytes are no endless line", n);
		}
	}
	guard_free(&g);
}

/* A line with a blank before it means the same, and takes the long way through the parser. */
static void
test_the_short_way_is_the_long_way(void **state)
{
	static const char *const words[] = {"get ",
					    "set ",
					    "k",
					    "key-of-16-bytes!",
					    " 0",
					    " 1",
					    " 4294967296",
					    " -1",
					    " 2147483647",
					    " 2147483646",
					    " 00000000000000000012",
					    "\t",
					    "\r",
					    "\r\n",
					    " ",
					    "_",
					    K250,
					    "k7"};
	struct guard g;
	uint64_t seed = 7;
	unsigned plain = 0;

	(void)state;
	guard_init(&g, 4096);
	for (int round = 0; round < 200000; round++) {
		char bytes[8 * sizeof(K250)] = " ";
		size_t n = 1;
		struct proto_req r, l;
		enum proto_verdict v;

		for (unsigned k = 0; k < 6; k++) {
			const char *w = words[k == 0 ? guard_random(&seed) % 2
						     : 2 + guard_random(&seed) % (N(words) - 2)];
			memcpy(bytes + n, w, strlen(w));
			n += strlen(w);
			if (guard_random(&seed) % 4 == 0)
				break;
		}
		memcpy(bytes + n, "\r\n", 2);
		n += 2;
		v = proto_req_parse(guard_place(&g, bytes, n), n, &l);
		assert_int_equal(proto_req_parse(guard_place(&g, bytes + 1, n - 1), n - 1, &r), v);
		if (v != PROTO_OK)
			continue;
		l.line_len--;
		l.key--;
		if (r.cmd == REQ_ERROR) { /* of which nothing else is meant */
			assert_int_equal(l.cmd, REQ_ERROR);
			assert_ptr_equal(r.error, l.error);
			continue;
		}
		plain++;
		assert_memory_equal(&r, &l, sizeof(r));
	}
	assert_true(plain > 1000);
	guard_free(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_prefix_of_every_line),
	    cmocka_unit_test(test_what_follows_is_left_alone),
	    cmocka_unit_test(test_every_prefix_of_every_error),
	    cmocka_unit_test(test_administration_is_refused),
	    cmocka_unit_test(test_an_http_client_is_not_answered),
	    cmocka_unit_test(test_a_nul_ends_the_line),
	    cmocka_unit_test(test_a_line_has_a_bound),
	    cmocka_unit_test(test_keys_one_by_one),
	    cmocka_unit_test(test_the_short_way_is_the_long_way),
	    cmocka_unit_test(test_random_bytes),
	};

	return RUN(tests);
}
