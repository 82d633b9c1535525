/* Intent: a marker says what was written, and what is none of ours is not taken for one. */
/* needs: proxy/marker.c */
#include "cm.h"

#include <stdio.h>
#include <string.h>

#include "guard.h"
#include "marker.h"

#define N(array) (sizeof(array) / sizeof((array)[0]))

static void
test_what_is_written_is_read(void **state)
{
	static const struct marker samples[] = {
	    {.owner = "10.0.0.1:11211",
	     .epoch = 1,
	     .session = 1,
	     .self = "a:1",
	     .current = "a:1,b:2"},
	    {.owner = "n",
	     .epoch = UINT64_C(999999999999999999),
	     .session = UINT64_MAX,
	     .clean = 1,
	     .placement = UINT64_MAX,
	     .sweeping = 1,
	     .self = "[fe80::1]:11211",
	     .current = "[fe80::1]:11211"},
	    {.owner = "/run/memvip.sock", .self = "x", .current = ""},
	};

	(void)state;
	for (size_t i = 0; i < N(samples); i++) {
		struct marker m = samples[i], r;
		char text[MARKER_TEXT_MAX];
		size_t n;

		m.current_len = strlen(m.current);
		n = marker_write(text, &m);
		assert_in_range(n, 10, sizeof(text) - 1);
		memset(&r, 0xaa, sizeof(r));
		assert_int_equal(marker_read(&r, text, n), 0);
		assert_string_equal(r.owner, m.owner);
		assert_int_equal(r.epoch, m.epoch);
		assert_int_equal(r.session, m.session);
		assert_int_equal(r.clean, m.clean);
		assert_int_equal(r.placement, m.placement);
		assert_int_equal(r.sweeping, m.sweeping);
		assert_string_equal(r.self, m.self);
		assert_int_equal(r.current_len, m.current_len);
		assert_memory_equal(r.current, m.current, m.current_len);
	}
}

/* The text is an interface between versions, and between the two nodes. */
static void
test_its_form(void **state)
{
	struct marker m = {.owner = "vip:11211",
			   .epoch = 17,
			   .session = 0xabc,
			   .self = "a:1",
			   .current = "a:1,b:2",
			   .current_len = 7};
	char text[MARKER_TEXT_MAX];

	(void)state;
	text[marker_write(text, &m)] = '\0';
	assert_string_equal(
	    text, "memvip 1 vip:11211 17 0000000000000abc open 0000000000000000 swept a:1 a:1,b:2");
	m.clean = 1;
	m.placement = 0xff;
	m.sweeping = 1;
	text[marker_write(text, &m)] = '\0';
	assert_string_equal(
	    text,
	    "memvip 1 vip:11211 17 0000000000000abc clean 00000000000000ff sweeping a:1 a:1,b:2");
}

static void
test_what_is_none(void **state)
{
	static const char *const texts[] = {
	    "",
	    "memvip",
	    "memvip 1",
	    "memvip 1 ",
	    "memvip 2 n 1 1 open 1 swept a a",
	    "MEMVIP 1 n 1 1 open 1 swept a a",
	    "memvip 1 n",
	    "memvip 1 n 1",
	    "memvip 1 n 1 1",
	    "memvip 1 n 1 1 open",
	    "memvip 1 n 1 1 opened 1 swept a a",
	    "memvip 1 n 1 1 Clean 1 swept a a",
	    "memvip 1 n x 1 open 1 swept a a",
	    "memvip 1 n -1 1 open 1 swept a a",
	    "memvip 1 n  1 open 1 swept a a",
	    "memvip 1  1 1 open 1 swept a a",
	    "memvip 1 n 1 xyz open 1 swept a a",
	    "memvip 1 n 1 1  1 swept a a",
	    "memvip 1 n 99999999999999999999 1 open 1 swept a a",
	    "memvip 1 n 1000000000000000000 1 open 1 swept a a",
	    "memvip 1 n 1 10000000000000000 open 1 swept a a",
	    "a client's own value",
	};
	char longest[MARKER_NAME_MAX + 64];
	struct marker m;

	(void)state;
	for (size_t i = 0; i < N(texts); i++)
		if (marker_read(&m, texts[i], strlen(texts[i])) != -1)
			fail_msg("taken for a marker: %s", texts[i]);
	for (int len = MARKER_NAME_MAX - 1; len <= MARKER_NAME_MAX; len++) {
		int n = snprintf(longest, sizeof(longest), "memvip 1 %0*d 1 1 open 1 swept a a",
				 len, 7);
		assert_int_equal(marker_read(&m, longest, (size_t)n),
				 len < MARKER_NAME_MAX ? 0 : -1);
	}
}

/* The last byte may be cut, changed, anything: nothing past the end is touched. */
static void
look(const char *prefix, size_t len, size_t whole, void *arg)
{
	struct marker m;

	(void)arg;
	if (marker_read(&m, prefix, len) == 0) {
		assert_true(m.current_len <= len);
		assert_true(strlen(m.owner) < MARKER_NAME_MAX);
		marker_names(&m, "b:2");
	}
	if (len == whole)
		assert_int_equal(marker_read(&m, prefix, len), 0);
}

static void
test_every_prefix(void **state)
{
	static const char text[] = "memvip 1 vip:11211 17 abc open 1f sweeping a:1 a:1,b:2";
	struct guard g;
	uint64_t seed = 5;

	(void)state;
	guard_prefixes(text, sizeof(text) - 1, look, NULL);
	guard_init(&g, 4096);
	for (int i = 0; i < 100000; i++) {
		char *p = guard_place(&g, text, sizeof(text) - 1);
		struct marker m;

		p[guard_random(&seed) % (sizeof(text) - 1)] = (char)guard_random(&seed);
		if (marker_read(&m, p, sizeof(text) - 1) == 0)
			marker_names(&m, "b:2");
	}
	guard_free(&g);
}

static void
test_names(void **state)
{
	struct marker m = {.current = "a:1,bb:22,[::1]:3"};

	(void)state;
	m.current_len = strlen(m.current);
	assert_true(marker_names(&m, "a:1"));
	assert_true(marker_names(&m, "bb:22"));
	assert_true(marker_names(&m, "[::1]:3"));
	assert_false(marker_names(&m, "a:"));
	assert_false(marker_names(&m, "a:11"));
	assert_false(marker_names(&m, "b:22"));
	assert_false(marker_names(&m, "a:1,bb:22"));
	assert_false(marker_names(&m, ""));
	m.current_len = 0;
	assert_false(marker_names(&m, "a:1"));
}

static void
test_reserved_keys(void **state)
{
	(void)state;
	assert_true(marker_is_key("__memvip__", 10));
	assert_true(marker_is_key("__memvip_lease__", 16));
	assert_true(marker_is_key("__memvip_ports__", 16));
	assert_false(marker_is_key("__memvip_other__", 16));
	assert_false(marker_is_key("__memvip_", 9));
	assert_false(marker_is_key("__memvip__x", 11));
	assert_false(marker_is_key("x__memvip__", 11));
	assert_false(marker_is_key("__MEMVIP__", 10));
	assert_false(marker_is_key("__memvip_lease_", 15));
	assert_false(marker_is_key("", 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_written_is_read),
	    cmocka_unit_test(test_its_form),
	    cmocka_unit_test(test_what_is_none),
	    cmocka_unit_test(test_every_prefix),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_reserved_keys),
	};

	return RUN(tests);
}
