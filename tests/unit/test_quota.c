/* Intent: a burst of lines of a kind passes, then so many a second; all that is held back is counted. */
#include "cm.h"

#include <stdio.h>

#include "quota.h"

static struct quota q;
static const char a[] = "a", b[] = "b";

static int
reset(void **state)
{
	(void)state;
	q = (struct quota){0};
	return 0;
}

/* How many of n lines of a kind pass at that time. */
static unsigned
pass(const void *kind, unsigned n, uint64_t now_ms)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < n; i++) {
		char text[32];
		snprintf(text, sizeof(text), "line %u", i);
		passed += (unsigned)quota_take(&q, kind, text, now_ms);
	}
	return passed;
}

static void
test_burst(void **state)
{
	(void)state;
	assert_int_equal(pass(a, QUOTA_BURST, 5), QUOTA_BURST);
	assert_int_equal(pass(a, 10, 5), 0);
	assert_int_equal(pass(b, 1, 5), 1); /* another kind has its own */
	assert_int_equal(pass(a, 10, 5 + QUOTA_MORE_MS - 1), 0);
	assert_int_equal(pass(a, 10, 5 + QUOTA_MORE_MS), 1);
	assert_int_equal(pass(a, 10, 5 + 4 * QUOTA_MORE_MS), 3);
	/* After a rest the whole burst, and no more than that. */
	assert_int_equal(pass(a, 1000, 5 + 10000 * QUOTA_MORE_MS), QUOTA_BURST);
}

static void
test_held_is_told(void **state)
{
	struct quota_kind *k;

	(void)state;
	pass(a, QUOTA_BURST + 7, 100);
	pass(b, 2, 100);
	assert_null(quota_due(&q, 0, 100)); /* it may not speak yet */
	k = quota_due(&q, 0, 100 + QUOTA_MORE_MS);
	assert_non_null(k);
	assert_ptr_equal(k->kind, a);
	assert_int_equal(k->held, 7);
	assert_int_equal(k->held_ms, 100);
	assert_string_equal(k->sample, "line 66");
	quota_told(&q, k);
	assert_int_equal(q.held, 0);
	assert_null(quota_due(&q, 0, 100 + QUOTA_MORE_MS));
	/* That it was told has cost it what it had earned. */
	assert_int_equal(pass(a, 1, 100 + QUOTA_MORE_MS), 0);
}

static void
test_end_tells_all(void **state)
{
	struct quota_kind *k;
	uint64_t held = 0;

	(void)state;
	pass(a, QUOTA_BURST + 1, 0);
	pass(b, QUOTA_BURST + 2, 0);
	while ((k = quota_due(&q, 1, 0)) != NULL) {
		held += k->held;
		quota_told(&q, k);
	}
	assert_int_equal(held, 3);
}

/* More kinds than the table holds: the quietest makes room, the busy ones keep their count. */
static void
test_table_is_bounded(void **state)
{
	static char kinds[2 * QUOTA_KINDS];

	(void)state;
	pass(a, QUOTA_BURST + 5, 0);
	for (unsigned i = 0; i < sizeof(kinds); i++) {
		assert_int_equal(pass(a, 1, 1 + i), 0);
		assert_int_equal(pass(&kinds[i], 1, 1 + i), 1);
	}
	assert_int_equal(q.held, 5 + sizeof(kinds));
	for (unsigned i = 0; i < sizeof(kinds); i++)
		pass(&kinds[i], 1, 1000);
	assert_int_equal(q.held, 0); /* a has made room at last */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_burst, reset),
	    cmocka_unit_test_setup(test_held_is_told, reset),
	    cmocka_unit_test_setup(test_end_tells_all, reset),
	    cmocka_unit_test_setup(test_table_is_bounded, reset),
	};

	return RUN(tests);
}
