/* Intent: a set of keys holds each once, in the order in which they came, within its limit. */
/* needs: proxy/dirty.c proxy/ring.c proxy/ketama.c proxy/md5.c */
#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dirty.h"
#include "guard.h"

#define LIMIT (64u << 20)

static void
add(struct dirty *d, const char *key)
{
	dirty_add(d, key, strlen(key));
}

/* The next key, as text; "" when there is none. */
static const char *
take(struct dirty *d)
{
	static char key[251];
	size_t len = dirty_take(d, key);

	key[len] = '\0';
	return key;
}

static void
test_each_key_once_in_order(void **state)
{
	struct dirty d;
	char key[250];

	(void)state;
	dirty_init(&d, LIMIT);
	assert_int_equal(dirty_take(&d, key), 0);
	add(&d, "one");
	add(&d, "two");
	add(&d, "one");
	add(&d, "three");
	add(&d, "two");
	assert_int_equal(dirty_count(&d), 3);
	assert_string_equal(take(&d), "one");
	assert_string_equal(take(&d), "two");
	assert_int_equal(dirty_count(&d), 1);
	/* What was taken is news again. */
	add(&d, "one");
	add(&d, "three");
	assert_int_equal(dirty_count(&d), 2);
	assert_string_equal(take(&d), "three");
	assert_string_equal(take(&d), "one");
	assert_string_equal(take(&d), "");
	assert_int_equal(dirty_count(&d), 0);
	dirty_clear(&d);
}

/* Keys are bytes; the longest has 250. */
static void
test_odd_keys(void **state)
{
	struct dirty d;
	char longest[250], key[250];

	(void)state;
	memset(longest, 0xff, sizeof(longest));
	dirty_init(&d, LIMIT);
	dirty_add(&d, longest, sizeof(longest));
	dirty_add(&d, longest, sizeof(longest) - 1);
	dirty_add(&d, "\x80", 1);
	dirty_add(&d, longest, sizeof(longest));
	assert_int_equal(dirty_count(&d), 3);
	assert_int_equal(dirty_take(&d, key), 250);
	assert_memory_equal(key, longest, 250);
	assert_int_equal(dirty_take(&d, key), 249);
	assert_int_equal(dirty_take(&d, key), 1);
	assert_memory_equal(key, "\x80", 1);
	dirty_clear(&d);
}

static void
test_going_through_takes_nothing(void **state)
{
	struct dirty d;
	const char *key;
	uint32_t at = 0;

	(void)state;
	dirty_init(&d, LIMIT);
	assert_int_equal(dirty_each(&d, &at, &key), 0);
	add(&d, "a");
	add(&d, "bb");
	add(&d, "ccc");
	take(&d);
	at = 0;
	assert_int_equal(dirty_each(&d, &at, &key), 2);
	assert_memory_equal(key, "bb", 2);
	/* One that comes meanwhile is seen too. */
	add(&d, "dddd");
	assert_int_equal(dirty_each(&d, &at, &key), 3);
	assert_int_equal(dirty_each(&d, &at, &key), 4);
	assert_memory_equal(key, "dddd", 4);
	assert_int_equal(dirty_each(&d, &at, &key), 0);
	assert_int_equal(dirty_count(&d), 3);
	dirty_clear(&d);
}

static void
test_the_limit(void **state)
{
	struct dirty d;
	char key[32];
	int n = 0;

	(void)state;
	dirty_init(&d, 64 << 10);
	while (!d.overflow && n < 1000000) {
		snprintf(key, sizeof(key), "key-%08d", n++);
		add(&d, key);
		assert_true(d.cap + (size_t)d.n_slots * sizeof(*d.slots) <= 64 << 10);
	}
	assert_int_equal(d.overflow, 1);
	assert_in_range(n, 1000,
			8000); /* 13 bytes a key and its slots: not after a few, not never */
	/* It is not a shorter list, but none: nobody may take it for the whole. */
	assert_int_equal(dirty_count(&d), 0);
	assert_string_equal(take(&d), "");
	add(&d, "more");
	assert_int_equal(dirty_count(&d), 0);
	dirty_clear(&d);
	assert_int_equal(d.overflow, 0);
	add(&d, "more");
	assert_int_equal(dirty_count(&d), 1);
	dirty_give_up(&d);
	assert_int_equal(d.overflow, 1);
	assert_int_equal(dirty_count(&d), 0);
	dirty_clear(&d);
}

/* A limit that holds not even one key, or that is larger than offsets can be. */
static void
test_odd_limits(void **state)
{
	struct dirty d;

	(void)state;
	dirty_init(&d, 1);
	add(&d, "k");
	assert_int_equal(d.overflow, 1);
	dirty_clear(&d);
	dirty_init(&d, SIZE_MAX);
	add(&d, "k");
	assert_int_equal(d.overflow, 0);
	assert_string_equal(take(&d), "k");
	dirty_clear(&d);
}

/* A list that is always refilled does not grow for ever. */
static void
test_a_list_that_never_gets_empty(void **state)
{
	struct dirty d;
	char key[32];

	(void)state;
	dirty_init(&d, 1 << 20);
	add(&d, "first");
	for (int i = 0; i < 200000; i++) {
		snprintf(key, sizeof(key), "key-%08d", i);
		add(&d, key);
		take(&d);
		assert_int_equal(dirty_count(&d), 1);
	}
	assert_int_equal(d.overflow, 0);
	dirty_clear(&d);
}

/* Beside a plain model: the same keys, in the same order. */
static void
test_random_sessions(void **state)
{
	enum { KEYS = 300, QUEUE = 1 << 16 };
	static char in[KEYS];
	static int queue[QUEUE];
	uint64_t seed = 11;

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct dirty d;
		unsigned head = 0, tail = 0;

		dirty_init(&d, LIMIT);
		memset(in, 0, sizeof(in));
		for (int i = 0; i < 30000; i++) {
			char key[32], got[250];
			size_t len;

			/* Phases in which it grows, and others in which it shrinks. */
			if (guard_random(&seed) % 10 < ((i / 1000) % 2 ? 3u : 7u)) {
				int k = (int)(guard_random(&seed) % KEYS);
				len = (size_t)snprintf(key, sizeof(key), "k%0*d", 1 + k % 20, k);
				dirty_add(&d, key, len);
				if (!in[k])
					queue[tail++] = k;
				in[k] = 1;
			} else {
				len = dirty_take(&d, got);
				if (head == tail) {
					assert_int_equal(len, 0);
				} else {
					int k = queue[head++];
					size_t n = (size_t)snprintf(key, sizeof(key), "k%0*d",
								    1 + k % 20, k);
					assert_int_equal(len, n);
					assert_memory_equal(got, key, n);
					in[k] = 0;
				}
			}
			assert_int_equal(dirty_count(&d), tail - head);
		}
		dirty_clear(&d);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_key_once_in_order),
	    cmocka_unit_test(test_odd_keys),
	    cmocka_unit_test(test_going_through_takes_nothing),
	    cmocka_unit_test(test_the_limit),
	    cmocka_unit_test(test_odd_limits),
	    cmocka_unit_test(test_a_list_that_never_gets_empty),
	    cmocka_unit_test(test_random_sessions),
	};

	return RUN(tests);
}
