/* Intent: the last changes of state are kept, the oldest first, and no text is too long. */
/* needs: proxy/history.c */
#include "cm.h"

#include <stdio.h>
#include <string.h>

#include "history.h"

static void
test_ring(void **state)
{
	char name[16];

	(void)state;
	assert_int_equal(history_count(), 0);
	history_add("a:1", "down", "current", NULL);
	assert_int_equal(history_count(), 1);
	assert_string_equal(history_at(0)->server, "a:1");
	assert_string_equal(history_at(0)->from, "down");
	assert_string_equal(history_at(0)->to, "current");
	assert_string_equal(history_at(0)->why, "");
	assert_true(history_at(0)->unix_ms > 1500000000000u);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		history_add(name, "x", "y", "why not");
	}
	assert_int_equal(history_count(), HISTORY_MAX);
	for (unsigned i = 0; i < HISTORY_MAX; i++) {
		snprintf(name, sizeof(name), "s%u", 100 - HISTORY_MAX + i);
		assert_string_equal(history_at(i)->server, name);
	}
}

static void
test_long(void **state)
{
	char text[1000];
	const struct history *h;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	history_add(text, "x", "y", text);
	h = history_at(history_count() - 1);
	assert_int_equal(strlen(h->server), sizeof(h->server) - 1);
	assert_int_equal(strlen(h->why), sizeof(h->why) - 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ring),
					   cmocka_unit_test(test_long)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
