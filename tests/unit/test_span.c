/* Intent: a length of time is said in two units at most, each rounded down. */
#include "cm.h"

#include "span.h"

static void
test_words(void **state)
{
	static const struct {
		uint64_t ms;
		const char *text;
	} cases[] = {
	    {0, "0 ms"},
	    {999, "999 ms"},
	    {1000, "1 s"},
	    {59999, "59 s"},
	    {60000, "1 min 0 s"},
	    {3599999, "59 min 59 s"},
	    {3 * 3600000 + 2 * 60000 + 59999, "3 h 2 min"},
	    {86400000, "1 d 0 h"},
	    {UINT64_C(400) * 86400000 + 23 * 3600000, "400 d 23 h"},
	    {UINT64_MAX, "213503982334 d 14 h"},
	};
	char out[SPAN_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(span_text(out, cases[i].ms), cases[i].text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_words),
	};

	return RUN(tests);
}
