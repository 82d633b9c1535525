/* sweep: deletes keys that belong to other servers. See sweep.h. */
#include "sweep.h"

#include <string.h>

#include "gate.h"
#include "listing.h"
#include "log.h"
#include "marker.h"
#include "timer.h"
#include "wire.h"

/* How often it is looked whether a server has to be swept. */
#define LOOK_MS 1000
/* A listing that failed is tried again, what had to wait is looked at again. */
#define AGAIN_MS 200

struct sweep_op {
	struct op op;
	char key[PROTO_KEY_MAX];
};

static struct farm *farm;
static struct server *swept; /* the one that is worked on; NULL: none */
static struct listing listing;
static struct timer tick;
static struct sweep_op window[SWEEP_WINDOW];
static unsigned in_flight;
static unsigned passes;		/* that have found nothing */
static uint64_t found, deleted; /* by this pass; of this server */
static uint64_t since_ms;
static uint8_t paused;
static uint8_t stopped;

static void
sweep_rest(uint64_t ms)
{
	if (!stopped)
		timer_set(&tick, ms);
}

/* The server is done with, or went out of use. */
static void
sweep_leave(void)
{
	listing_stop(&listing);
	swept = NULL;
	sweep_rest(1);
}

static int
sweep_may_go_on(void)
{
	return !stopped && swept->replica.state == REPLICA_CURRENT && server_usable(swept) &&
	       !swept->swept;
}

static int
sweep_has_room(void)
{
	/* A flush_all needs quiet. */
	return in_flight < SWEEP_WINDOW && gate_is_open(farm->epoch.gate);
}

/* The pass is over when its last delete was answered. */
static void
sweep_check_pass(void)
{
	if (listing.running || in_flight > 0)
		return;
	if (found > 0 || ++passes < SWEEP_PASSES) {
		found = 0;
		sweep_rest(1);
		return;
	}
	log_info("server %s: the lists were changed: swept in %llu ms; keys that belong to other "
		 "servers now, deleted: %llu",
		 swept->replica.name, (unsigned long long)(timer_now_ms - since_ms),
		 (unsigned long long)deleted);
	epoch_swept(&farm->epoch, swept);
	sweep_leave();
}

static void
sweep_on_deleted(struct op *op, enum op_result result, const struct op_reply *reply)
{
	(void)reply;
	if (result == OP_LATE)
		return;
	op->key_len = 0; /* free again */
	in_flight--;
	if (swept == NULL || op->asker != swept)
		return;
	if (!sweep_may_go_on())
		sweep_leave();
	else if (paused && sweep_has_room() && in_flight < SWEEP_WINDOW / 2) {
		paused = 0;
		listing_resume(&listing);
	} else {
		sweep_check_pass();
	}
}

static void
sweep_delete(const char *key, size_t len)
{
	struct sweep_op *so = window;
	char line[WIRE_LINE_MAX];

	while (so->op.key_len != 0)
		so++;
	memcpy(so->key, key, len);
	so->op = (struct op){.done = sweep_on_deleted,
			     .asker = swept,
			     .kind = OP_DELETE,
			     .key = so->key,
			     .key_len = (uint8_t)len};
	in_flight++;
	found++;
	deleted++;
	backend_send(server_conn(swept, key, len), &so->op, line, wire_delete(line, key, len), NULL,
		     NULL, 0);
}

static int
belongs(const struct server *s, const char *key, size_t len)
{
	struct ring_pair home = ring_find(&farm->ring, key, len);
	int here = (int)(s - farm->servers);

	return home.primary == here || home.backup == here || marker_is_key(key, len);
}

static int
sweep_on_key(struct listing *l, const char *key, size_t len)
{
	(void)l;
	if (!sweep_may_go_on()) {
		sweep_rest(1);
		return 0;
	}
	if (!belongs(swept, key, len))
		sweep_delete(key, len);
	paused = !sweep_has_room();
	if (paused)
		sweep_rest(AGAIN_MS); /* should it be for the gate */
	return !paused;
}

static void
sweep_on_listed(struct listing *l, const char *why)
{
	(void)l;
	if (swept == NULL)
		return;
	if (why == NULL) {
		sweep_check_pass();
		return;
	}
	if (strcmp(why, "busy") != 0)
		log_warnx(
		    "server %s: keys that belong to others cannot be listed: %s; trying again",
		    swept->replica.name, why);
	found++; /* this pass counts for nothing */
	sweep_rest(AGAIN_MS);
}

/* The next server that has to be swept. Returns 0 when all are, for good. */
static int
sweep_next(void)
{
	int more = 0;

	for (unsigned i = 0; i < farm->n; i++) {
		struct server *s = &farm->servers[i];
		more |= !s->swept;
		if (s->swept || s->replica.state != REPLICA_CURRENT || !server_usable(s))
			continue;
		swept = s;
		passes = 0;
		found = deleted = 0;
		since_ms = timer_now_ms;
		return 1;
	}
	return more;
}

static void
sweep_on_tick(struct timer *t, void *arg)
{
	(void)arg;
	if (swept == NULL && !sweep_next())
		return; /* a server that comes back is swept, or it is emptied */
	if (swept == NULL) {
		timer_set(t, LOOK_MS);
	} else if (!sweep_may_go_on()) {
		sweep_leave();
	} else if (listing.running) {
		if (paused && sweep_has_room()) {
			paused = 0;
			listing_resume(&listing);
		} else if (paused) {
			sweep_rest(AGAIN_MS);
		}
	} else if (listing.io.dead || in_flight > 0 ||
		   listing_start(&listing, &swept->addr) == -1) {
		timer_set(t, AGAIN_MS);
	} else {
		paused = 0;
		found = 0;
	}
}

void
sweep_start(struct farm *f)
{
	farm = f;
	stopped = 0;
	listing.key = sweep_on_key;
	listing.end = sweep_on_listed;
	listing_setup(&listing);
	timer_setup(&tick, sweep_on_tick, NULL);
	timer_set(&tick, LOOK_MS);
}

void
sweep_stop(void)
{
	stopped = 1;
	timer_stop(&tick);
	if (swept != NULL)
		sweep_leave();
}
