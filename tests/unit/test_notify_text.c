/* Intent: the state file, the orders and the proxy's answer are read back as written, or not at all. */
/* needs: notify/args.c notify/pairs.c notify/order.c notify/state.c notify/servers.c notify/talk.c notify/ident.c */
#include <errno.h>

#include "cm.h"
#include "guard.h"
#include "order.h"
#include "pairs.h"
#include "servers.h"
#include "state.h"

#define BOOT "11111111-2222-3333-4444-555555555555"

static void
sample_state(struct state *s)
{
	memset(s, 0, sizeof(*s));
	snprintf(s->listen, sizeof(s->listen), "[fd77::7]:12000");
	snprintf(s->conf, sizeof(s->conf), "/etc/memvip/a b.conf");
	snprintf(s->word.name, sizeof(s->word.name), "VI 1");
	s->word.state = WORD_FAULT;
	s->word.priority = 150;
	s->said_s = 1700000000;
	snprintf(s->phase, sizeof(s->phase), "waiting");
	snprintf(s->note, sizeof(s->note), "it broke");
	s->since_s = 1700000001;
	s->restarts = UINT64_C(12345678901);
	s->custodian = (struct ident){100, 200};
	s->proxy = (struct ident){101, UINT64_MAX};
	s->keepalived = (struct ident){INT32_MAX, 0};
}

static void
a_state_comes_back(void **state)
{
	char text[STATE_TEXT_MAX], again[STATE_TEXT_MAX];
	struct state s, got;

	(void)state;
	sample_state(&s);
	assert_int_equal(state_format(&s, BOOT, text, sizeof(text)), 0);
	memcpy(again, text, sizeof(text));
	assert_int_equal(state_parse(&got, BOOT, again), 0);
	assert_memory_equal(&s, &got, sizeof(s));

	/* A line's text never becomes another line. */
	snprintf(s.note, sizeof(s.note), "one\nproxy 1 1\n");
	assert_int_equal(state_format(&s, BOOT, text, sizeof(text)), 0);
	assert_int_equal(state_parse(&got, BOOT, text), 0);
	assert_int_equal(got.proxy.pid, 101);
	assert_string_equal(got.note, "one proxy 1 1 ");
}

static void
look_at_state(const char *prefix, size_t len, size_t whole, void *arg)
{
	char text[STATE_TEXT_MAX];
	struct state got, none;

	(void)arg;
	memset(&none, 0, sizeof(none));
	memcpy(text, prefix, len);
	text[len] = '\0';
	errno = 0;
	if (state_parse(&got, BOOT, text) == 0) {
		assert_int_equal(len, whole);
		return;
	}
	assert_int_not_equal(len, whole);
	assert_true(errno == EBADMSG || errno == ESTALE);
	/* Nothing of it is believed. */
	assert_memory_equal(&got, &none, sizeof(got));
}

static void
a_part_of_a_state_is_none(void **state)
{
	char text[STATE_TEXT_MAX];
	struct state s;

	(void)state;
	sample_state(&s);
	assert_int_equal(state_format(&s, BOOT, text, sizeof(text)), 0);
	guard_prefixes(text, strlen(text), look_at_state, NULL);
}

static void
a_state_of_another_boot_is_stale(void **state)
{
	char text[STATE_TEXT_MAX];
	struct state s, got;

	(void)state;
	sample_state(&s);
	assert_int_equal(state_format(&s, "another", text, sizeof(text)), 0);
	assert_int_equal(state_parse(&got, BOOT, text), -1);
	assert_int_equal(errno, ESTALE);
	assert_int_equal(got.proxy.pid, 0);
}

static void
a_pid_is_a_pid(void **state)
{
	static const char *const bad[] = {"",
					  "1",
					  "1 ",
					  " 1",
					  "1 2 3",
					  "-1 2",
					  "x 2",
					  "1 -2",
					  "99999999999 1",
					  "1 18446744073709551616"};
	struct ident id = {7, 7};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (pairs_get_ident(bad[i], &id) != -1)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(id.pid, 7);
	}
	assert_int_equal(pairs_get_ident("12 34", &id), 0);
	assert_int_equal(id.pid, 12);
	assert_int_equal(id.start_ticks, 34);
}

static void
what_does_not_fit_is_left_out_whole(void **state)
{
	char buf[16];
	struct pairs p;

	(void)state;
	pairs_init(&p, buf, sizeof(buf));
	pairs_text(&p, "a", "b");
	pairs_text(&p, "key", "a long value");
	assert_int_equal(p.full, 1);
	assert_string_equal(buf, "a b\n");
	pairs_text(&p, "0123", "56789");
	assert_string_equal(buf, "a b\n0123 56789\n");
}

static void
sample_order(struct order *o)
{
	memset(o, 0, sizeof(*o));
	o->what = ARGS_HOOK;
	o->word.group = 1;
	snprintf(o->word.name, sizeof(o->word.name), "G 1");
	o->word.state = WORD_MASTER;
	o->keepalived = (struct ident){5, 6};
	o->by_ancestry = 1;
	snprintf(o->conf, sizeof(o->conf), "/etc/memvip/memvip.conf");
	snprintf(o->proxy, sizeof(o->proxy), "/usr/sbin/memvip-proxy");
	o->keep_vip = 1;
}

static void
an_order_comes_back(void **state)
{
	char text[ORDER_TEXT_MAX];
	struct order o, got;

	(void)state;
	sample_order(&o);
	assert_int_equal(order_format(&o, text, sizeof(text)), 0);
	assert_int_equal(order_parse(&got, text), 0);
	assert_memory_equal(&o, &got, sizeof(o));

	o.what = ARGS_STOP;
	o.by_ancestry = 0;
	memset(&o.word, 0, sizeof(o.word));
	memset(o.conf, 'c', sizeof(o.conf) - 1);
	memset(o.proxy, 'p', sizeof(o.proxy) - 1);
	assert_int_equal(order_format(&o, text, sizeof(text)), 0);
	assert_int_equal(order_parse(&got, text), 0);
	assert_memory_equal(&o, &got, sizeof(o));
}

static void
an_order_that_is_none_is_refused(void **state)
{
	static const char *const bad[] = {
	    "",
	    "ask hook\n",
	    "ask dance\nconf /c\nproxy /p\n",
	    "ask status\nconf /c\nproxy /p\n",
	    "ask hook\nconf /c\nproxy /p\n", /* what was said? */
	    "ask sync\nproxy /p\n",
	    "ask sync\nconf /c\n",
	    "ask sync\nconf /c\nproxy /p\nkeepalived x\n",
	    "conf /c\nproxy /p\n",
	    "ask sync\nconf /c\nproxy /p", /* cut */
	};
	char text[ORDER_TEXT_MAX];
	struct order o;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(text, sizeof(text), "%s", bad[i]);
		if (order_parse(&o, text) == 0)
			fail_msg("taken: %s", bad[i]);
	}
	snprintf(text, sizeof(text), "ask sync\nfuture thing\nconf /c\nproxy /p\n");
	assert_int_equal(order_parse(&o, text), 0); /* of a later version */
}

static void
look_at_order(const char *prefix, size_t len, size_t whole, void *arg)
{
	char text[ORDER_TEXT_MAX];
	struct order o;

	(void)arg;
	(void)whole;
	memcpy(text, prefix, len);
	text[len] = '\0';
	(void)order_parse(&o, text);
}

static void
any_part_of_an_order_is_survived(void **state)
{
	char text[ORDER_TEXT_MAX];
	struct order o;

	(void)state;
	sample_order(&o);
	assert_int_equal(order_format(&o, text, sizeof(text)), 0);
	guard_prefixes(text, strlen(text), look_at_order, NULL);
}

static void
the_proxys_answer_is_understood(void **state)
{
	static const struct {
		const char *line;
		int rc;
	} lines[] = {
	    {"STAT pid 1", 1},
	    {"STAT server.10.0.0.1:11211.state current", 1},
	    {"STAT server.10.0.0.1:11211.role leader", 1},
	    {"STAT server.[::1]:11211.state filling", 1},
	    {"STAT server.[::1]:11211.fill_done 3", 1},
	    {"STAT server.[::1]:11211.fill_total 18446744073709551615", 1},
	    {"STAT server.[::1]:11211.epoch 9", 1},
	    {"STAT server.", 1},
	    {"STAT server.x", 1},
	    {"STAT server.x y", 1},
	    {"STAT ", 1},
	    {"STAT", -1},
	    {"", -1},
	    {"ERROR", -1},
	    {"END ", -1},
	    {"END", 0},
	};
	struct server servers[3];
	unsigned n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		if (servers_line(lines[i].line, servers, &n, 3) != lines[i].rc)
			fail_msg("%s", lines[i].line);
	assert_int_equal(n, 2);
	assert_string_equal(servers[0].name, "10.0.0.1:11211");
	assert_string_equal(servers[0].state, "current");
	assert_string_equal(servers[0].role, "leader");
	assert_string_equal(servers[1].name, "[::1]:11211");
	assert_string_equal(servers[1].state, "filling");
	assert_true(servers[1].fill_done == 3 && servers[1].fill_total == UINT64_MAX);

	/* More than there is room for, and words longer than any. */
	for (unsigned i = 0; i < 9; i++) {
		char line[64];

		snprintf(line, sizeof(line), "STAT server.s%u.state a-state-with-a-long-name", i);
		assert_int_equal(servers_line(line, servers, &n, 3), 1);
	}
	assert_int_equal(n, 3);
	assert_string_equal(servers[2].state, "a-state-with-a-");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_state_comes_back),
	    cmocka_unit_test(a_part_of_a_state_is_none),
	    cmocka_unit_test(a_state_of_another_boot_is_stale),
	    cmocka_unit_test(a_pid_is_a_pid),
	    cmocka_unit_test(what_does_not_fit_is_left_out_whole),
	    cmocka_unit_test(an_order_comes_back),
	    cmocka_unit_test(an_order_that_is_none_is_refused),
	    cmocka_unit_test(any_part_of_an_order_is_survived),
	    cmocka_unit_test(the_proxys_answer_is_understood),
	};

	return RUN(tests);
}
