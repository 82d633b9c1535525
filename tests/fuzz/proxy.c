/* Intent: whatever clients, servers and time do, in any order, the proxy sends its servers nothing
 * but commands, answers each command once and in order or closes, never lies, and forgets all. */
/* whole: the proxy, but for its start, its listening sockets and its clock */
#include <event2/event.h>
#include <signal.h>
#include <sanitizer/allocator_interface.h>
#include <sanitizer/lsan_interface.h>
#include <unistd.h>

#include "blob.h"
#include "client.h"
#include "clock.h"
#include "copy.h"
#include "farm.h"
#include "fill.h"
#include "flush.h"
#include "io.h"
#include "memd.h"
#include "net.h"
#include "report.h"
#include "req.h"
#include "stats.h"
#include "still.h"
#include "submit.h"
#include "sweep.h"
#include "timer.h"
#include "user.h"

/* Turns of the loop until nothing moves: more than that is going in circles. */
#define TURNS_MAX 20000
/* After that much of its own time everything that can be well is well. */
#define SETTLE_MS 90000

static struct conf conf;
static struct farm farm;
static struct gate gate;
static struct event_base *base;
static int given_up, closed;

/* What the script has done, as far as it matters for what may be demanded. */
static struct {
	uint8_t trouble;    /* to a server */
	uint8_t rude;	    /* a client has said what nobody knows the meaning of */
	uint8_t by_others;  /* the items or the marker of a server were meddled with */
	uint8_t one_victim; /* all trouble was that server's, and the other one was current: + 1 */
	uint8_t
	    not_full; /* bits of the servers that were in use and lacked items at the last look */
} past;

static void
on_give_up(int status, const char *why)
{
	MUST(status == EPOCH_REFUSED || status == EPOCH_SUPERSEDED);
	MUST(why != NULL && why[0] != '\0');
	given_up = 1;
}

static void
on_closed(void)
{
	closed = 1;
}

/* ---- the loop ---- */

/*
 * One that leads, since no current server is left, before it has got everything has lost the rest: it
 * was deleted there when the server came back.
 */
static void
note_unfilled(void)
{
	for (unsigned i = 0; i < farm.n; i++) {
		const struct replica *r = &farm.servers[i].replica;

		if (r->state == REPLICA_CURRENT && (past.not_full >> i & 1) != 0 && farm.n == 2 &&
		    !replica_usable(&farm.servers[1 - i].replica))
			memds[i].lossy = 1;
		past.not_full = (uint8_t)(past.not_full & ~(1u << i));
		if (r->state == REPLICA_FILLING || r->state == REPLICA_SUSPECT)
			past.not_full |= (uint8_t)(1u << i);
	}
}

/* One turn, as main.c has it. Returns 1 when anything moved. */
static int
turn(void)
{
	int did = user_send_all();

	event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK); /* else until nothing is left */
	do
		io_turn();
	while (flush_turn() || client_turn() || io_look());
	note_unfilled();
	did |= memd_turn();
	return user_read_all() | did;
}

static void
turns(unsigned n)
{
	while (n-- > 0 && !given_up && turn())
		;
}

/* Time passes, with all that it brings. */
static void
pass(uint64_t ms)
{
	uint64_t until = clock_ms + ms;

	do
		turns(8);
	while (!given_up && clock_step(until));
}

/* ---- the beginning ---- */

static void
add_servers(struct conf_list *list, unsigned from, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char text[64];

		snprintf(text, sizeof(text), "127.0.0.1:%u", MEMD_PORT_FROM + from + i);
		list->value[list->n++] = fuzz_text(text, strlen(text));
		memds[from + i].there = 1;
	}
}

static void
read_conf(struct script *s)
{
	static const uint32_t values[] = {1 << 20, 1024, 8192, 1 << 20};
	static const uint32_t memories[] = {64 << 20, 64 << 20, 1 << 20, 100000};
	static const uint32_t dirties[] = {1 << 20, 1 << 20, 6000, 0};
	unsigned where = script_byte(s), how = script_byte(s), size = script_byte(s);

	conf_init(&conf);
	switch (where % 8) {
	case 0: /* one alone */
		add_servers(&conf.servers, 0, 1);
		break;
	case 1: /* two pairs */
		add_servers(&conf.servers, 0, 2);
		add_servers(&conf.backups, 2, 2);
		conf.ketama = where / 8 % 2;
		break;
	case 2: /* three, each in both lists */
		add_servers(&conf.servers, 0, 3);
		add_servers(&conf.backups, 0, 3);
		conf.ketama = where / 8 % 2;
		break;
	default: /* a pair */
		add_servers(&conf.servers, 0, 1);
		add_servers(&conf.backups, 1, 1);
		break;
	}
	conf.connections = 1 + how % 3;
	if (how / 4 % 4 == 3)
		conf.ack = fuzz_text("leader", 6);
	conf.no_flush = how / 16 % 4 == 3;
	conf.hedge_ms = how / 64 % 4 == 3 ? 0 : 20;
	conf.max_value = values[size % 4];
	conf.max_memory = memories[size / 4 % 4];
	conf.dirty_limit = dirties[size / 16 % 4];
	conf.fill_rate = size / 64 == 3 ? 100 : 0;
}

/* What a predecessor has left in server i. */
static void
leave(unsigned i, unsigned what, const char *current)
{
	struct memd *m = &memds[i];
	char text[512];
	int n = snprintf(
	    text, sizeof(text), "memvip 1 %s %u 00000000000000%02x %s %llx %s 127.0.0.1:%u %s",
	    what & 1 ? "*:11211" : "another", 5 + (what >> 1 & 1), what >> 2 & 1,
	    what & 8 ? "clean" : "open", (unsigned long long)farm.epoch.placement + (what >> 6 & 1),
	    what & 128 ? "sweeping" : "swept", MEMD_PORT_FROM + i, current);

	memd_store(m, "__memvip__", 0, text, (size_t)n);
	if (what & 16)
		memd_store(m, "__memvip_lease__", 10, "memvip 1 0", 10);
	if (what & 32)
		memd_store(m, "__memvip_ports__", 0, "memvip 1 1 127.0.0.1:39999,127.0.0.1:40001",
			   42);
	for (unsigned k = 2; k < 6; k++)
		if (what >> k & 2) {
			n = snprintf(text, sizeof(text), "key_%u=0;from before", k);
			memd_store(m, (char[]){'k', 'e', 'y', '_', (char)('0' + k), 0}, 0, text,
				   (size_t)n);
		}
}

static void
read_predecessor(struct script *s)
{
	static const char both[] = "127.0.0.1:1001,127.0.0.1:1002";
	unsigned what = script_byte(s), each = script_byte(s);

	if (what % 4 != 0 || what == 0)
		return;
	/* One that has kept them alike, or nobody knows what. */
	past.by_others = !(what & 8);
	for (unsigned i = 0; i < MEMD_MAX; i++)
		if (memds[i].there)
			leave(i, what & 8 ? each : script_byte(s),
			      what & 24 ? both : "127.0.0.1:1001");
}

static void
begin(struct script *s)
{
	static struct farm_addrs addrs;
	char why[512];

	read_conf(s);
	MUST(farm_lookup(&addrs, &conf, why, sizeof(why)) == 0);
	MUST(farm_resolve(&farm, &conf, &addrs, why, sizeof(why)) == 0);
	MUST((base = event_base_new()) != NULL);
	gate = (struct gate){.opened = client_gate_opened};
	timer_init(base);
	io_init(base);
	report_init();
	submit_init(&farm, &conf);
	fill_init(&farm, &conf);
	client_init(&conf, &farm, &gate);
	flush_init(&farm, &gate);
	farm.epoch.fill = fill_server;
	farm.epoch.give_up = on_give_up;
	farm.epoch.closed = on_closed;
	farm_start(&farm, &conf, &gate);
	read_predecessor(s); /* nobody has looked yet */
	sweep_start(&farm);
	user_demands.max_value = (uint32_t)conf.max_value;
}

/* ---- the script ---- */

static int
is_pair(void)
{
	return memds[1].there && !memds[2].there;
}

static int
is_current(unsigned i)
{
	return farm.servers[i].replica.state == REPLICA_CURRENT;
}

/* From now on server i may not be what a healthy one is. */
static void
note_trouble(unsigned i)
{
	memds[i].touched = 1;
	if (!past.trouble && is_pair() && is_current(0) && is_current(1))
		past.one_victim = (uint8_t)(i + 1);
	if (past.one_victim != i + 1)
		past.one_victim = 0;
	past.trouble = 1;
}

/* What the past allows to be demanded. */
static void
demand(void)
{
	int lied = 0, lossy = 0, leader = conf.ack != NULL;
	int gentle = !past.trouble || past.one_victim != 0;

	for (unsigned i = 0; i < MEMD_MAX; i++) {
		lied |= memds[i].lied;
		lossy |= memds[i].lossy;
	}
	user_demands.no_mixup = !lied;
	user_demands.true_values = !lied && !past.by_others && !past.rude && !leader;
	if (lied || lossy || past.by_others || past.rude || leader || !gentle)
		user_demands.no_loss = 0;
	user_demands.no_error = 0;
	user_demands.no_break = conf.max_memory >= 64 << 20 && !given_up;
}

static void
trouble(struct script *s)
{
	unsigned what = script_byte(s), i = what / 16, arg;
	struct memd *m;

	for (i %= MEMD_MAX; !memds[i].there; i = (i + 1) % MEMD_MAX)
		;
	m = &memds[i];
	if (what % 16 < 14)
		note_trouble(i);
	switch (what % 16) {
	case 0:
		memd_freeze(m);
		break;
	case 1:
		memd_thaw(m);
		break;
	case 2:
		memd_kill(m);
		break;
	case 3:
		memd_start(m, 0);
		break;
	case 4:
		memd_start(m, 1);
		break;
	case 5:
		memd_hang_up(m);
		break;
	case 6:
		memd_cut(m);
		break;
	case 7:
		memd_heal(m);
		break;
	case 8:
		m->connect = (uint8_t)(script_byte(s) % 4);
		break;
	case 9:
		m->fail_stores = (uint8_t)(1 + script_byte(s) % 3);
		break;
	case 10:
		memd_evict(m, script_byte(s));
		break;
	case 11:
		past.by_others = 1;
		memd_flush(m);
		break;
	case 12: { /* raw bytes on one of its connections */
		unsigned conn = script_byte(s), n = 1 + script_byte(s) % 80;

		if (n > s->n)
			n = (unsigned)s->n;
		memd_say(m, conn % 8, s->p, n);
		s->p += n;
		s->n -= n;
		break;
	}
	case 13: /* another proxy comes by */
		past.by_others = 1;
		leave(i, script_byte(s), "127.0.0.1:1001,127.0.0.1:1002");
		break;
	case 14:
		arg = script_byte(s);
		m->piece = arg % 4 == 0 ? 0 : arg;
		if (m->piece != 0 && m->piece < 40)
			note_trouble(i); /* it may never come to an end */
		break;
	default:
		m->backwards = !m->backwards;
		break;
	}
	demand();
}

static void
manners(struct script *s)
{
	unsigned what = script_byte(s), who = what / 8;

	switch (what % 8) {
	case 0:
		user_close(who);
		break;
	case 1:
		user_half_close(who);
		break;
	case 2:
		user_read_on(who, 0);
		break;
	case 3:
		user_read_on(who, 1);
		break;
	case 4:
		user_piece(who, script_byte(s));
		break;
	case 5: {
		unsigned n = 1 + script_byte(s) % 120;

		if (n > s->n)
			n = (unsigned)s->n;
		past.rude = 1; /* it may write to everybody's keys */
		demand();
		user_raw(who, s->p, n);
		s->p += n;
		s->n -= n;
		break;
	}
	default:
		user_connect(who);
		break;
	}
}

static void
play(struct script *s)
{
	static const uint16_t times[] = {1,   5,    20,	  25,	60,   100,   260,   500,
					 510, 1000, 1000, 3000, 5000, 12000, 60000, 2};

	while (s->n > 0 && !given_up) {
		unsigned what = script_byte(s);

		switch (what % 8) {
		case 0:
		case 1:
		case 2:
			user_connect(what / 8);
			user_command(what / 8, s);
			break;
		case 3:
			turns(1 + what / 8);
			break;
		case 4:
			pass(times[what / 8 % 16]);
			break;
		case 5:
			trouble(s);
			break;
		case 6:
			manners(s);
			break;
		default:
			if (what / 8 == 31)
				clock_leap(times[script_byte(s) % 16]);
			else
				turns(3);
			break;
		}
	}
}

/* ---- the end ---- */

static int
all_is_well(void)
{
	for (unsigned i = 0; i < farm.n; i++)
		if (!is_current(i) || server_in_flight(&farm.servers[i]) > 0)
			return 0;
	return user_unanswered() == 0 && req_unanswered() == 0 && !epoch_is_raising(&farm.epoch) &&
	       gate_is_open(&gate);
}

/* Everything that was broken is whole again; what is left has its time. */
static void
settle(void)
{
	uint64_t until = clock_ms + SETTLE_MS;
	unsigned n = 0;

	user_behave();
	for (unsigned i = 0; i < MEMD_MAX; i++) {
		struct memd *m = &memds[i];

		if (!m->there)
			continue;
		memd_thaw(m);
		m->connect = m->fail_stores = 0;
		m->piece = 0;
		memd_heal(m);
		if (m->dead)
			memd_start(m, 0);
	}
	for (;;) {
		unsigned k = 0;

		while (!given_up && turn())
			MUST(++k < TURNS_MAX);
		if (given_up || all_is_well() || clock_ms >= until)
			break;
		clock_step(until);
		MUST(++n < TURNS_MAX);
	}
}

static int
expires_soon(const struct memd_item *it)
{
	return it->expires_s != 0 && it->expires_s < CLOCK_START_S + clock_ms / 1000 + 5;
}

/*
 * Both servers of a pair hold the same; but what one has lost is lost, and what is stale or to be
 * renewed is on the leader alone.
 */
static void
check_equal(struct memd *a, struct memd *b)
{
	/* A time to live counts from when the server has heard of it. */
	uint64_t late_s = 2 + (a->late_ms + b->late_ms) / 1000;

	for (unsigned i = 0; i < a->n_items; i++) {
		struct memd_item *x = &a->items[i], *y;

		if (x->key_len == 0 || memd_find(a, x->key, x->key_len) != x ||
		    (x->key_len > 8 && memcmp(x->key, "__memvip", 8) == 0))
			continue;
		y = memd_find(b, x->key, x->key_len);
		if (y == NULL && (b->lossy || expires_soon(x) || x->win || x->stale))
			continue;
		if (y == NULL || x->value.len != y->value.len ||
		    memcmp(x->value.p, y->value.p, x->value.len) != 0 || x->flags != y->flags)
			fprintf(stderr, "%.*s: \"%.*s\" and \"%.*s\"\n", x->key_len, x->key,
				(int)(x->value.len < 60 ? x->value.len : 60), x->value.p,
				y == NULL ? 6 : (int)(y->value.len < 60 ? y->value.len : 60),
				y == NULL ? "(none)" : y->value.p);
		MUST(y != NULL && x->value.len == y->value.len && x->flags == y->flags &&
		     memcmp(x->value.p, y->value.p, x->value.len) == 0);
		MUST((x->expires_s == 0) == (y->expires_s == 0));
		MUST(x->expires_s <= y->expires_s + late_s &&
		     y->expires_s <= x->expires_s + late_s);
	}
}

/* A new client is served. */
static void
check_served(void)
{
	static const uint8_t ask[] = {7, 15, 7, 15, 0, 1, 3, 4};
	struct script s = {ask, sizeof(ask)};

	user_close(USERS_MAX - 1);
	user_connect(USERS_MAX - 1);
	for (unsigned i = 0; i < 3; i++)
		user_command(USERS_MAX - 1, &s);
	for (unsigned i = 0; i < 100 && user_unanswered() > 0; i++)
		turns(10);
	MUST(user_unanswered() == 0);
}

static void
check_settled(void)
{
	int lied = 0;

	for (unsigned i = 0; i < MEMD_MAX; i++)
		lied |= memds[i].lied;
	if (given_up)
		return;
	MUST(user_unanswered() == 0);
	MUST(all_is_well());
	if (is_pair() && !lied && !past.by_others) {
		check_equal(&memds[0], &memds[1]);
		check_equal(&memds[1], &memds[0]);
	}
	check_served();
}

/* As main.c ends; then nothing is left. */
static void
end(int in_order)
{
	if (in_order && !given_up) {
		client_drain();
		sweep_stop();
		for (unsigned i = 0; i < farm.n; i++)
			fill_server(&farm.servers[i], 0);
		turns(50);
		epoch_close(&farm.epoch);
		turns(50);
		/* A server that belongs to another proxy by now keeps its marker. */
		MUST(closed || past.by_others);
	}
	sweep_stop();
	client_close_all();
	farm_stop(&farm);
	do
		io_turn();
	while (flush_turn());
	flush_stop();
	fill_stop();
	farm_free(&farm);
	MUST(stats_now.curr_connections == 0 && req_unanswered() == 0);
	MUST(hold_count == 0 && copy_reading == 0 && blob_total() == 0);
	MUST(clock_armed() == 0);
	io_end();
	event_base_free(base);
	conf_free(&conf);
	user_reset();
	memd_reset();
	net_reset();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned runs;
	struct script s = {data, size};
	size_t before;
	unsigned how;

	signal(SIGPIPE, SIG_IGN); /* as main.c does */
	still_restore();
	clock_reset();
	memd_reset();
	user_reset();
	memset(&past, 0, sizeof(past));
	memset(&farm, 0, sizeof(farm));
	given_up = closed = 0;
	user_demands.true_values = user_demands.no_loss = 1;
	before = __sanitizer_get_current_allocated_bytes();

	how = script_byte(&s);
	begin(&s);
	demand();
	if (how % 4 != 0)
		pass(1000); /* most find a proxy that is up */
	play(&s);
	settle();
	check_settled();
	end(how / 4 % 2);
	/* libevent and the C library take what they need at the first time. */
	if (runs++ > 0 && __sanitizer_get_current_allocated_bytes() != before) {
		still_restore(); /* what static memory pointed to is a leak then, and is shown */
		memset(&farm, 0, sizeof(farm));
		__lsan_do_leak_check();
		NEVER("memory that nothing gives back");
	}
	return 0;
}
