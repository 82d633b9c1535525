/* Intent: the judge of histories finds every kind of lie, and never one where two overlap. */
/* needs: tests/faults/judge.c tests/faults/story.c */
#include "cm.h"

#include <stdio.h>
#include <string.h>

#include "tests/faults/judge.h"
#include "tests/faults/story.h"

#define KEY 0u

static struct story *story;
static struct judge *judge;
static struct judge_ids ids;
static FILE *told;

static int
setup(void **state)
{
	(void)state;
	told = tmpfile();
	assert_non_null(told);
	story = story_new(2, told, 0);
	ids.next = 1;
	judge = judge_new(2, story, &ids);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	judge_free(judge);
	story_free(story);
	fclose(told);
	return 0;
}

/* A write over an interval that nothing else overlaps. */
static uint64_t
wrote(enum judge_kind kind, uint64_t begun, uint64_t ended, enum judge_fate fate)
{
	uint64_t id = judge_write(judge, KEY, kind, 0, begun);

	judge_written(judge, KEY, id, fate, ended);
	return id;
}

static uint64_t
stored(uint64_t begun, uint64_t ended)
{
	return wrote(JUDGE_STORE, begun, ended, JUDGE_DONE);
}

static void
read_at(uint64_t begun, uint64_t ended, uint64_t id)
{
	struct judge_view v;

	judge_look(judge, KEY, &v, begun);
	if (id == 0)
		judge_missed(judge, &v, 0);
	else
		judge_read(judge, &v, id, 0, ended);
}

static struct judge_counts
count(void)
{
	return *judge_counts(judge);
}

static uint64_t
violations(void)
{
	struct judge_counts c = count();

	return c.stale + c.back + c.phantom + c.alien + c.ghost + c.cas_wrong + c.inexact + c.lost;
}

static void
the_latest_is_right(void **state)
{
	uint64_t a = stored(10, 20), b;

	(void)state;
	read_at(30, 40, a);
	b = stored(50, 60);
	read_at(70, 80, b);
	assert_int_equal(violations(), 0);
}

static void
replaced_is_stale(void **state)
{
	uint64_t a = stored(10, 20);

	(void)state;
	stored(30, 40);
	read_at(50, 60, a);
	assert_int_equal(count().stale, 1);
}

static void
deleted_is_stale(void **state)
{
	uint64_t a = stored(10, 20);

	(void)state;
	wrote(JUDGE_DELETE, 30, 40, JUDGE_DONE);
	read_at(50, 60, 0);
	assert_int_equal(violations(), 0);
	read_at(50, 60, a);
	assert_int_equal(count().stale, 1);
}

static void
an_overlap_may_be_either(void **state)
{
	struct judge_view v;
	uint64_t a = judge_write(judge, KEY, JUDGE_STORE, 0, 10);
	uint64_t b = judge_write(judge, KEY, JUDGE_STORE, 0, 15), c;

	(void)state;
	judge_written(judge, KEY, a, JUDGE_DONE, 20);
	judge_written(judge, KEY, b, JUDGE_DONE, 25);
	judge_look(judge, KEY, &v, 30);
	c = stored(35, 38);
	/* The read began before c did. */
	judge_read(judge, &v, a, 0, 40);
	assert_int_equal(violations(), 0);
	read_at(50, 60, c);
	assert_int_equal(violations(), 0);
}

static void
two_readers_agree_on_the_order(void **state)
{
	uint64_t a = stored(10, 20);
	uint64_t b = judge_write(judge, KEY, JUDGE_STORE, 0, 30);

	(void)state;
	read_at(40, 45, b);
	read_at(50, 55, a);
	assert_int_equal(count().back, 1);
}

static void
unanswered_may_happen_late_until_settled(void **state)
{
	uint64_t a = wrote(JUDGE_STORE, 10, 20, JUDGE_UNANSWERED);

	(void)state;
	stored(30, 40);
	read_at(50, 60, a);
	assert_int_equal(violations(), 0);
	stored(70, 80);
	/* It has happened, and only once. */
	read_at(90, 95, a);
	assert_int_equal(count().stale, 1);
}

static void
settled_is_over(void **state)
{
	uint64_t a = wrote(JUDGE_STORE, 10, 20, JUDGE_UNANSWERED);

	(void)state;
	judge_settle(judge, 25);
	stored(30, 40);
	read_at(50, 60, a);
	assert_int_equal(count().stale, 1);
}

static void
refused_and_never_written(void **state)
{
	uint64_t a = wrote(JUDGE_STORE, 10, 20, JUDGE_REFUSED);

	(void)state;
	read_at(30, 40, a);
	assert_int_equal(count().phantom, 1);
	read_at(30, 40, a + 1000);
	assert_int_equal(count().alien, 1);
}

static void
expired_is_stale(void **state)
{
	uint64_t a = judge_write(judge, KEY, JUDGE_STORE, 1, 10);

	(void)state;
	judge_written(judge, KEY, a, JUDGE_DONE, 20);
	read_at(2000000, 2000010, a);
	assert_int_equal(violations(), 0);
	read_at(4500000, 4500010, a);
	assert_int_equal(count().stale, 1);
}

static void
a_miss_is_counted_where_a_value_must_be(void **state)
{
	uint64_t d;

	(void)state;
	read_at(1, 2, 0);
	stored(10, 20);
	assert_int_equal(count().missed, 0);
	read_at(30, 40, 0);
	assert_int_equal(count().missed, 1);
	d = judge_write(judge, KEY, JUDGE_DELETE, 0, 50);
	read_at(60, 70, 0);
	judge_written(judge, KEY, d, JUDGE_DONE, 80);
	read_at(90, 95, 0);
	assert_int_equal(count().missed, 1);
	assert_int_equal(count().lost, 0);
}

/* What the same client has written behind its read may be there already, and must not be told. */
static void
an_overtaken_read_may_miss(void **state)
{
	struct judge_view v;

	(void)state;
	stored(10, 20);
	judge_look(judge, KEY, &v, 30);
	judge_missed(judge, &v, 1);
	assert_int_equal(count().missed, 0);
	assert_int_equal(count().overtaken, 1);
}

static void
what_others_empty_may_be_gone(void **state)
{
	(void)state;
	stored(10, 20);
	judge_may_vanish(judge, 1, 30);
	read_at(40, 50, 0);
	stored(52, 54);
	judge_may_vanish(judge, 0, 60);
	read_at(70, 80, 0);
	assert_int_equal(count().missed, 0);
	stored(90, 100);
	read_at(110, 120, 0);
	assert_int_equal(count().missed, 1);
}

/* Two halves of parted servers, each with a history of its own. */
static void
halves_know_what_was_before(void **state)
{
	struct judge *half, *whole = judge;
	uint64_t a = stored(10, 20), open = judge_write(judge, KEY, JUDGE_STORE, 0, 30), b, late;

	(void)state;
	half = judge_part(judge);
	late = stored(40, 50);
	judge_parted(whole, half, 60);
	judge_written(whole, KEY, open, JUDGE_DONE, 65);
	b = stored(70, 80);
	judge = half;
	/* What was on its way at the cut may have come, or not. */
	read_at(90, 100, a);
	read_at(110, 120, open);
	read_at(130, 140, late);
	assert_int_equal(violations(), 0);
	/* What was written in the other half later cannot. */
	read_at(150, 160, b);
	assert_int_equal(count().stale, 1);
	assert_int_equal(judge_acknowledged(half), 1);
	judge = whole;
	read_at(170, 180, b);
	assert_int_equal(violations(), 0);
	read_at(190, 200, a);
	assert_int_equal(count().stale, 1);
	assert_int_equal(judge_acknowledged(whole), 4);
	judge_free(half);
}

static void
lost_at_the_end(void **state)
{
	uint64_t a = stored(10, 20);

	(void)state;
	judge_final(judge);
	read_at(30, 40, a);
	assert_int_equal(count().lost, 0);
	read_at(30, 40, 0);
	assert_int_equal(count().lost, 1);
}

static void
too_big_takes_the_old_value_along(void **state)
{
	(void)state;
	stored(10, 20);
	wrote(JUDGE_STORE, 30, 40, JUDGE_TOO_BIG);
	judge_final(judge);
	read_at(50, 60, 0);
	assert_int_equal(violations(), 0);
}

static void
present_after_a_delete_is_a_ghost(void **state)
{
	struct judge_view v;

	(void)state;
	stored(10, 20);
	wrote(JUDGE_DELETE, 30, 40, JUDGE_DONE);
	judge_look(judge, KEY, &v, 50);
	judge_present(judge, &v);
	assert_int_equal(count().ghost, 1);
	stored(60, 70);
	judge_look(judge, KEY, &v, 80);
	judge_present(judge, &v);
	assert_int_equal(count().ghost, 1);
}

static void
two_cas_on_one_value(void **state)
{
	struct judge_view v;
	uint64_t a = stored(10, 20);

	(void)state;
	judge_look(judge, KEY, &v, 30);
	judge_swapped(judge, &v, a);
	assert_int_equal(violations(), 0);
	judge_swapped(judge, &v, a);
	assert_int_equal(count().cas_wrong, 1);
}

static void
a_cas_on_what_was_replaced(void **state)
{
	struct judge_view v;
	uint64_t a = stored(10, 20);

	(void)state;
	stored(30, 40);
	judge_look(judge, KEY, &v, 50);
	judge_swapped(judge, &v, a);
	assert_int_equal(count().cas_wrong, 1);
}

static void
counted(uint64_t begun, uint64_t ended, uint64_t id, uint64_t n)
{
	struct judge_view v;

	judge_look(judge, KEY, &v, begun);
	judge_count(judge, KEY);
	judge_counted(judge, &v, id, n, ended);
}

static void
ends_at(uint64_t id, uint64_t n)
{
	struct judge_view v;

	judge_final(judge);
	judge_look(judge, KEY, &v, 1000);
	judge_read(judge, &v, id, n, 1001);
}

static void
increments_are_exact(void **state)
{
	uint64_t a = stored(10, 20);

	(void)state;
	counted(30, 31, a, 1);
	counted(40, 41, a, 2);
	ends_at(a, 2);
	assert_int_equal(violations(), 0);
}

static void
an_increment_twice(void **state)
{
	uint64_t a = stored(10, 20);

	(void)state;
	counted(30, 31, a, 1);
	counted(40, 41, a, 1);
	assert_int_equal(count().inexact, 1);
}

static void
an_increment_lost_at_the_end(void **state)
{
	uint64_t a = stored(10, 20);

	(void)state;
	counted(30, 31, a, 1);
	counted(40, 41, a, 2);
	ends_at(a, 1);
	assert_int_not_equal(count().inexact, 0);
}

static void
an_increment_executed_twice(void **state)
{
	uint64_t a = stored(10, 20);

	(void)state;
	counted(30, 31, a, 1);
	counted(40, 41, a, 3);
	ends_at(a, 3);
	assert_int_not_equal(count().inexact, 0);
}

/* One that is on its way at the cut, and one that follows before all knows of the cut. */
static void
increments_at_a_cut(void **state)
{
	struct judge *half, *whole = judge;
	struct judge_view v;
	uint64_t a = stored(10, 20);

	(void)state;
	counted(30, 31, a, 1);
	judge_look(judge, KEY, &v, 40);
	judge_count(judge, KEY);
	half = judge_part(judge);
	judge_counted(whole, &v, a, 2, 50);
	counted(60, 61, a, 3);
	judge_parted(whole, half, 70);
	judge = half;
	counted(80, 81, a, 3);
	ends_at(a, 3);
	assert_int_equal(violations(), 0);
	judge = whole;
	counted(90, 91, a, 4);
	ends_at(a, 4);
	assert_int_equal(violations(), 0);
	judge_free(half);
}

static void
an_unanswered_increment_may_count(void **state)
{
	uint64_t a = stored(10, 20);

	(void)state;
	judge_count(judge, KEY);
	judge_uncounted(judge, KEY);
	counted(30, 31, a, 2);
	ends_at(a, 2);
	assert_int_equal(violations(), 0);
}

/* The run may be long: what can be read no more is forgotten, and a read of it is stale. */
static void
a_long_history(void **state)
{
	uint64_t first = stored(1, 2), last = 0, open;

	(void)state;
	open = wrote(JUDGE_STORE, 3, 4, JUDGE_UNANSWERED);
	for (uint64_t t = 10; t < 400000; t += 10)
		last = stored(t, t + 5);
	read_at(500000, 500001, last);
	read_at(500000, 500001, open);
	assert_int_equal(violations(), 0);
	read_at(500002, 500003, first);
	assert_int_equal(count().stale, 1);
	judge_settle(judge, 500010);
	assert_int_equal(violations(), 1);
}

static void
a_violation_is_told_with_its_history(void **state)
{
	char text[4000] = "";
	uint64_t a = stored(1000, 2000), b;

	(void)state;
	story_event(story, KEY, 3, "set", a, "STORED", 1000, 2000);
	story_note(story, "a fault", 2500);
	b = stored(3000, 4000);
	story_event(story, KEY, 4, "set", b, "STORED", 3000, 4000);
	read_at(5000, 6000, a);
	rewind(told);
	assert_int_not_equal(fread(text, 1, sizeof(text) - 1, told), 0);
	assert_non_null(strstr(text, "stale"));
	assert_non_null(strstr(text, "client 3"));
	assert_true(strstr(text, "client 3") < strstr(text, "a fault"));
	assert_true(strstr(text, "a fault") < strstr(text, "client 4"));
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(the_latest_is_right),
	    T(replaced_is_stale),
	    T(deleted_is_stale),
	    T(an_overlap_may_be_either),
	    T(two_readers_agree_on_the_order),
	    T(unanswered_may_happen_late_until_settled),
	    T(settled_is_over),
	    T(refused_and_never_written),
	    T(expired_is_stale),
	    T(a_miss_is_counted_where_a_value_must_be),
	    T(an_overtaken_read_may_miss),
	    T(what_others_empty_may_be_gone),
	    T(halves_know_what_was_before),
	    T(lost_at_the_end),
	    T(too_big_takes_the_old_value_along),
	    T(present_after_a_delete_is_a_ghost),
	    T(two_cas_on_one_value),
	    T(a_cas_on_what_was_replaced),
	    T(increments_are_exact),
	    T(an_increment_twice),
	    T(an_increment_lost_at_the_end),
	    T(an_increment_executed_twice),
	    T(increments_at_a_cut),
	    T(an_unanswered_increment_may_count),
	    T(a_long_history),
	    T(a_violation_is_told_with_its_history),
	};

	return RUN(tests);
}
