/* Intent: each time falls into the bucket that its upper end names, the end itself included. */
/* needs: */
#include "cm.h"

#include "stats.h"

/* The bucket of one time. */
static unsigned
bucket(uint64_t us)
{
	struct stats_latency l = {{0}, 0};
	unsigned at = STATS_LATENCY_BUCKETS;

	stats_latency_add(&l, us);
	assert_int_equal(l.sum_us, us);
	for (unsigned i = 0; i < STATS_LATENCY_BUCKETS; i++)
		if (l.count[i] != 0) {
			assert_int_equal(l.count[i], 1);
			assert_int_equal(at, STATS_LATENCY_BUCKETS);
			at = i;
		}
	return at;
}

static void
test_buckets(void **state)
{
	(void)state;
	assert_int_equal(bucket(0), 0);
	assert_int_equal(bucket(1), 0);
	for (unsigned i = 0; i + STATS_LATENCY_FIRST_BIT < 64; i++) {
		uint64_t end = UINT64_C(1) << (i + STATS_LATENCY_FIRST_BIT);

		assert_int_equal(bucket(end - 1), i);
		assert_int_equal(bucket(end), i);
		assert_int_equal(bucket(end + 1), i + 1);
	}
	assert_int_equal(bucket(UINT64_MAX), STATS_LATENCY_BUCKETS - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_buckets)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
