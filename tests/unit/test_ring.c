/* Intent: a key has always the same homes, as magent places it, and two of them whenever it can. */
/* needs: proxy/ring.c proxy/ketama.c proxy/md5.c */
#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

/* The homes of key number i, which is left in key. */
static struct ring_pair
homes(const struct ring *r, int i, char key[16])
{
	snprintf(key, 16, "k%d", i);
	return ring_find(r, key, strlen(key));
}

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
		struct ring_pair p = homes(&r, i, key);
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
		struct ring_pair p = homes(&r, i, key);
		uint32_t h = ring_hash(key, strlen(key));
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
		struct ring_pair p = homes(&r, i, key);
		assert_in_range(p.primary, 0, 2);
		assert_in_range(p.backup, 0, 2);
		assert_int_not_equal(p.primary, p.backup);
		seen[p.primary][p.backup]++;
	}
	/* The next one in the list takes it. */
	assert_true(seen[0][1] > 500 && seen[1][2] > 500 && seen[2][0] > 500);
}

/* One backup that is the primary of some keys: the keys of the others have two copies. */
static void
test_one_backup_that_is_a_primary_too(void **state)
{
	struct ring r = {.n_primary = 2, .n_backup = 1, .primary = {0, 1}, .backup = {0}};

	(void)state;
	for (int i = 0; i < 1000; i++) {
		char key[16];
		struct ring_pair p = homes(&r, i, key);
		assert_int_equal(p.backup, p.primary == 0 ? RING_NONE : 0);
	}
}

static const struct ketama_server three[] = {{"a", 11211, 1}, {"b", 11211, 1}, {"c", 11211, 2}};

/* Each list is a circle of its own. */
static void
test_ketama(void **state)
{
	struct ring r = {.n_primary = 3, .n_backup = 2, .primary = {0, 1, 2}, .backup = {3, 4}};

	(void)state;
	r.primary_circle = ketama_new(three, 3);
	r.backup_circle = ketama_new(three + 1, 2);
	assert_true(r.primary_circle != NULL && r.backup_circle != NULL);
	for (int i = 0; i < 1000; i++) {
		char key[16];
		struct ring_pair p = homes(&r, i, key);
		uint32_t h = ketama_hash(key, strlen(key));
		assert_int_equal(p.primary, ketama_find(r.primary_circle, h)->server);
		assert_int_equal(p.backup, 3 + ketama_find(r.backup_circle, h)->server);
	}
	/* A list of one has no circle; its neighbour's does not care. */
	r.n_backup = 1;
	free(r.backup_circle);
	r.backup_circle = NULL;
	for (int i = 0; i < 100; i++) {
		char key[16];
		struct ring_pair p = homes(&r, i, key);
		assert_int_equal(p.backup, 3);
	}
	free(r.primary_circle);
}

/* The same servers in both lists, in another order: the next one round the circle takes it. */
static void
test_ketama_two_copies_never_on_one_server(void **state)
{
	struct ring r = {.n_primary = 3, .n_backup = 3, .primary = {0, 1, 2}, .backup = {2, 0, 1}};
	const struct ketama_server turned[] = {three[2], three[0], three[1]};
	unsigned seen[3][3] = {{0}};

	(void)state;
	r.primary_circle = ketama_new(three, 3);
	r.backup_circle = ketama_new(turned, 3);
	assert_true(r.primary_circle != NULL && r.backup_circle != NULL);
	for (int i = 0; i < 3000; i++) {
		char key[16];
		struct ring_pair p = homes(&r, i, key);
		const struct ketama_point *point;
		assert_in_range(p.primary, 0, 2);
		assert_in_range(p.backup, 0, 2);
		assert_int_not_equal(p.primary, p.backup);
		point = ketama_find(r.primary_circle, ketama_hash(key, strlen(key)));
		assert_int_equal(p.backup, point->other);
		seen[p.primary][p.backup]++;
	}
	/* A lost server's keys are spread over all that stay. */
	for (int i = 0; i < 3; i++)
		for (int k = 0; k < 3; k++)
			assert_true(i == k ? seen[i][k] == 0 : seen[i][k] > 100);
	free(r.primary_circle);
	free(r.backup_circle);
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
	    cmocka_unit_test(test_one_backup_that_is_a_primary_too),
	    cmocka_unit_test(test_ketama),
	    cmocka_unit_test(test_ketama_two_copies_never_on_one_server),
	    cmocka_unit_test(test_slots),
	};

	return RUN(tests);
}
