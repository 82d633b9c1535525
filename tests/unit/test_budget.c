/* Intent: memory is given so that what is under way comes to its end; who keeps others waiting gives way. */
/* needs: proxy/budget.c proxy/blob.c proxy/spare.c */
#include "cm.h"

#include "blob.h"
#include "budget.h"

#define LIMIT	 (8u << 20)
#define PATIENCE 1000
#define PART	 (LIMIT / 8)

static struct blob *parts[16];
static unsigned n_parts;

/* So many eighths are in use now. */
static void
use(unsigned n)
{
	while (n_parts < n)
		parts[n_parts++] = blob_new(PART);
	while (n_parts > n)
		blob_unref(parts[--n_parts]);
}

static int
begin(void **state)
{
	(void)state;
	budget_init(LIMIT, PATIENCE);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	use(0);
	return 0;
}

/* Commands and answers: from a half on new ones wait, until there is less than three eighths. */
static void
test_levels(void **state)
{
	(void)state;
	use(3);
	budget_look(0, 1);
	assert_false(budget_is_tight());
	budget_look(PART - 1, 1); /* what is in no blob counts too */
	assert_false(budget_is_tight());
	budget_look(PART, 1);
	assert_true(budget_is_tight());
	assert_false(budget_look(0, 2)); /* it has to go down further than it came up */
	assert_true(budget_is_tight());
	use(2);
	assert_true(budget_look(0, 3)); /* who has waited may go on */
	assert_false(budget_is_tight());
	assert_false(budget_look(0, 4));
}

static void
test_patience(void **state)
{
	(void)state;
	use(4);
	budget_look(0, 5000);
	assert_int_equal(budget_blame(5000 + PATIENCE - 1), BUDGET_NOBODY);
	assert_int_equal(budget_blame(5000 + PATIENCE), BUDGET_READER);
	assert_true(budget_would_do(PART + 1));
	assert_false(budget_would_do(PART)); /* exactly three eighths are not fewer */
	use(2);
	budget_look(0, 6000);
	assert_int_equal(budget_blame(99999), BUDGET_NOBODY);
}

static void
test_the_limit_itself(void **state)
{
	(void)state;
	use(8);
	budget_look(0, 1);
	assert_int_equal(budget_blame(1), BUDGET_NOBODY);
	budget_look(1, 1);
	assert_int_equal(budget_blame(1), BUDGET_READER); /* at once */
	assert_true(budget_would_do(1));
	assert_false(budget_blames_nobody(1)); /* what is under way may yet help */
	assert_true(budget_is_tight());
}

/* Nobody to blame: commands go on, values do not. */
static void
test_stuck(void **state)
{
	static const char a, b;

	(void)state;
	assert_int_equal(budget_take(&a, 0, BUDGET_FIRST, PART), BUDGET_NOW);
	use(5);
	budget_look(0, 1);
	assert_false(budget_blames_nobody(1 + PATIENCE - 1));
	assert_true(budget_blames_nobody(1 + PATIENCE));
	assert_false(budget_blames_nobody(1 + PATIENCE));
	assert_false(budget_is_tight());
	assert_int_equal(budget_blame(999999), BUDGET_NOBODY);
	assert_int_equal(budget_take(&b, 0, 1000, 1000), BUDGET_NEVER);
	assert_int_equal(budget_take(&a, BUDGET_FIRST, PART, PART), BUDGET_NOW); /* it had begun */
	use(2);
	budget_look(0, 2);
	assert_int_equal(budget_take(&b, 0, 1000, 1000), BUDGET_NOW);
	budget_end(&a, PART);
	budget_end(&b, 1000);
}

static void
test_sizes(void **state)
{
	static const char a;

	(void)state;
	assert_int_equal(budget_take(&a, 0, 1000, PART), BUDGET_NOW);
	budget_end(&a, 1000);
	assert_int_equal(budget_take(&a, 0, 1000, PART + 1), BUDGET_NEVER);
	/* Whatever there is, a value gets its beginning. */
	use(7);
	assert_int_equal(budget_take(&a, 0, BUDGET_FIRST, PART), BUDGET_NOW);
	budget_end(&a, BUDGET_FIRST);
}

/* Beyond their quarter one value takes memory after the other, so that they become whole. */
static void
test_one_at_a_time(void **state)
{
	static const char a, b, c, d;

	(void)state;
	assert_int_equal(budget_take(&a, 0, PART, PART), BUDGET_NOW);
	assert_int_equal(budget_take(&b, 0, PART, PART), BUDGET_NOW);
	use(2);
	assert_int_equal(budget_take(&c, 0, BUDGET_FIRST, PART), BUDGET_NOW);
	assert_int_equal(budget_take(&d, 0, BUDGET_FIRST, PART), BUDGET_NOW);
	assert_int_equal(budget_take(&c, BUDGET_FIRST, PART / 2, PART), BUDGET_NOW); /* one more */
	use(3);
	assert_int_equal(budget_take(&d, BUDGET_FIRST, PART / 2, PART), BUDGET_LATER);
	assert_false(budget_look(0, 100));
	assert_false(budget_is_tight()); /* values that come are not what that is about */
	use(8);
	assert_int_equal(budget_take(&c, PART / 2, PART, PART),
			 BUDGET_LATER); /* not even that one */
	assert_false(budget_look(0, 200));
	use(7);
	assert_true(budget_look(0, 300));
	assert_int_equal(budget_take(&c, PART / 2, PART, PART), BUDGET_NOW);
	assert_int_equal(budget_take(&d, BUDGET_FIRST, PART / 2, PART), BUDGET_LATER);
	assert_false(budget_look(0, 400));
	budget_end(&c, PART);
	assert_true(budget_look(0, 500)); /* d may try again */
	assert_int_equal(budget_take(&d, BUDGET_FIRST, PART / 2, PART), BUDGET_NOW);
	budget_end(&a, PART);
	budget_end(&b, PART);
	budget_end(&d, PART / 2);
}

/* One that does not come to its end while others wait for it. */
static void
test_one_keeps_the_others_waiting(void **state)
{
	static const char a, b;

	(void)state;
	assert_int_equal(budget_take(&a, 0, 3 * PART, PART), BUDGET_NOW);
	budget_look(0, 1000);
	assert_int_equal(budget_blame(999999), BUDGET_NOBODY); /* nobody waits */
	assert_int_equal(budget_take(&b, 0, PART, PART), BUDGET_LATER);
	budget_look(0, 1500);
	assert_int_equal(budget_blame(1000 + PATIENCE - 1), BUDGET_NOBODY);
	assert_int_equal(budget_blame(1000 + PATIENCE), BUDGET_SENDERS);
	assert_int_equal(budget_take(&a, 3 * PART, 4 * PART, PART), BUDGET_NOW); /* it goes on */
	budget_look(0, 1900);
	assert_int_equal(budget_blame(1900 + PATIENCE - 1), BUDGET_NOBODY);
	assert_int_equal(budget_blame(1900 + PATIENCE), BUDGET_SENDERS);
	budget_waits_on(4000);
	assert_int_equal(budget_blame(4000 + PATIENCE - 1), BUDGET_NOBODY);
	budget_end(&a, 4 * PART);
	assert_true(budget_look(0, 7000));
	assert_int_equal(budget_blame(999999), BUDGET_NOBODY);
}

/* Copies have the reserve; when there is none, one after the other. */
static void
test_copies(void **state)
{
	(void)state;
	assert_int_equal(budget_copies(PART), 1);
	assert_int_equal(budget_copies(PART / 4), 4);
	assert_int_equal(budget_copies(100 * PART), 1);
	assert_true(budget_copies(0) >= 64);
	use(6);
	assert_int_equal(budget_copies(PART / 4), 4);
	use(7);
	assert_int_equal(budget_copies(PART / 4), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_levels, begin, end),
	    cmocka_unit_test_setup_teardown(test_patience, begin, end),
	    cmocka_unit_test_setup_teardown(test_the_limit_itself, begin, end),
	    cmocka_unit_test_setup_teardown(test_stuck, begin, end),
	    cmocka_unit_test_setup_teardown(test_copies, begin, end),
	    cmocka_unit_test_setup_teardown(test_sizes, begin, end),
	    cmocka_unit_test_setup_teardown(test_one_at_a_time, begin, end),
	    cmocka_unit_test_setup_teardown(test_one_keeps_the_others_waiting, begin, end),
	};

	return RUN(tests);
}
