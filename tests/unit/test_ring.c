/* Intent: a key has always the same homes, as magent places it, and two of them whenever it can. */
/* needs: proxy/ring.c */
#include "cm.h"

#include <stdio.h>
#include <string.h>

#include "ring.h"

static void
test_hash(void **state)
{
	(void)state;
	/* h = h * 33 + c from 5381, worked out by hand. */
	assert_int_equal(ring_hash("", 0), 5381);
	assert_int_equal(ring_hash("a", 1), 177670);
	assert_int_equal(ring_hash("ab", 2), 5863208);
	/* A byte over 127 counts as negative: 5381 * 33 - 1. */
	assert_int_equal(ring_hash("\xff", 1), 177572);
	/* 32 bits, the highest one stripped: 193485963 * 33 + 100 = 6385036879. */
	assert_int_equal(ring_hash("abc", 3), 193485963);
	assert_int_equal(ring_hash("abcd", 4), (6385036879 & 0xffffffff) & 0x7fffffff);
}

static void
test_one_pair(void **state)
{
	const struct ring r = {.n_primary = 1, .n_backup = 1, .primary = {0}, .backup = {1}};

	(void)state;
	for (int i = 0; i < 100; i++) {
		char key[16];
		struct ring_pair p;
		snprintf(key, sizeof(key), "key%d", i);
		p = ring_find(&r, key, strlen(key));
		assert_int_equal(p.primary, 0);
		assert_int_equal(p.backup, 1);
	}
}

static void
test_no_backup(void **state)
{
	const struct ring alone = {.n_primary = 1, .primary = {0}};
	const struct ring same = {.n_primary = 1, .n_backup = 1, .primary = {0}, .backup = {0}};

	(void)state;
	assert_int_equal(ring_find(&alone, "k", 1).primary, 0);
	assert_int_equal(ring_find(&alone, "k", 1).backup, RING_NONE);
	/* The only server twice is still one server. */
	assert_int_equal(ring_find(&same, "k", 1).primary, 0);
	assert_int_equal(ring_find(&same, "k", 1).backup, RING_NONE);
}

static void
test_modulo(void **state)
{
	struct ring r = {.n_primary = 3, .n_backup = 2, .primary = {0, 1, 2}, .backup = {3, 4}};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char key[16];
		uint32_t h;
		struct ring_pair p;
		snprintf(key, sizeof(key), "k%d", i);
		h = ring_hash(key, strlen(key));
		p = ring_find(&r, key, strlen(key));
		assert_int_equal(p.primary, h % 3);
		assert_int_equal(p.backup, 3 + h % 2);
	}
}

/* The same servers in both lists, in the same order: never both copies on one. */
static void
test_two_copies_never_on_one_server(void **state)
{
	struct ring r = {.n_primary = 3, .n_backup = 3, .primary = {0, 1, 2}, .backup = {0, 1, 2}};
	unsigned seen[3][3] = {{0}};

	(void)state;
	for (int i = 0; i < 3000; i++) {
		char key[16];
		struct ring_pair p;
		snprintf(key, sizeof(key), "k%d", i);
		p = ring_find(&r, key, strlen(key));
		assert_in_range(p.primary, 0, 2);
		assert_in_range(p.backup, 0, 2);
		assert_int_not_equal(p.primary, p.backup);
		seen[p.primary][p.backup]++;
	}
	/* The next one in the list takes it. */
	assert_true(seen[0][1] > 500 && seen[1][2] > 500 && seen[2][0] > 500);
}

static void
test_slots(void **state)
{
	unsigned n[8] = {0};

	(void)state;
	assert_int_equal(ring_slot("anything", 8, 1), 0);
	for (int i = 0; i < 8000; i++) {
		char key[16];
		unsigned slot;
		snprintf(key, sizeof(key), "key%d", i);
		slot = ring_slot(key, strlen(key), 8);
		assert_in_range(slot, 0, 7);
		assert_int_equal(slot, ring_slot(key, strlen(key), 8));
		n[slot]++;
	}
	for (int i = 0; i < 8; i++)
		assert_in_range(n[i], 700, 1300);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_hash),
	    cmocka_unit_test(test_one_pair),
	    cmocka_unit_test(test_no_backup),
	    cmocka_unit_test(test_modulo),
	    cmocka_unit_test(test_two_copies_never_on_one_server),
	    cmocka_unit_test(test_slots),
	};

	return RUN(tests);
}
