/* Intent: a node that failed with the VIP stays down 5 s, doubling to 60, and never for good. */
/* needs: vip-check/holddown.c */
#include "cm.h"
#include "guard.h"
#include "holddown.h"

#define BOOT "11111111-2222-3333-4444-555555555555"
#define T0   UINT64_C(1000000)

static void
a_clean_record_is_free(void **state)
{
	struct holddown h = {0};

	(void)state;
	assert_int_equal(holddown_judge(&h, T0), HOLDDOWN_FREE);
}

static void
a_failure_holds_for_five_seconds_and_longer_while_the_peer_serves(void **state)
{
	struct holddown h = {0};

	(void)state;
	holddown_failed(&h, T0);
	assert_int_equal(holddown_judge(&h, T0), HOLDDOWN_HELD);
	assert_int_equal(holddown_judge(&h, T0 + 4999), HOLDDOWN_HELD);
	assert_int_equal(holddown_judge(&h, T0 + 5000), HOLDDOWN_WHILE_PEER_SERVES);
	assert_int_equal(holddown_judge(&h, T0 + 59999), HOLDDOWN_WHILE_PEER_SERVES);
	assert_int_equal(holddown_judge(&h, T0 + 60000), HOLDDOWN_FREE);
}

static void
failures_in_a_row_are_one(void **state)
{
	struct holddown h = {0};

	(void)state;
	holddown_failed(&h, T0);
	holddown_failed(&h, T0 + 1000);
	holddown_failed(&h, T0 + 2000);
	assert_int_equal(h.fails, 1);
	assert_int_equal(holddown_judge(&h, T0 + 6999), HOLDDOWN_HELD);
	assert_int_equal(holddown_judge(&h, T0 + 7000), HOLDDOWN_WHILE_PEER_SERVES);
}

static void
the_next_times_double_up_to_sixty_seconds(void **state)
{
	static const uint64_t want_ms[] = {5000, 10000, 20000, 40000, 60000, 60000, 60000};
	struct holddown h = {0};
	uint64_t now = T0;

	(void)state;
	for (size_t i = 0; i < sizeof(want_ms) / sizeof(want_ms[0]); i++) {
		holddown_failed(&h, now);
		assert_int_equal(h.until_ms - now, want_ms[i]);
		now = h.until_ms;
	}
	/* However often: the shift must not run out of bits. */
	h.fails = UINT64_MAX - 1;
	holddown_failed(&h, now);
	assert_int_equal(h.until_ms - now, 60000);
}

static void
an_answer_frees_at_once_but_is_not_forgotten(void **state)
{
	struct holddown h = {0};

	(void)state;
	holddown_failed(&h, T0);
	holddown_answered(&h, T0 + 100);
	assert_int_equal(holddown_judge(&h, T0 + 100), HOLDDOWN_FREE);
	holddown_failed(&h, T0 + 2000);
	assert_int_equal(h.until_ms, T0 + 2000 + 10000);
	holddown_answered(&h, T0 + 2000 + HOLDDOWN_FORGET_MS);
	assert_int_equal(h.fails, 0);
}

static void
what_is_written_is_read_back(void **state)
{
	struct holddown h = {0}, back;
	char text[HOLDDOWN_TEXT_MAX];

	(void)state;
	holddown_failed(&h, T0);
	holddown_format(&h, BOOT, text);
	holddown_parse(&back, text, BOOT, T0 + 10);
	assert_memory_equal(&h, &back, sizeof(h));
}

static void
another_boot_a_later_time_and_an_old_record_count_for_nothing(void **state)
{
	struct holddown h = {0}, back;
	char text[HOLDDOWN_TEXT_MAX];

	(void)state;
	holddown_failed(&h, T0);
	holddown_format(&h, BOOT, text);
	holddown_parse(&back, text, "other", T0);
	assert_int_equal(back.fails, 0);
	holddown_parse(&back, text, BOOT, T0 - 1);
	assert_int_equal(back.fails, 0);
	holddown_parse(&back, text, BOOT, T0 + HOLDDOWN_FORGET_MS);
	assert_int_equal(back.fails, 0);
}

/* No file can hold a node down for longer than a minute. */
static void
never_longer_than_a_minute(const char *text)
{
	struct holddown h;

	holddown_parse(&h, text, BOOT, T0);
	assert_int_equal(holddown_judge(&h, T0 + HOLDDOWN_MAX_MS), HOLDDOWN_FREE);
}

static void
a_prefix(const char *prefix, size_t len, size_t whole, void *arg)
{
	char text[HOLDDOWN_TEXT_MAX];

	(void)whole;
	(void)arg;
	memcpy(text, prefix, len);
	text[len] = '\0';
	never_longer_than_a_minute(text);
}

static void
damaged_files_hold_nobody_down(void **state)
{
	static const char *const bad[] = {
	    "",
	    "\n",
	    "fails",
	    "fails x",
	    "fails 1\nfailed_boottime_ms 1\nuntil_boottime_ms 99999999999999999999999999\n"
	    "peer_until_boottime_ms 1\nboot_id " BOOT "\n",
	    "fails 1\nfailed_boottime_ms 999000\nuntil_boottime_ms 9999999999999\n"
	    "peer_until_boottime_ms 1\nboot_id " BOOT "\n",
	    "fails 1\nfailed_boottime_ms 999000\nuntil_boottime_ms 1\n"
	    "peer_until_boottime_ms 9999999999999\nboot_id " BOOT "\n"};
	struct holddown h = {0};
	char text[HOLDDOWN_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		never_longer_than_a_minute(bad[i]);
	holddown_failed(&h, T0);
	holddown_format(&h, BOOT, text);
	guard_prefixes(text, strlen(text), a_prefix, NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_clean_record_is_free),
	    cmocka_unit_test(a_failure_holds_for_five_seconds_and_longer_while_the_peer_serves),
	    cmocka_unit_test(failures_in_a_row_are_one),
	    cmocka_unit_test(the_next_times_double_up_to_sixty_seconds),
	    cmocka_unit_test(an_answer_frees_at_once_but_is_not_forgotten),
	    cmocka_unit_test(what_is_written_is_read_back),
	    cmocka_unit_test(another_boot_a_later_time_and_an_old_record_count_for_nothing),
	    cmocka_unit_test(damaged_files_hold_nobody_down),
	};

	return RUN(tests);
}
