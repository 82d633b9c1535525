/* Intent: a fill is told only of keys that it has seen itself, of nearly all of them, and of none as seen by chance. */
/* needs: proxy/seen.c */
#include "cm.h"

#include <stdio.h>
#include <string.h>

#include "seen.h"

#define KEYS 1000000

static void
each_key(uint64_t fill, void (*what)(uint64_t fill, const char *key, size_t len))
{
	char key[32];

	for (int i = 0; i < KEYS; i++)
		what(fill, key, (size_t)snprintf(key, sizeof(key), "key-%07d", i));
}

static unsigned n_seen;

static void
count(uint64_t fill, const char *key, size_t len)
{
	n_seen += seen_has(fill, key, len) != 0;
}

static unsigned
seen_of(uint64_t fill)
{
	n_seen = 0;
	each_key(fill, count);
	return n_seen;
}

static void
test_its_own_keys(void **state)
{
	uint64_t a = seen_begin(), b = seen_begin();

	(void)state;
	assert_int_not_equal(a, b);
	assert_int_equal(seen_of(a), 0);
	each_key(a, seen_add);
	assert_in_range(seen_of(a), KEYS - KEYS / 50, KEYS);
	assert_int_equal(seen_of(b), 0);
	seen_end();
	seen_end();
}

static void
test_forgotten(void **state)
{
	uint64_t a = seen_begin();

	(void)state;
	seen_add(a, "one", 3);
	seen_add(a, "one", 3);
	seen_add(a, "two", 3);
	seen_forget(a, "one", 3);
	seen_forget(a, "three", 5);
	assert_false(seen_has(a, "one", 3));
	assert_true(seen_has(a, "two", 3));
	seen_end();
}

/* Far more than there is room for: some are remembered, none is made up. */
static void
test_too_many(void **state)
{
	uint64_t a = seen_begin();

	(void)state;
	for (uint64_t i = 0; i < 4000000; i++)
		seen_add(a, (const char *)&i, sizeof(i));
	assert_int_equal(seen_of(a), 0);
	each_key(a, seen_add);
	assert_in_range(seen_of(a), KEYS / 2, KEYS);
	seen_end();
}

/* The one after the last has nothing of the one before. */
static void
test_ended(void **state)
{
	uint64_t a = seen_begin(), b;

	(void)state;
	seen_add(a, "one", 3);
	seen_end();
	b = seen_begin();
	assert_false(seen_has(a, "one", 3));
	assert_false(seen_has(b, "one", 3));
	seen_add(b, "one", 3);
	assert_true(seen_has(b, "one", 3));
	seen_end();
	seen_add(b, "one", 3); /* nothing is filled: nothing is kept */
	assert_false(seen_has(b, "one", 3));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_its_own_keys),
	    cmocka_unit_test(test_forgotten),
	    cmocka_unit_test(test_too_many),
	    cmocka_unit_test(test_ended),
	};

	return RUN(tests);
}
