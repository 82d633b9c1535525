/* fill: makes a server as full as the others. See fill.h. */
#include "fill.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "copy.h"
#include "dirty.h"
#include "io.h"
#include "listing.h"
#include "log.h"
#include "marker.h"
#include "timer.h"

/* How often a rate that is limited is looked at, and a listing that failed is tried again. */
#define TICK_MS	 10
#define AGAIN_MS 200
/*
 * memcached's own moves of items along the LRU hide some from a listing (measured: up to half of
 * them, where many were read just before). So the leaders are listed until a pass brings nothing
 * new; where keys are compared, nothing tells, and it is this often.
 */
#define PASSES_MAX     8
#define OVERLAY_PASSES 4
/* What a copy costs of fill.credit, and a look that finds the key there: a millisecond earns
 * --fill-rate. */
#define CREDIT_COPY 1000
#define CREDIT_LOOK 100

struct fill {
	struct server *to;
	uint8_t running;
	uint8_t told;	    /* that a listing failed */
	uint8_t pass;	    /* how often the leaders were listed */
	uint64_t found;	    /* keys that this pass has brought */
	uint8_t listing_on; /* a listing runs or is to be tried again */
	unsigned source;    /* the server that is listed, index in the farm; n: all were */
	unsigned in_flight;
	size_t typical; /* bytes of a value of late: quick to grow, slower to shrink */
	struct listing listing;
	struct dirty queue; /* what was listed */
	struct timer tick;
	uint64_t credit;    /* thousandths of a copy, where a rate is set */
	uint64_t credit_ms; /* when it was last added to */
	uint64_t since_ms;
	struct copy copies[FILL_WINDOW];
	uint8_t busy[FILL_WINDOW];
};

static struct farm *farm;
static const struct conf *conf;
static struct fill *fills; /* one for each server */

static void fill_pump(struct fill *f);
static void fill_list_next(struct fill *f);

static int
fill_is_overlay(const struct fill *f)
{
	return f->to->replica.state == REPLICA_SUSPECT;
}

/* Who leads a key that f's server has to have too; NULL: none of its business, or nobody does. */
static struct server *
fill_leader(const struct fill *f, const char *key, size_t len)
{
	struct route to = farm_route(farm, key, len, ROUTE_READ);

	return to.follower == f->to ? to.leader : NULL;
}

static void
fill_on_copied(struct copy *c, enum copy_result result)
{
	struct fill *f = c->arg;

	f->busy[c - f->copies] = 0;
	f->in_flight--;
	if (c->size > f->typical)
		f->typical = c->size;
	else
		f->typical -= (f->typical - c->size) / 8;
	f->to->fill_done++;
	f->found += c->stored;
	if (conf->fill_rate != 0 && c->mode == COPY_MISSING && !c->stored)
		f->credit += CREDIT_COPY - CREDIT_LOOK;
	if (result == COPY_REFUSED)
		f->to->stats.refused++;
	if (f->running)
		fill_pump(f);
}

static struct copy *
fill_free_copy(struct fill *f)
{
	for (unsigned i = 0; i < FILL_WINDOW; i++)
		if (!f->busy[i]) {
			f->busy[i] = 1;
			return &f->copies[i];
		}
	return NULL;
}

static enum copy_mode
fill_mode(const struct fill *f)
{
	if (fill_is_overlay(f))
		return COPY_REPLACE;
	return f->pass > 1 ? COPY_MISSING : COPY_ADD;
}

static void
fill_copy(struct fill *f, const char *key, size_t len)
{
	struct server *leader = fill_leader(f, key, len);
	struct copy *c;

	if (leader == NULL || marker_is_key(key, len)) {
		f->to->fill_done++;
		return;
	}
	c = fill_free_copy(f);
	c->done = fill_on_copied;
	c->arg = f;
	f->in_flight++;
	if (conf->fill_rate != 0)
		f->credit -= CREDIT_COPY;
	copy_start(c, leader, f->to, key, len, fill_mode(f));
}

static void
fill_list_again(struct fill *f)
{
	f->pass++;
	f->found = 0;
	f->source = 0;
	f->listing_on = 1;
	timer_set(&f->tick, TICK_MS);
}

/* Every key was copied: it is as full as the others. */
static void
fill_finish(struct fill *f)
{
	struct server *s = f->to;

	if (s->incomplete && f->pass < (fill_is_overlay(f) ? OVERLAY_PASSES
					: f->found > 0	   ? PASSES_MAX
							   : 0)) {
		fill_list_again(f);
		return;
	}
	if (s->dirty.overflow) { /* more keys were found wrong than the list holds: all again */
		dirty_clear(&s->dirty);
		s->incomplete = 1;
		fill_list_again(f);
		return;
	}
	log_info("server %s: filled: %llu keys looked at in %llu ms", s->replica.name,
		 (unsigned long long)s->fill_done,
		 (unsigned long long)(timer_now_ms - f->since_ms));
	fill_server(s, 0);
	s->incomplete = 0;
	server_filled(s, "it holds what the leader holds");
}

static int
fill_must_wait(const struct fill *f)
{
	for (unsigned i = 0; i < farm->n; i++) {
		const struct server *s = &farm->servers[i];
		if (epoch_partners(&farm->epoch, f->to, s) && s->replica.state == REPLICA_CURRENT &&
		    !server_usable(s))
			return 1;
	}
	return 0;
}

/* Copies that may be on the way: large values by the few, for all of them are buffered here. */
static unsigned
fill_window(const struct fill *f)
{
	unsigned n = budget_copies(f->typical);

	return n < FILL_WINDOW ? n : FILL_WINDOW;
}

/* Keeps the window full: first what is known to be wrong, then what was listed. */
static void
fill_pump(struct fill *f)
{
	char key[PROTO_KEY_MAX];
	size_t len;

	/* A flush_all needs quiet; a leader that is silent now may speak again. */
	if (!gate_is_open(farm->epoch.gate) || fill_must_wait(f)) {
		timer_set(&f->tick, TICK_MS);
		return;
	}
	while (f->in_flight < fill_window(f) &&
	       (conf->fill_rate == 0 || f->credit >= CREDIT_COPY)) {
		if ((len = dirty_take(&f->to->dirty, key)) == 0 &&
		    (len = dirty_take(&f->queue, key)) == 0)
			break;
		fill_copy(f, key, len);
	}
	if (dirty_count(&f->queue) < FILL_QUEUE / 2)
		listing_resume(&f->listing);
	if (f->in_flight == 0 && !f->listing_on && dirty_count(&f->queue) == 0 &&
	    dirty_count(&f->to->dirty) == 0)
		fill_finish(f);
}

static int
fill_on_key(struct listing *l, const char *key, size_t len)
{
	struct fill *f = l->arg;

	f->to->fill_total++;
	dirty_add(&f->queue, key, len);
	if (dirty_count(&f->queue) >= FILL_QUEUE)
		return 0;
	fill_pump(f);
	return dirty_count(&f->queue) < FILL_QUEUE;
}

static void
fill_on_listed(struct listing *l, const char *why)
{
	struct fill *f = l->arg;

	if (!f->running)
		return;
	if (why == NULL) {
		f->source++;
		fill_list_next(f);
		return;
	}
	if (strcmp(why, "busy") != 0 && !f->told++)
		log_warnx("server %s: cannot be filled from %s: %s; trying again every %d ms",
			  f->to->replica.name, farm->servers[f->source].replica.name, why,
			  AGAIN_MS);
	timer_set(&f->tick, AGAIN_MS);
}

/* Lists the next server that may hold keys of ours; itself too when it is compared. */
static void
fill_list_next(struct fill *f)
{
	f->listing_on = 1;
	if (fill_must_wait(f)) {
		timer_set(&f->tick, AGAIN_MS);
		return;
	}
	for (; f->source < farm->n; f->source++) {
		struct server *s = &farm->servers[f->source];
		if (s == f->to ? !fill_is_overlay(f) : !epoch_partners(&farm->epoch, f->to, s))
			continue;
		if (!server_usable(s))
			continue;
		/* The end of the last listing may be what has brought us here. */
		if (f->listing.io.dead || listing_start(&f->listing, &s->addr) == -1)
			timer_set(&f->tick, TICK_MS);
		return;
	}
	f->listing_on = 0;
	fill_pump(f);
}

static void
fill_on_tick(struct timer *t, void *arg)
{
	struct fill *f = arg;

	if (!f->running)
		return;
	if (f->listing_on && !f->listing.running)
		fill_list_next(f);
	else
		fill_pump(f);
	if (conf->fill_rate != 0 && f->running) {
		f->credit += (timer_now_ms - f->credit_ms) * conf->fill_rate;
		/* No burst for what was not used. */
		if (f->credit > CREDIT_COPY + 2 * TICK_MS * conf->fill_rate)
			f->credit = CREDIT_COPY + 2 * TICK_MS * conf->fill_rate;
		f->credit_ms = timer_now_ms;
		timer_set(t, TICK_MS);
		fill_pump(f);
	}
}

void
fill_server(struct server *s, int begin)
{
	struct fill *f = &fills[s - farm->servers];

	if ((begin != 0) == f->running)
		return;
	f->running = begin != 0;
	if (!begin) {
		listing_stop(&f->listing);
		timer_stop(&f->tick);
		dirty_clear(&f->queue);
		return;
	}
	f->told = 0;
	f->pass = 1;
	f->found = 0;
	f->typical = conf->max_value;
	s->fill_done = 0;
	s->fill_total = dirty_count(&s->dirty);
	f->since_ms = timer_now_ms;
	f->source = s->incomplete ? 0 : farm->n;
	f->listing_on = 1; /* from the tick: not from inside whatever made it usable */
	f->credit = 0;
	f->credit_ms = timer_now_ms;
	timer_set(&f->tick, 1);
}

void
fill_changed(void)
{
	for (unsigned i = 0; i < farm->n; i++) {
		struct fill *f = &fills[i];
		if (!f->running)
			continue;
		f->credit = 0;
		f->credit_ms = timer_now_ms;
		timer_set(&f->tick, 1); /* what has waited for the old rate goes on */
	}
}

void
fill_add(struct server *s, const char *key, size_t len)
{
	struct fill *f = &fills[s - farm->servers];

	dirty_add(&s->dirty, key, len);
	s->fill_total++;
	if (f->running)
		fill_pump(f);
}

void
fill_init(struct farm *the_farm, const struct conf *the_conf)
{
	farm = the_farm;
	conf = the_conf;
	fills = calloc(farm->n, sizeof(*fills));
	if (fills == NULL)
		fatalx("out of memory: filling");
	for (unsigned i = 0; i < farm->n; i++) {
		struct fill *f = &fills[i];
		f->to = &farm->servers[i];
		dirty_init(&f->queue, UINT32_MAX / 2);
		f->listing.key = fill_on_key;
		f->listing.end = fill_on_listed;
		f->listing.arg = f;
		listing_setup(&f->listing);
		timer_setup(&f->tick, fill_on_tick, f);
	}
}

void
fill_stop(void)
{
	for (unsigned i = 0; i < farm->n; i++) {
		listing_stop(&fills[i].listing);
		timer_stop(&fills[i].tick);
		dirty_clear(&fills[i].queue);
	}
	io_turn(); /* the listings' connections */
	free(fills);
	fills = NULL;
}
