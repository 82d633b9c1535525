/* mirror: keeps what clients read alive on the follower too. See mirror.h. */
#include "mirror.h"

#include <stdlib.h>
#include <string.h>

#include "budget.h"
#include "copy.h"
#include "fill.h"
#include "hold.h"
#include "log.h"
#include "spare.h"
#include "stats.h"
#include "timer.h"
#include "wire.h"

/*
 * Between two tellings of a key. The longest is memcached's ITEM_UPDATE_INTERVAL; the first is to do
 * for servers whose memory turns over in ten seconds: an item has to be told of twice on its way.
 */
#define PAUSE_MIN_MS   1000
#define PAUSE_FIRST_MS 5000
#define PAUSE_MAX_MS   60000
/*
 * Keys remembered, in sets of so many ways: keys that pushed one another out would be told of at every
 * hit, and take the credit of all others. A set is a line of the processor's cache.
 */
#define SETS 4096
#define WAYS 8
/* At most a tenth of the reads: each hit earns one part, a mirrored one costs ten. */
#define COST   10
#define CREDIT (COST * 100)
/* Mirrored hits that were not answered yet. */
#define OPS_MAX 256
/* So many are kept for reuse. */
#ifndef KEEP_MAX
#define KEEP_MAX OPS_MAX
#endif

/* A value that is copied is taken to have so many bytes. */
#define MIRROR_TYPICAL 65536

/* Odd, and its bits are spread. */
#define MIX UINT64_C(0x9fb21c651e98df25)

/* Units of 64 ms: fine enough, and no division. */
#define TICK(ms) ((uint32_t)((ms) >> 6))

/*
 * What was told, and when: in TICK() of monotonic milliseconds. A set's hashes are compared with one at the
 * same time: which of them it is cannot be foretold, and a branch for each would be taken wrongly once a key.
 */
typedef uint32_t four __attribute__((vector_size(16)));
typedef uint64_t halves __attribute__((vector_size(16)));
struct set {
	union {
		uint32_t hash[WAYS];
		four hashes[WAYS / 4];
	};
	uint32_t when[WAYS];
};
static _Alignas(64) struct set sets[SETS];
static unsigned credit = CREDIT;

static struct {
	uint64_t ms;	   /* now */
	uint64_t since_ms; /* judged then; again when as long has gone by */
	uint8_t lacked;	   /* a follower lacked what it had been told of */
	uint8_t short_of;  /* credit, so that not all was told that should have been */
} pace = {.ms = PAUSE_FIRST_MS};

struct mirror_op {
	struct op op;
	struct server *leader, *follower;
	uint8_t again; /* the follower was told of the key before */
	char key[PROTO_KEY_MAX];
};

static struct spare ops = {
    .what = "a mirrored hit", .size = sizeof(struct mirror_op), .max = KEEP_MAX};
static unsigned n_ops, n_copies;

static void
mirror_copied(struct copy *c, enum copy_result result)
{
	if (result == COPY_REFUSED)
		c->to->stats.refused++;
	n_copies--;
	free(c);
}

/* Some time has gone by since the hit: it may have been lost meanwhile, and be filled by now. */
static int
mirror_is_current(const struct server *s)
{
	return server_usable(s) && s->replica.state == REPLICA_CURRENT;
}

/* The follower lacks what the leader has: it gets a copy. */
static void
mirror_copy(struct mirror_op *m)
{
	struct copy *c;

	if (n_copies == MIRROR_COPIES || n_copies >= budget_copies(MIRROR_TYPICAL) ||
	    !mirror_is_current(m->leader) || !mirror_is_current(m->follower))
		return; /* the next hit will find out again */
	if ((c = malloc(sizeof(*c))) == NULL)
		fatalx("out of memory: a copy");
	n_copies++;
	c->done = mirror_copied;
	copy_start(c, m->leader, m->follower, m->key, m->op.key_len, COPY_ADD);
}

/* Is a client's write on the key under way? */
static int
mirror_is_written(const struct mirror_op *m)
{
	const char *key = m->key;
	size_t len = m->op.key_len;

	return hold_busy(key, len) != NULL ||
	       backend_writes_key(server_conn(m->leader, key, len), key, len) ||
	       backend_writes_key(server_conn(m->follower, key, len), key, len);
}

static void
mirror_done(struct op *op, enum op_result result, const struct op_reply *reply)
{
	struct mirror_op *m = (struct mirror_op *)op;

	if (result == OP_LATE)
		return;
	/* Behind a client's write it may lack it by right; and a copy would win what md I has to give. */
	if (result == OP_ANSWER && reply->rsp->type == RSP_EN && !mirror_is_written(m)) {
		pace.lacked |= m->again;
		mirror_copy(m);
	}
	n_ops--;
	spare_give(&ops, m);
}

/*
 * Eight bytes at a time: it is computed for every hit. Two keys that collide are harmless. A product's
 * upper half is what all bytes have a part in: the lower one knows nothing of a word's last ones.
 */
static uint32_t
mirror_hash(const char *key, size_t len)
{
	uint64_t h = len * UINT64_C(0x9e3779b97f4a7c15), w = 0;

	if (len >= 8) {
		const char *last = key + len - 8;

		for (; key < last; key += 8) {
			memcpy(&w, key, 8);
			h = (h ^ w) * MIX;
			h ^= h >> 32;
		}
		memcpy(&w, last, 8);
	} else if (len >= 4) {
		uint32_t first, last;

		memcpy(&first, key, 4);
		memcpy(&last, key + len - 4, 4);
		w = (uint64_t)last << 32 | first;
	} else {
		while (len > 0)
			w = w << 8 | (unsigned char)key[--len];
	}
	h = (h ^ w) * MIX;
	h ^= h >> 32;
	h = h * MIX >> 32;
	return h != 0 ? (uint32_t)h : 1;
}

/* Steps down are large and steps up small: what was evicted is away until it is told of again. */
static void
mirror_judge_pace(void)
{
	if (timer_now_ms - pace.since_ms < pace.ms)
		return;
	if (!pace.lacked)
		pace.ms += pace.ms / 16;
	else if (!pace.short_of)
		pace.ms /= 2;
	if (pace.ms < PAUSE_MIN_MS)
		pace.ms = PAUSE_MIN_MS;
	else if (pace.ms > PAUSE_MAX_MS)
		pace.ms = PAUSE_MAX_MS;
	pace.since_ms = timer_now_ms;
	pace.lacked = pace.short_of = 0;
}

/* The way that goes for another key of its set: the oldest. now: as when. */
static __attribute__((noinline)) unsigned
mirror_oldest(const struct set *set, uint32_t now)
{
	unsigned oldest = 0;

	for (unsigned i = 1; i < WAYS; i++)
		if (now - set->when[i] > now - set->when[oldest])
			oldest = i;
	return oldest;
}

/* In which way of its set a hash is remembered, counted from 1. 0: in none. */
static inline unsigned
mirror_way(const struct set *set, uint32_t hash)
{
	const four wanted = {hash, hash, hash, hash};
	const four first = {1, 2, 3, 4}, second = {5, 6, 7, 8};
	const halves way = (halves)(((four)(set->hashes[0] == wanted) & first) |
				    ((four)(set->hashes[1] == wanted) & second));
	uint64_t all = way[0] | way[1];

	return (unsigned)(all | all >> 32);
}

/*
 * Credit is short: keys give way, by chance (xorshift; Marsaglia, 2003). Of keys that are read in turn the
 * same ones would find credit always, and others never.
 */
static int
mirror_gives_way(void)
{
	static uint32_t x = 2463534242;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return (x & 1) != 0;
}

/* hash is remembered in that way of its set (0: in none) from now on. */
static void
mirror_remember(uint32_t hash, unsigned way)
{
	struct set *set = &sets[hash % SETS];
	uint32_t now = TICK(timer_now_ms);

	way = way != 0 ? way - 1 : mirror_oldest(set, now);
	set->hash[way] = hash;
	set->when[way] = now;
}

/*
 * The follower is told, if there is credit for it. way: where the key's hash is remembered (0: nowhere);
 * again: it was told of it before.
 */
static __attribute__((noinline)) void
mirror_tell(struct server *follower, struct server *leader, const char *key, size_t len,
	    uint32_t hash, unsigned way, int again)
{
	char line[WIRE_LINE_MAX];
	struct mirror_op *m;

	if (follower->replica.state != REPLICA_CURRENT) {
		/* The hit moves the item in the LRU, where the listing may miss it now. */
		mirror_remember(hash, way);
		fill_add(follower, key, len);
		return;
	}
	if (credit < COST || n_ops == OPS_MAX) {
		pace.short_of = 1;
		return;
	}
	if (pace.short_of && mirror_gives_way())
		return;
	credit -= COST;
	mirror_remember(hash, way);
	m = spare_take(&ops);
	n_ops++;
	stats.mirrored++;
	m->leader = leader;
	m->follower = follower;
	m->again = again != 0;
	memcpy(m->key, key, len);
	m->op = (struct op){
	    .done = mirror_done, .key = m->key, .key_len = (uint8_t)len, .kind = OP_META};
	backend_send_later(server_conn(follower, key, len), &m->op, line,
			   wire_meta_touch(line, key, len));
}

/* n hits are to be looked at. Returns 0 when there is nobody to tell of them. */
static inline int
mirror_begin(const struct server *follower, const struct server *leader, unsigned n)
{
	if (follower == NULL || follower == leader || !server_usable(follower))
		return 0;
	credit = credit + n < CREDIT ? credit + n : CREDIT;
	mirror_judge_pace();
	return 1;
}

static inline void
mirror_look(struct server *follower, struct server *leader, const char *key, size_t len,
	    uint32_t hash)
{
	const struct set *set = &sets[hash % SETS];
	unsigned way = mirror_way(set, hash);
	uint32_t when = way != 0 ? set->when[way - 1] : 0;
	int again = way != 0 && when >= TICK(follower->replica.since_ms);

	if (!again || TICK(timer_now_ms) - when >= TICK(pace.ms))
		mirror_tell(follower, leader, key, len, hash, way, again);
}

void
mirror_hit(struct server *follower, struct server *leader, const char *key, size_t len)
{
	if (mirror_begin(follower, leader, 1))
		mirror_look(follower, leader, key, len, mirror_hash(key, len));
}

void
mirror_hits(struct server *follower, struct server *leader, const struct op_reply *reply)
{
	const struct op_item *items = reply->items;
	uint32_t hash[OP_ITEMS_MAX];

	if (!mirror_begin(follower, leader, reply->n_items))
		return;
	/* All sets are fetched before the first is looked at. */
	for (unsigned i = 0; i < reply->n_items; i++) {
		hash[i] = mirror_hash(reply->p + items[i].key, items[i].key_len);
		__builtin_prefetch(&sets[hash[i] % SETS]);
	}
	for (unsigned i = 0; i < reply->n_items; i++)
		mirror_look(follower, leader, reply->p + items[i].key, items[i].key_len, hash[i]);
}
