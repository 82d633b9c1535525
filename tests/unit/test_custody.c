/* Intent: the custody table is whole, and no sequence of events leads to a proxy where none should be,
 * or to none where one should. */
/* needs: notify/custody.c */
#include <string.h>

#include "cm.h"
#include "custody.h"

/* ---- the table by itself ---- */

static int
has_proxy(enum custody_state s)
{
	return s == CUSTODY_STARTING || s == CUSTODY_SERVING || s == CUSTODY_ENDING ||
	       s == CUSTODY_LEAVING;
}

static int
is_proxy_end(enum custody_event e)
{
	return e == CUSTODY_PROXY_DIED || e == CUSTODY_PROXY_SUPERSEDED ||
	       e == CUSTODY_PROXY_REFUSED;
}

#define EACH_CELL                                               \
	for (enum custody_state s = 0; s < CUSTODY_STATES; s++) \
		for (enum custody_event e = 0; e < CUSTODY_EVENTS; e++)

static void
every_cell_is_set(void **state)
{
	(void)state;
	EACH_CELL
	{
		struct custody_step step = custody_step(s, e);

		if (step.action == CUSTODY_UNSET || step.action >= CUSTODY_ACTIONS ||
		    step.next >= CUSTODY_STATES)
			fail_msg("no step for %s, %s", custody_state_name(s),
				 custody_event_name(e));
	}
}

static void
everything_has_a_name(void **state)
{
	(void)state;
	for (enum custody_state s = 0; s < CUSTODY_STATES; s++)
		assert_true(strlen(custody_state_name(s)) > 0);
	for (enum custody_event e = 0; e < CUSTODY_EVENTS; e++)
		assert_true(strlen(custody_event_name(e)) > 0);
}

static void
actions_fit_the_states(void **state)
{
	(void)state;
	EACH_CELL
	{
		struct custody_step step = custody_step(s, e);
		const char *where = custody_state_name(s), *what = custody_event_name(e);
		int ends = is_proxy_end(e), proxy = has_proxy(s) && !ends;

		switch (step.action) {
		case CUSTODY_START:
			if (proxy || step.next != CUSTODY_STARTING)
				fail_msg("a second proxy: %s, %s", where, what);
			break;
		case CUSTODY_TERM:
		case CUSTODY_DRAIN:
		case CUSTODY_HASTEN:
		case CUSTODY_KILL:
		case CUSTODY_SERVED:
		case CUSTODY_TRUST:
			if (!proxy)
				fail_msg("no proxy to do it to: %s, %s", where, what);
			break;
		case CUSTODY_RETRY:
		case CUSTODY_PAUSE:
		case CUSTODY_SLOW:
			if (!ends || step.next != CUSTODY_WAITING)
				fail_msg("waits for nothing: %s, %s", where, what);
			break;
		case CUSTODY_ABANDON:
			if (e != CUSTODY_KEEPALIVED_NOWHERE)
				fail_msg("a VIP taken away in doubt: %s, %s", where, what);
			break;
		default:
			break;
		}
		if (proxy != has_proxy(step.next) && step.action != CUSTODY_START)
			fail_msg("loses its proxy: %s, %s", where, what);
		if (s == CUSTODY_GONE && step.next != CUSTODY_GONE)
			fail_msg("back from the end: %s", what);
		if (step.next == CUSTODY_GONE && s != CUSTODY_GONE && step.action != CUSTODY_END &&
		    step.action != CUSTODY_ABANDON)
			fail_msg("ends by the way: %s, %s", where, what);
	}
}

/* ---- the table in a world ---- */

struct world {
	unsigned char state; /* enum custody_state */
	unsigned char vip, keepalived;
	unsigned char watched; /* the custodian has a living keepalived to watch */
	unsigned char proxy;   /* it runs */
	unsigned char told;    /* it was told to end */
	unsigned char timer;   /* one runs */
	unsigned char stopped; /* SIGTERM or stop, once */
};

#define WORLDS (CUSTODY_STATES << 7)

static unsigned
world_number(const struct world *w)
{
	return (unsigned)w->state << 7 | (unsigned)w->vip << 6 | (unsigned)w->keepalived << 5 |
	       (unsigned)w->watched << 4 | (unsigned)w->proxy << 3 | (unsigned)w->told << 2 |
	       (unsigned)w->timer << 1 | w->stopped;
}

static enum custody_event
truth(struct world *w)
{
	w->watched = w->watched && w->keepalived;
	if (!w->watched)
		return CUSTODY_KEEPALIVED_GONE;
	return w->vip ? CUSTODY_VIP_HERE : CUSTODY_VIP_GONE;
}

/* What the custodian does, without the doing. */
static void
world_feed(struct world *w, enum custody_event event)
{
	for (int chain = 0;; chain++) {
		struct custody_step step = custody_step(w->state, event);

		assert_true(chain < 6);
		w->state = (unsigned char)step.next;
		if (step.action != CUSTODY_NOTHING && step.action != CUSTODY_HASTEN)
			w->timer = 0;
		switch (step.action) {
		case CUSTODY_LOOK:
			event = truth(w);
			continue;
		case CUSTODY_SEEK:
			w->watched = w->keepalived;
			event =
			    w->keepalived ? CUSTODY_KEEPALIVED_BACK : CUSTODY_KEEPALIVED_NOWHERE;
			continue;
		case CUSTODY_START:
			assert_int_equal(w->proxy, 0);
			w->proxy = 1;
			w->told = 0;
			w->timer = 1;
			break;
		case CUSTODY_TERM:
		case CUSTODY_DRAIN:
		case CUSTODY_KILL:
			w->told = 1;
			w->timer = 1;
			break;
		case CUSTODY_SERVED:
		case CUSTODY_RETRY:
		case CUSTODY_PAUSE:
		case CUSTODY_SLOW:
		case CUSTODY_ORPHAN:
			w->timer = 1;
			break;
		case CUSTODY_ABANDON:
			w->vip = 0;
			break;
		default:
			break;
		}
		return;
	}
}

/* Everything that can happen. Returns 0 when it cannot, here. */
static int
world_happen(struct world *w, unsigned what)
{
	switch (what) {
	case 0: /* the VIP comes or goes, and the kernel says so */
		w->vip = !w->vip;
		world_feed(w, truth(w));
		return 1;
	case 1: /* keepalived is killed */
		if (!w->keepalived)
			return 0;
		w->keepalived = 0;
		if (w->watched) {
			w->watched = 0;
			world_feed(w, CUSTODY_KEEPALIVED_GONE);
		}
		return 1;
	case 2: /* keepalived comes, and no hook yet */
		w->keepalived = 1;
		return 1;
	case 3: /* a hook, or sync: brings its keepalived */
	case 4:
	case 5:
		if (w->keepalived && !w->watched) {
			w->watched = 1;
			world_feed(w, CUSTODY_KEEPALIVED_BACK);
		}
		world_feed(w, truth(w));
		if (what == 4)
			world_feed(w, CUSTODY_NUDGE);
		if (what == 5)
			world_feed(w, CUSTODY_DELETED);
		return 1;
	case 6:
		if (!w->timer)
			return 0;
		w->timer = 0;
		world_feed(w, CUSTODY_TIMER);
		return 1;
	case 7:
		if (!w->proxy || w->told)
			return 0;
		world_feed(w, CUSTODY_PROXY_READY);
		return 1;
	case 8:
	case 9:
	case 10:
		if (!w->proxy)
			return 0;
		w->proxy = w->told = 0;
		world_feed(w, what == 8	  ? CUSTODY_PROXY_DIED
			      : what == 9 ? CUSTODY_PROXY_SUPERSEDED
					  : CUSTODY_PROXY_REFUSED);
		return 1;
	case 11:
		w->stopped = 1;
		world_feed(w, CUSTODY_STOP);
		return 1;
	default:
		return -1;
	}
}

static void
world_judge(const struct world *w)
{
	const char *name = custody_state_name(w->state);

	if (w->proxy != has_proxy(w->state))
		fail_msg("%s, and a proxy: %d", name, w->proxy);
	if (w->proxy && !w->told && !(w->vip && w->watched))
		fail_msg("%s: a proxy that nobody ends, with VIP: %d, keepalived: %d", name, w->vip,
			 w->watched);
	if (w->proxy && w->told && !w->timer)
		fail_msg("%s: a proxy that may take its time", name);
	if (w->state == CUSTODY_IDLE && w->vip && w->watched)
		fail_msg("the VIP is here and keepalived lives, but nobody starts a proxy");
	if (w->state == CUSTODY_IDLE && !w->watched)
		fail_msg("keepalived is gone, and nobody cares");
	if ((w->state == CUSTODY_WAITING || w->state == CUSTODY_ORPHANED ||
	     w->state == CUSTODY_PARTING || w->state == CUSTODY_STARTING) &&
	    !w->timer)
		fail_msg("%s: for good", name);
	if (w->stopped && w->proxy && !w->told)
		fail_msg("%s: a proxy after the stop", name);
}

/* All worlds that any sequence of events can lead to are looked at. */
static void
no_way_leads_astray(void **state)
{
	static unsigned char seen[WORLDS];
	static struct world queue[WORLDS];
	unsigned head = 0, tail = 0, gone = 0, reached[CUSTODY_STATES] = {0};
	struct world first = {.state = CUSTODY_IDLE, .keepalived = 1, .watched = 1};

	(void)state;
	queue[tail++] = first;
	seen[world_number(&first)] = 1;
	while (head < tail) {
		struct world from = queue[head++], to = from;
		int rc;

		for (unsigned what = 0; (rc = world_happen(&to, what)) != -1; what++, to = from) {
			if (rc == 0)
				continue;
			world_judge(&to);
			if (to.state == CUSTODY_GONE) {
				/* Who leaves for want of a keepalived leaves no VIP behind. */
				gone++;
				if (!from.keepalived && to.vip && !to.keepalived &&
				    from.state != CUSTODY_GONE)
					fail_msg("%s: gone, and the VIP left behind",
						 custody_state_name(from.state));
			}
			reached[to.state]++;
			if (seen[world_number(&to)])
				continue;
			seen[world_number(&to)] = 1;
			queue[tail++] = to;
		}
	}
	assert_true(gone > 0);
	for (enum custody_state s = 0; s < CUSTODY_STATES; s++)
		if (reached[s] == 0)
			fail_msg("%s is never reached", custody_state_name(s));
	assert_true(tail > 30); /* worlds: else the walk went nowhere, and proved nothing */
}

/* Whatever the world was, when nothing more happens to it, it comes to rest as the truth demands. */
static void
the_truth_is_served_in_the_end(void **state)
{
	(void)state;
	for (unsigned n = 0; n < 32; n++) {
		struct world w = {.state = CUSTODY_IDLE, .keepalived = 1, .watched = 1};

		/* Some history: each bit an event, in an order that depends on n. */
		for (unsigned k = 0; k < 40; k++) {
			unsigned what = (k * 7 + n * 5 + k * k * n) % 11;

			if (what == 5)
				continue; /* deleted: no custodian any more */
			(void)world_happen(&w, what);
		}
		if (w.state == CUSTODY_GONE)
			continue;
		w.vip = n & 1;
		(void)world_happen(&w, 2);
		(void)world_happen(&w, 3);
		for (unsigned k = 0; k < 8; k++) {
			if (w.proxy && w.told)
				(void)world_happen(&w, 8);
			else if (w.state == CUSTODY_STARTING)
				(void)world_happen(&w, 7);
			else
				(void)world_happen(&w, 6);
		}
		assert_int_equal(w.state, (n & 1) != 0 ? CUSTODY_SERVING : CUSTODY_IDLE);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_cell_is_set),
	    cmocka_unit_test(everything_has_a_name),
	    cmocka_unit_test(actions_fit_the_states),
	    cmocka_unit_test(no_way_leads_astray),
	    cmocka_unit_test(the_truth_is_served_in_the_end),
	};

	return RUN(tests);
}
