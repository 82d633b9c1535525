/* Intent: a number is digits and nothing else, inside its bounds, and never wraps around. */
#include "cm.h"
#include "guard.h"
#include "num.h"

typedef int (*parse_fn)(const char *, uint64_t, uint64_t, uint64_t *, const char **);

#define UNTOUCHED UINT64_C(77777)

/* Parses s against an unreadable page. */
static int
parse(parse_fn fn, const char *s, uint64_t min, uint64_t max, uint64_t *out, const char **why)
{
	struct guard g;
	int rc;

	guard_init(&g, strlen(s) + 1);
	*out = UNTOUCHED;
	*why = NULL;
	rc = fn(guard_place(&g, s, strlen(s) + 1), min, max, out, why);
	guard_free(&g);
	return rc;
}

static void
assert_good(parse_fn fn, const char *s, uint64_t want)
{
	uint64_t v;
	const char *why;

	if (parse(fn, s, 0, UINT64_MAX, &v, &why) != 0)
		fail_msg("'%s': refused: %s", s, why);
	assert_int_equal(v, want);
}

static void
assert_bad(parse_fn fn, const char *s, uint64_t min, uint64_t max, const char *want)
{
	uint64_t v;
	const char *why;

	if (parse(fn, s, min, max, &v, &why) != -1)
		fail_msg("'%s': taken as %llu", s, (unsigned long long)v);
	assert_int_equal(v, UNTOUCHED);
	assert_non_null(why);
	if (strstr(why, want) == NULL)
		fail_msg("'%s': said '%s', expected '%s'", s, why, want);
}

static void
test_plain(void **state)
{
	(void)state;
	assert_good(num_parse, "0", 0);
	assert_good(num_parse, "00012", 12);
	assert_good(num_parse, "11211", 11211);
	assert_good(num_parse, "18446744073709551615", UINT64_MAX);
}

static void
test_not_a_number(void **state)
{
	static const char *const bad[] = {"",	 " ",	" 1",  "1 ",   "+1", "-1",
					  "-0",	 "1.0", "1e3", "0x10", "1k", "one",
					  "1\t", "\n",	"1\n", "12a",  "٣"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_bad(num_parse, bad[i], 0, UINT64_MAX, "not a number");
}

static void
test_bounds(void **state)
{
	uint64_t v;
	const char *why;

	(void)state;
	assert_int_equal(parse(num_parse, "10", 10, 20, &v, &why), 0);
	assert_int_equal(v, 10);
	assert_int_equal(parse(num_parse, "20", 10, 20, &v, &why), 0);
	assert_int_equal(v, 20);
	assert_bad(num_parse, "9", 10, 20, "out of range");
	assert_bad(num_parse, "21", 10, 20, "out of range");
}

static void
test_no_wrap(void **state)
{
	(void)state;
	assert_bad(num_parse, "18446744073709551616", 0, UINT64_MAX, "out of range");
	assert_bad(num_parse, "18446744073709551617", 0, UINT64_MAX, "out of range");
	assert_bad(num_parse, "36893488147419103232", 0, UINT64_MAX, "out of range");
	assert_bad(num_parse, "99999999999999999999999999", 0, UINT64_MAX, "out of range");
}

static void
test_sizes(void **state)
{
	(void)state;
	assert_good(num_parse_size, "0", 0);
	assert_good(num_parse_size, "17", 17);
	assert_good(num_parse_size, "1k", 1024);
	assert_good(num_parse_size, "1K", 1024);
	assert_good(num_parse_size, "3m", UINT64_C(3) << 20);
	assert_good(num_parse_size, "3M", UINT64_C(3) << 20);
	assert_good(num_parse_size, "2g", UINT64_C(2) << 30);
	assert_good(num_parse_size, "2G", UINT64_C(2) << 30);
	assert_good(num_parse_size, "17179869183g", UINT64_C(17179869183) << 30);
}

static void
test_not_a_size(void **state)
{
	static const char *const bad[] = {"1kb", "1kk", "1t", "1 k", "1.5m", "1k ", "1m1", "1,0"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_bad(num_parse_size, bad[i], 0, UINT64_MAX, "not a size");
	assert_bad(num_parse_size, "", 0, UINT64_MAX, "not a number");
	assert_bad(num_parse_size, "k", 0, UINT64_MAX, "not a number");
	assert_bad(num_parse_size, "-1k", 0, UINT64_MAX, "not a number");
}

static void
test_size_bounds_are_in_bytes(void **state)
{
	(void)state;
	assert_bad(num_parse_size, "1k", 0, 1023, "out of range");
	assert_bad(num_parse_size, "1k", 1025, UINT64_MAX, "out of range");
	/* 2^64 and more once the suffix is applied. */
	assert_bad(num_parse_size, "17179869184g", 0, UINT64_MAX, "out of range");
	assert_bad(num_parse_size, "18446744073709551615k", 0, UINT64_MAX, "out of range");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_plain),
	    cmocka_unit_test(test_not_a_number),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_no_wrap),
	    cmocka_unit_test(test_sizes),
	    cmocka_unit_test(test_not_a_size),
	    cmocka_unit_test(test_size_bounds_are_in_bytes),
	};

	return RUN(tests);
}
