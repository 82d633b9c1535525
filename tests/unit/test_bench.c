/* Intent: the load generator's percentiles are true to 0.1 %, and no wrong answer passes it. */
/* needs: tests/bench/load/hist.c tests/bench/load/answer.c tests/bench/load/item.c tests/bench/load/tally.c */
#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"
#include "tests/bench/load/answer.h"
#include "tests/bench/load/hist.h"
#include "tests/bench/load/tally.h"

/* ---- hist ---- */

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
test_percentiles(void **state)
{
	enum { N = 20000 };
	static struct hist h;
	static uint64_t all[N];
	const double parts[] = {0.0001, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999, 1};
	uint64_t rng = 7;

	(void)state;
	hist_clear(&h);
	for (int i = 0; i < N; i++) {
		/* All sizes: from some ns to some minutes. */
		all[i] = guard_random(&rng) >> (64 - 1 - guard_random(&rng) % 38);
		hist_add(&h, all[i]);
	}
	qsort(all, N, sizeof(all[0]), by_size);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		uint64_t want = all[(int)(parts[i] * N + 0.5) - 1], got = hist_at(&h, parts[i]);

		if (got < want || got > want + want / 1024)
			fail_msg("%g: want %llu, got %llu", parts[i], (unsigned long long)want,
				 (unsigned long long)got);
	}
	assert_int_equal(h.n, N);
}

static void
test_percentile_edges(void **state)
{
	static struct hist h;

	(void)state;
	hist_clear(&h);
	assert_int_equal(hist_at(&h, 0.99), 0);
	hist_add(&h, 0);
	assert_int_equal(hist_at(&h, 0.5), 0);
	/* Around every bound of a bucket's width. */
	for (unsigned bit = 1; bit < 40; bit++)
		for (int by = -1; by <= 1; by++) {
			uint64_t ns = (1ull << bit) + (uint64_t)(int64_t)by;

			hist_clear(&h);
			hist_add(&h, ns);
			hist_add(&h, ns * 3);
			assert_in_range(hist_at(&h, 0.5), ns, ns + ns / 1024);
			assert_int_equal(hist_at(&h, 1), ns * 3);
		}
	hist_clear(&h);
	hist_add(&h, UINT64_MAX);
	assert_int_equal(hist_at(&h, 0.5), UINT64_MAX);
}

/* ---- answer ---- */

#define SIZE 20

static const struct items items = {.keys = 10, .key_size = 10, .value_size = SIZE, .prefix = "k-"};
static const struct op get2 = {.key = 9, .n_keys = 2, .is_get = 1}; /* and 0 */
static const struct op set1 = {.key = 3, .n_keys = 1};

static int
setup(void **state)
{
	(void)state;
	items_setup(&items);
	answer_setup(&items);
	return 0;
}

struct text {
	char bytes[1000];
	size_t len;
};

static void
add(struct text *t, const char *bytes, size_t len)
{
	memcpy(t->bytes + t->len, bytes, len);
	t->len += len;
}

static void
add_value(struct text *t, const char *head, unsigned value)
{
	add(t, head, strlen(head));
	add(t, item_value(value), SIZE);
	add(t, "\r\n", 2);
}

/* What the text does to a fresh tally, in pieces of so many bytes. */
static struct tally
judged(const struct op *op, const struct text *t, size_t piece, enum answer_verdict want)
{
	struct answer a = {0};
	enum answer_verdict v = ANSWER_MORE;
	struct guard g;
	size_t at = 0;

	memset(&tally, 0, sizeof(tally));
	guard_init(&g, sizeof(t->bytes));
	while (v == ANSWER_MORE && at < t->len) {
		size_t n = piece < t->len - at ? piece : t->len - at;
		const char *p = guard_place(&g, t->bytes + at, n), *begin = p;

		v = answer_take(&a, op, &p, begin + n);
		assert_true(p > begin && p <= begin + n);
		if (v == ANSWER_MORE)
			assert_ptr_equal(p, begin + n);
		at += (size_t)(p - begin);
	}
	guard_free(&g);
	if (v != want)
		fail_msg("verdict %d, not %d: %.*s", v, want, (int)t->len, t->bytes);
	if (want == ANSWER_DONE)
		assert_int_equal(at, t->len);
	return tally;
}

static const char head9[] = "VALUE k-00000009 0 20\r\n", head0[] = "VALUE k-00000000 0 20\r\n";

static void
test_right_answers(void **state)
{
	struct text got = {.len = 0}, stored = {.len = 0};

	(void)state;
	add_value(&got, head9, 9);
	add_value(&got, head0, 0);
	add(&got, "END\r\n", 5);
	add(&stored, "STORED\r\n", 8);
	for (size_t piece = 1; piece <= got.len; piece++) {
		struct tally t = judged(&get2, &got, piece, ANSWER_DONE);

		assert_int_equal(t.hits, 2);
		assert_int_equal(t.misses + t.wrong + t.errors, 0);
		t = judged(&set1, &stored, piece, ANSWER_DONE);
		assert_int_equal(t.misses + t.wrong + t.errors, 0);
	}
}

static void
test_misses(void **state)
{
	struct text first = {.len = 0}, last = {.len = 0}, none = {.len = 0};

	(void)state;
	add_value(&first, head9, 9);
	add(&first, "END\r\n", 5);
	add_value(&last, head0, 0);
	add(&last, "END\r\n", 5);
	add(&none, "END\r\n", 5);
	for (size_t piece = 1; piece <= first.len; piece++) {
		assert_int_equal(judged(&get2, &first, piece, ANSWER_DONE).misses, 1);
		assert_int_equal(judged(&get2, &last, piece, ANSWER_DONE).misses, 1);
		assert_int_equal(judged(&get2, &none, piece, ANSWER_DONE).misses, 2);
		assert_int_equal(tally.wrong, 0);
	}
}

/* Each byte of a value, and of the newline behind it, counts; each once. */
static void
test_wrong_bytes(void **state)
{
	struct text right = {.len = 0};

	(void)state;
	add_value(&right, head9, 9);
	add_value(&right, head0, 0);
	add(&right, "END\r\n", 5);
	for (size_t i = 0; i < SIZE + 2; i++)
		for (size_t piece = 1; piece <= 60; piece += 7) {
			struct text t = right;

			t.bytes[sizeof(head9) - 1 + i] ^= 1;
			assert_int_equal(judged(&get2, &t, piece, ANSWER_DONE).wrong, 1);
			assert_int_equal(tally.misses, 0);
		}
}

static void
test_wrong_values(void **state)
{
	struct {
		const char *head;
		unsigned value;
	} const cases[] = {
	    {head9, 8},				/* another key's value */
	    {"VALUE k-00000008 0 20\r\n", 8},	/* another key */
	    {"VALUE k-00000009 0 20 7\r\n", 9}, /* a cas that nobody asked for */
	    {"VALUE k-00000009 1 20\r\n", 9},	/* other flags */
	    {"VALUE k-0000000900 0 20\r\n", 9}, /* a longer key that begins so */
	    {"VALUE k-00000009 0 020\r\n", 9},	/* the number as nobody writes it */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t piece = 1; piece <= 60; piece += 7) {
			struct text t = {.len = 0};
			enum answer_verdict v = i == 2 ? ANSWER_NONSENSE : ANSWER_DONE;

			add_value(&t, cases[i].head, cases[i].value);
			add_value(&t, head0, 0);
			add(&t, "END\r\n", 5);
			if (judged(&get2, &t, piece, v).wrong != 1)
				fail_msg("case %zu, pieces of %zu: wrong %d", i, piece,
					 (int)tally.wrong);
		}
}

static void
test_short_value(void **state)
{
	struct text t = {.len = 0};

	(void)state;
	add(&t, "VALUE k-00000009 0 19\r\n", 23);
	add(&t, item_value(9), 19);
	add(&t, "\r\n", 2);
	add_value(&t, head0, 0);
	add(&t, "END\r\n", 5);
	for (size_t piece = 1; piece <= t.len; piece++)
		assert_int_equal(judged(&get2, &t, piece, ANSWER_DONE).wrong, 1);
}

static void
test_other_lines(void **state)
{
	struct {
		const struct op *op;
		const char *line;
		enum answer_verdict verdict;
		unsigned wrong, errors;
	} const cases[] = {
	    {&get2, "STORED\r\n", ANSWER_NONSENSE, 1, 0},
	    {&set1, "END\r\n", ANSWER_NONSENSE, 1, 0},
	    {&set1, "NOT_STORED\r\n", ANSWER_NONSENSE, 1, 0},
	    {&set1, head9, ANSWER_NONSENSE, 1, 0},
	    {&get2, "\r\n", ANSWER_NONSENSE, 1, 0},
	    {&get2, "END\n", ANSWER_NONSENSE, 1, 0},
	    {&get2, "ERROR\r\n", ANSWER_DONE, 0, 1},
	    {&set1, "SERVER_ERROR no\r\n", ANSWER_DONE, 0, 1},
	    {&get2, "CLIENT_ERROR no\r\n", ANSWER_DONE, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (size_t piece = 1; piece <= 20; piece++) {
			struct text t = {.len = 0};

			add(&t, cases[i].line, strlen(cases[i].line));
			judged(cases[i].op, &t, piece, cases[i].verdict);
			assert_int_equal(tally.wrong, cases[i].wrong);
			assert_int_equal(tally.errors, cases[i].errors);
		}
}

static void
test_no_line(void **state)
{
	struct text t = {.len = 900};

	(void)state;
	memset(t.bytes, 'x', t.len);
	for (size_t piece = 1; piece <= t.len; piece += 50)
		if (piece < ANSWER_LINE_MAX)
			assert_int_equal(judged(&get2, &t, piece, ANSWER_NONSENSE).wrong, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_percentiles),	  cmocka_unit_test(test_percentile_edges),
	    cmocka_unit_test(test_right_answers), cmocka_unit_test(test_misses),
	    cmocka_unit_test(test_wrong_bytes),	  cmocka_unit_test(test_wrong_values),
	    cmocka_unit_test(test_short_value),	  cmocka_unit_test(test_other_lines),
	    cmocka_unit_test(test_no_line),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
