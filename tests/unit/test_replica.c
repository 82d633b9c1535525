/* Intent: a server is served from only after it has proven itself, and its retries back off. */
/* needs: proxy/replica.c proxy/history.c */
#include "cm.h"

#include <string.h>

#include "log.h"
#include "replica.h"

static const enum replica_event all_events[] = {
    REPLICA_EV_TRY,	REPLICA_EV_READY,     REPLICA_EV_FENCED,
    REPLICA_EV_TRUSTED, REPLICA_EV_SUSPECTED, REPLICA_EV_EMPTIED,
    REPLICA_EV_FILLED,	REPLICA_EV_BEHIND,    REPLICA_EV_LOST};

/* The whole table; what is not named changes nothing. */
static const struct {
	enum replica_state from;
	enum replica_event ev;
	enum replica_state to;
	enum replica_action action;
} moves[] = {
    {REPLICA_DOWN, REPLICA_EV_TRY, REPLICA_CONNECTING, REPLICA_DO_CONNECT},
    {REPLICA_CONNECTING, REPLICA_EV_READY, REPLICA_FENCING, REPLICA_DO_FENCE},
    {REPLICA_CONNECTING, REPLICA_EV_LOST, REPLICA_DOWN, REPLICA_DO_RETRY},
    {REPLICA_FENCING, REPLICA_EV_FENCED, REPLICA_PROVING, REPLICA_DO_PROVE},
    {REPLICA_FENCING, REPLICA_EV_LOST, REPLICA_DOWN, REPLICA_DO_RETRY},
    {REPLICA_PROVING, REPLICA_EV_TRUSTED, REPLICA_CURRENT, REPLICA_DO_NOTHING},
    {REPLICA_PROVING, REPLICA_EV_EMPTIED, REPLICA_FILLING, REPLICA_DO_NOTHING},
    {REPLICA_PROVING, REPLICA_EV_SUSPECTED, REPLICA_SUSPECT, REPLICA_DO_NOTHING},
    {REPLICA_PROVING, REPLICA_EV_LOST, REPLICA_DOWN, REPLICA_DO_RETRY},
    {REPLICA_FILLING, REPLICA_EV_FILLED, REPLICA_CURRENT, REPLICA_DO_NOTHING},
    {REPLICA_FILLING, REPLICA_EV_LOST, REPLICA_DOWN, REPLICA_DO_RETRY},
    {REPLICA_SUSPECT, REPLICA_EV_FILLED, REPLICA_CURRENT, REPLICA_DO_NOTHING},
    {REPLICA_SUSPECT, REPLICA_EV_LOST, REPLICA_DOWN, REPLICA_DO_RETRY},
    {REPLICA_CURRENT, REPLICA_EV_BEHIND, REPLICA_FILLING, REPLICA_DO_NOTHING},
    {REPLICA_CURRENT, REPLICA_EV_LOST, REPLICA_DOWN, REPLICA_DO_RETRY},
};

static const enum replica_state all_states[] = {
    REPLICA_DOWN,    REPLICA_CONNECTING, REPLICA_FENCING, REPLICA_PROVING,
    REPLICA_FILLING, REPLICA_SUSPECT,	 REPLICA_CURRENT};

#define N(array) (sizeof(array) / sizeof((array)[0]))

/* A replica brought to a state by the events that lead there. */
static struct replica
replica_in(enum replica_state s, uint64_t now_ms)
{
	struct replica r;

	replica_init(&r, "a:1", now_ms);
	if (s == REPLICA_DOWN)
		return r;
	replica_event(&r, REPLICA_EV_TRY, now_ms, NULL);
	if (s == REPLICA_CONNECTING)
		return r;
	replica_event(&r, REPLICA_EV_READY, now_ms, NULL);
	if (s == REPLICA_FENCING)
		return r;
	replica_event(&r, REPLICA_EV_FENCED, now_ms, NULL);
	if (s == REPLICA_FILLING)
		replica_event(&r, REPLICA_EV_EMPTIED, now_ms, NULL);
	else if (s == REPLICA_SUSPECT)
		replica_event(&r, REPLICA_EV_SUSPECTED, now_ms, NULL);
	else if (s == REPLICA_CURRENT)
		replica_event(&r, REPLICA_EV_TRUSTED, now_ms, NULL);
	return r;
}

static void
test_every_event_in_every_state(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(all_states); i++) {
		for (size_t k = 0; k < N(all_events); k++) {
			struct replica r = replica_in(all_states[i], 1000);
			enum replica_state want = all_states[i];
			enum replica_action action = REPLICA_DO_NOTHING, did;

			assert_int_equal(r.state, all_states[i]);
			for (size_t m = 0; m < N(moves); m++) {
				if (moves[m].from != all_states[i] || moves[m].ev != all_events[k])
					continue;
				want = moves[m].to;
				action = moves[m].action;
			}
			did = replica_event(&r, all_events[k], 2000, "why");
			if (r.state != want || did != action)
				fail_msg("event %d in state %s: state %s, action %d",
					 (int)all_events[k], replica_state_name(all_states[i]),
					 replica_state_name(r.state), (int)did);
			assert_int_equal(r.since_ms, want == all_states[i] ? 1000 : 2000);
		}
	}
}

static void
test_usable(void **state)
{
	(void)state;
	for (size_t i = 0; i < N(all_states); i++) {
		struct replica r = replica_in(all_states[i], 0);
		assert_int_equal(replica_usable(&r), all_states[i] == REPLICA_FILLING ||
							 all_states[i] == REPLICA_SUSPECT ||
							 all_states[i] == REPLICA_CURRENT);
	}
}

/* Whoever decides knows: from here on it may be read from, or is filled first. */
static void
test_the_verdict_ends_staleness(void **state)
{
	static const enum replica_event verdicts[] = {REPLICA_EV_TRUSTED, REPLICA_EV_SUSPECTED,
						      REPLICA_EV_EMPTIED};

	(void)state;
	for (size_t i = 0; i < N(verdicts); i++) {
		struct replica r = replica_in(REPLICA_PROVING, 0);

		r.stale = 1;
		replica_event(&r, REPLICA_EV_FILLED, 1, NULL);
		assert_int_equal(r.state, REPLICA_PROVING);
		assert_int_equal(r.stale, 1);
		replica_event(&r, verdicts[i], 2, NULL);
		assert_true(replica_usable(&r));
		assert_int_equal(r.stale, 0);
	}
}

static void
test_staleness_outlives_reconnecting(void **state)
{
	struct replica r = replica_in(REPLICA_CURRENT, 0);

	(void)state;
	replica_event(&r, REPLICA_EV_LOST, 1, "dead");
	r.stale = 1;
	replica_event(&r, REPLICA_EV_TRY, 2, NULL);
	replica_event(&r, REPLICA_EV_READY, 3, NULL);
	replica_event(&r, REPLICA_EV_FENCED, 4, NULL);
	replica_event(&r, REPLICA_EV_LOST, 5, "dead again");
	assert_int_equal(r.stale, 1);
}

static void
test_retries_back_off(void **state)
{
	struct replica r = replica_in(REPLICA_DOWN, 0);
	uint32_t last = 0;

	(void)state;
	for (int i = 0; i < 40; i++) {
		replica_event(&r, REPLICA_EV_TRY, 0, NULL);
		assert_int_equal(replica_event(&r, REPLICA_EV_LOST, 0, "refused"),
				 REPLICA_DO_RETRY);
		assert_in_range(r.retry_ms, REPLICA_RETRY_FIRST_MS, REPLICA_RETRY_LAST_MS);
		assert_true(r.retry_ms >= last);
		last = r.retry_ms;
	}
	assert_int_equal(last, REPLICA_RETRY_LAST_MS);
}

static void
test_a_steady_server_starts_anew_and_a_flapping_one_waits(void **state)
{
	struct replica r = replica_in(REPLICA_CURRENT, 0);

	(void)state;
	r.retry_ms = REPLICA_RETRY_LAST_MS;
	replica_event(&r, REPLICA_EV_LOST, REPLICA_STEADY_MS, NULL);
	assert_int_equal(r.retry_ms, REPLICA_RETRY_FIRST_MS);

	r = replica_in(REPLICA_CURRENT, 0);
	r.retry_ms = 1000;
	replica_event(&r, REPLICA_EV_LOST, REPLICA_STEADY_MS - 1, NULL);
	assert_int_equal(r.retry_ms, 2000);
}

static void
test_names(void **state)
{
	(void)state;
	for (int s = REPLICA_DOWN; s <= REPLICA_CURRENT; s++)
		assert_non_null(replica_state_name((enum replica_state)s));
	assert_string_equal(replica_state_name(REPLICA_CURRENT), "current");
	assert_string_equal(replica_state_name(REPLICA_DOWN), "down");
	assert_string_equal(replica_state_name(REPLICA_FILLING), "filling");
	assert_string_equal(replica_state_name(REPLICA_SUSPECT), "suspect");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_event_in_every_state),
	    cmocka_unit_test(test_usable),
	    cmocka_unit_test(test_the_verdict_ends_staleness),
	    cmocka_unit_test(test_staleness_outlives_reconnecting),
	    cmocka_unit_test(test_retries_back_off),
	    cmocka_unit_test(test_a_steady_server_starts_anew_and_a_flapping_one_waits),
	    cmocka_unit_test(test_names),
	};

	return RUN(tests);
}
