/* Intent: the proxy sleeps before it looks where much comes and sleep does no harm, and not else. */
/* needs: proxy/moderation.c */
#include "cm.h"

#include "moderation.h"

#define SPAN MODERATION_SPAN_US /* one that is judged */
/* So often something is ready in one; twice MODERATION_BUSY. */
#define MUCH (2 * MODERATION_BUSY / (1000000 / SPAN))

static uint64_t now_us = 1000 * 1000;

/* In a span: so many times a connection was ready, with so many bytes each. */
static void
span(struct moderation *m, unsigned found, unsigned bytes)
{
	for (unsigned i = 0; i < found; i++) {
		moderation_read(m, bytes, 0);
		now_us += i + 1 < found ? SPAN / found : SPAN - SPAN / found * (found - 1);
		moderation_found(m, 1, now_us);
	}
}

static void
not_at_first(void **state)
{
	struct moderation m = {0};

	(void)state;
	moderation_found(&m, 1, now_us);
	assert_false(m.on);
}

static void
much_comes_and_ends(void **state)
{
	struct moderation m = {0};

	(void)state;
	moderation_found(&m, 1, now_us);
	span(&m, MUCH, 100);
	assert_true(m.on);
	span(&m, MUCH * 2, 100);
	assert_true(m.on);
	now_us += 1000 * 1000; /* a rest: what comes then does not wait */
	moderation_found(&m, 1, now_us);
	assert_false(m.on);
}

/* A burst within a span is not much. */
static void
little_comes(void **state)
{
	struct moderation m = {0};

	(void)state;
	for (int i = 0; i < 100; i++) {
		span(&m, MUCH / 4, 100);
		assert_false(m.on);
	}
}

/* Few that bring much are much, too. */
static void
bulk_comes(void **state)
{
	struct moderation m = {0};
	const unsigned enough = MODERATION_BULK / (1000000 / SPAN) / (MUCH / 8);

	(void)state;
	moderation_found(&m, 1, now_us);
	span(&m, MUCH / 8, enough - enough / 8);
	assert_false(m.on);
	span(&m, MUCH / 8, enough + enough / 8);
	assert_true(m.on);
}

/* In how many of so many spans it is on, when sleeps bring so many times the bytes, in tenths. */
static int
spans_on(struct moderation *m, int spans, unsigned tenths)
{
	int on = 0;

	for (int i = 0; i < spans; i++) {
		on += m->on;
		span(m, MUCH, m->on ? 10 * tenths : 100);
	}
	return on;
}

static void
fewer_bytes_come(void **state)
{
	struct moderation m = {0};

	(void)state;
	moderation_found(&m, 1, now_us);
	assert_in_range(spans_on(&m, 20, 5), 1, 6);
	/* Seldom, and ever more so. */
	assert_in_range(spans_on(&m, 2000, 5), 1, 2000 / MODERATION_REST_MAX + 2);
	/* It is tried again in the end. */
	assert_true(spans_on(&m, 2 * MODERATION_REST_MAX + 100, 10) > 90);
}

/* As many bytes in fewer pieces, as when what is read was asked for together: no harm. */
static void
fewer_pieces_come(void **state)
{
	struct moderation m = {0};

	(void)state;
	moderation_found(&m, 1, now_us);
	span(&m, MUCH, 100);
	assert_true(m.on);
	for (int i = 0; i < 20; i++) {
		span(&m, MUCH * 3 / 5, 200);
		assert_true(m.on);
	}
}

/* What would not begin it keeps it on, down to half as much and a little more. */
static void
less_comes(void **state)
{
	struct moderation m = {0};
	const unsigned calm = MODERATION_CALM / (1000000 / SPAN);

	(void)state;
	moderation_found(&m, 1, now_us);
	span(&m, MUCH, 100);
	for (int i = 0; i < 20; i++) {
		assert_true(m.on);
		span(&m, calm + calm / 8, 300);
	}
	assert_true(m.on);
	span(&m, calm - calm / 8, 300);
	assert_false(m.on);
	span(&m, calm + calm / 8, 300);
	assert_false(m.on);
}

/* What was left behind is read at once. */
static void
more_is_there(void **state)
{
	struct moderation m = {0};

	(void)state;
	moderation_found(&m, 1, now_us);
	span(&m, MUCH, 100);
	assert_true(moderation_sleeps(&m));
	moderation_read(&m, 100, 1);
	moderation_read(&m, 100, 0);
	assert_false(moderation_sleeps(&m));
	assert_true(moderation_sleeps(&m)); /* the look between has found nothing */
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(not_at_first),	cmocka_unit_test(much_comes_and_ends),
	    cmocka_unit_test(little_comes),	cmocka_unit_test(bulk_comes),
	    cmocka_unit_test(fewer_bytes_come), cmocka_unit_test(fewer_pieces_come),
	    cmocka_unit_test(less_comes),	cmocka_unit_test(more_is_there),
	};

	return RUN(tests);
}
