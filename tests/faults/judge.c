/* judge: what was written, when, and what a read may therefore tell. See judge.h. */
#include "judge.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "story.h"

#define NEVER	    UINT64_MAX
#define KEPT	    256 /* writes of a key that are kept though they are over; for the histories */
#define OPEN_MAX    (1u << 20) /* writes of a key that may still happen: more is a test gone wrong */
#define MISSES_TOLD 2	       /* they are no lie, and where they are many they are all alike */
/* How much longer than its exptime an item may be seen: two ticks of memcached's clock, and one. */
#define EXPIRY_SLACK_US 3000000u

enum fate { OPEN, DONE, REFUSED, UNANSWERED, SETTLED };

struct write {
	uint64_t id;
	uint64_t begun_us;
	uint64_t ended_us;   /* NEVER: it may yet take effect */
	uint64_t expires_us; /* NEVER, or: not to be seen by a read that begins later */
	enum judge_kind kind;
	enum fate fate;
	unsigned exptime_s;
	uint8_t vanishes; /* counted in deletes_open */
	uint8_t swapped;  /* a cas has relied on it and was stored */
	/* A counter's. */
	uint64_t count;	  /* the highest that was told */
	uint64_t window;  /* of the 64 counts up to it: those that incr has answered */
	uint64_t answers; /* that incr has given */
};

struct key {
	struct write *w; /* by id */
	size_t n, size;
	uint64_t acked_us, seen_us, stored_us, deleted_us; /* as in struct judge_view */
	unsigned stores_open, deletes_open;		   /* that may yet take effect */
	uint64_t store_end_us, delete_end_us;		   /* the latest end of the others */
	uint64_t counter, count;
	uint64_t attempts, uncounted; /* of incr */
	uint64_t counting;	      /* incrs that were not answered yet */
};

struct judge {
	struct key *keys;
	unsigned n;
	struct story *story;
	struct judge_ids *ids;
	struct judge *other; /* of the other half, while what is written here may reach it */
	uint64_t acknowledged;
	int vanishing; /* judge_may_vanish() */
	int final;
	struct judge_counts counts;
};

struct judge *
judge_new(unsigned keys, struct story *story, struct judge_ids *ids)
{
	struct judge *j = calloc(1, sizeof(*j));

	if (j == NULL || (j->keys = calloc(keys, sizeof(*j->keys))) == NULL)
		fatal("memory");
	j->n = keys;
	j->story = story;
	j->ids = ids;
	return j;
}

void
judge_free(struct judge *j)
{
	for (unsigned i = 0; i < j->n; i++)
		free(j->keys[i].w);
	free(j->keys);
	free(j);
}

const struct judge_counts *
judge_counts(const struct judge *j)
{
	return &j->counts;
}

static void
raise_to(uint64_t *latest, uint64_t t)
{
	if (*latest < t)
		*latest = t;
}

static void
lower_to(uint64_t *earliest, uint64_t t)
{
	if (*earliest > t)
		*earliest = t;
}

/* ---- the writes of a key ---- */

static struct write *
find(struct key *k, uint64_t id)
{
	size_t low = 0, high = k->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (k->w[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < k->n && k->w[low].id == id ? &k->w[low] : NULL;
}

/* May it still be read rightly, or the effect of it come? A current counter always may. */
static int
matters(const struct key *k, const struct write *w)
{
	return w->fate == OPEN || w->fate == UNANSWERED || w->ended_us >= k->acked_us ||
	       w->id == k->counter;
}

static void
forget(struct key *k)
{
	size_t kept = 0;

	for (size_t i = 0; i < k->n; i++) {
		if (i + KEPT >= k->n || matters(k, &k->w[i]))
			k->w[kept++] = k->w[i];
	}
	k->n = kept;
}

static struct write *
add(struct key *k)
{
	if (k->n == k->size) {
		forget(k);
		if (k->n >= k->size / 2) {
			k->size = k->size != 0 ? 2 * k->size : 4 * KEPT;
			if (k->size > OPEN_MAX)
				fatalx("over %u unanswered writes of one key", OPEN_MAX / 2);
			k->w = reallocarray(k->w, k->size, sizeof(*k->w));
			if (k->w == NULL)
				fatal("memory");
		}
	}
	return &k->w[k->n++];
}

/* From now on it counts as a delete too, whose end is to come. */
static void
may_vanish(struct key *k, struct write *w)
{
	if (!w->vanishes)
		k->deletes_open++;
	w->vanishes = 1;
}

/* It will take no effect after now_us (again). */
static void
close_write(struct key *k, struct write *w, uint64_t now_us)
{
	lower_to(&w->ended_us, now_us);
	if (w->kind == JUDGE_STORE) {
		k->stores_open--;
		raise_to(&k->store_end_us, now_us);
		if (w->exptime_s != 0)
			w->expires_us = now_us + w->exptime_s * 1000000u + EXPIRY_SLACK_US;
	}
	if (w->vanishes) {
		k->deletes_open--;
		raise_to(&k->delete_end_us, w->expires_us != NEVER ? w->expires_us : now_us);
	}
}

static struct write *
begin_write(struct key *k, uint64_t id, enum judge_kind kind, unsigned exptime_s, uint64_t now_us)
{
	struct write *w = add(k);

	*w = (struct write){.id = id,
			    .begun_us = now_us,
			    .ended_us = NEVER,
			    .expires_us = NEVER,
			    .kind = kind,
			    .exptime_s = exptime_s};
	if (kind == JUDGE_STORE)
		k->stores_open++;
	if (kind == JUDGE_DELETE || exptime_s != 0)
		may_vanish(k, w);
	return w;
}

/* It may take effect at any time, or never, until all is settled. */
static void
leave_open(struct key *k, struct write *w)
{
	/* A store that fails for want of memory takes the old value with it. */
	w->fate = UNANSWERED;
	may_vanish(k, w);
}

uint64_t
judge_write(struct judge *j, unsigned key, enum judge_kind kind, unsigned exptime_s,
	    uint64_t now_us)
{
	uint64_t id = j->ids->next++;

	begin_write(&j->keys[key], id, kind, exptime_s, now_us);
	if (j->other != NULL) {
		struct key *k = &j->other->keys[key];

		leave_open(k, begin_write(k, id, kind, exptime_s, now_us));
	}
	return id;
}

void
judge_written(struct judge *j, unsigned key, uint64_t id, enum judge_fate fate, uint64_t now_us)
{
	struct key *k = &j->keys[key];
	struct write *w = find(k, id);

	if (w == NULL || w->fate != OPEN)
		fatalx("write %llu of key %u ends twice", (unsigned long long)id, key);
	switch (fate) {
	case JUDGE_DONE:
		w->fate = DONE;
		j->acknowledged++;
		raise_to(&k->acked_us, w->begun_us);
		raise_to(w->kind == JUDGE_STORE ? &k->stored_us : &k->deleted_us, w->begun_us);
		break;
	case JUDGE_REFUSED:
		w->fate = REFUSED;
		break;
	case JUDGE_TOO_BIG:
		w->fate = REFUSED;
		may_vanish(k, w);
		break;
	case JUDGE_UNANSWERED:
		leave_open(k, w);
		return;
	}
	close_write(k, w, now_us);
}

void
judge_settle(struct judge *j, uint64_t now_us)
{
	for (unsigned i = 0; i < j->n; i++) {
		struct key *k = &j->keys[i];

		for (size_t n = 0; n < k->n; n++) {
			if (k->w[n].fate != UNANSWERED)
				continue;
			k->w[n].fate = SETTLED;
			close_write(k, &k->w[n], now_us);
		}
	}
}

void
judge_may_vanish(struct judge *j, int may, uint64_t now_us)
{
	if (j->vanishing == may)
		return;
	j->vanishing = may;
	for (unsigned i = 0; i < j->n; i++) {
		struct key *k = &j->keys[i];

		if (may) {
			k->deletes_open++;
		} else {
			k->deletes_open--;
			raise_to(&k->delete_end_us, now_us);
		}
	}
}

/* ---- two histories from one ---- */

struct judge *
judge_part(struct judge *j)
{
	struct judge *other = judge_new(j->n, j->story, j->ids);

	other->acknowledged = j->acknowledged;
	other->vanishing = j->vanishing;
	other->counts = j->counts;
	for (unsigned i = 0; i < j->n; i++) {
		const struct key *from = &j->keys[i];
		struct key *k = &other->keys[i];

		*k = *from;
		k->w = NULL;
		if (k->size != 0) {
			k->w = calloc(k->size, sizeof(*k->w));
			if (k->w == NULL)
				fatal("memory");
			memcpy(k->w, from->w, k->n * sizeof(*k->w));
		}
		for (size_t n = 0; n < k->n; n++)
			if (k->w[n].fate == OPEN)
				leave_open(k, &k->w[n]);
		k->uncounted += k->counting;
		k->counting = 0;
	}
	j->other = other;
	return other;
}

void
judge_parted(struct judge *j, struct judge *other, uint64_t now_us)
{
	j->other = NULL;
	judge_settle(other, now_us);
}

uint64_t
judge_acknowledged(const struct judge *j)
{
	return j->acknowledged;
}

/* ---- reads ---- */

void
judge_look(struct judge *j, unsigned key, struct judge_view *v, uint64_t now_us)
{
	const struct key *k = &j->keys[key];

	*v = (struct judge_view){.key = key,
				 .begun_us = now_us,
				 .acked_us = k->acked_us,
				 .seen_us = k->seen_us,
				 .stored_us = k->stored_us,
				 .deleted_us = k->deleted_us,
				 .counter = k->counter,
				 .count = k->count};
}

static void
stale(struct judge *j, const struct judge_view *v, uint64_t id, const char *why)
{
	j->counts.stale++;
	j->counts.lost += (uint64_t)j->final;
	story_tell(j->story, v->key, "stale: #%llu was read, %s", (unsigned long long)id, why);
}

void
judge_read(struct judge *j, const struct judge_view *v, uint64_t id, uint64_t count,
	   uint64_t now_us)
{
	struct key *k = &j->keys[v->key];
	struct write *w = find(k, id);
	unsigned long long shown = id;

	if (id == 0 || id >= j->ids->next) {
		judge_alien(j, v);
		return;
	}
	if (w == NULL) {
		stale(j, v, id, "which was replaced long ago, or written elsewhere");
		return;
	}
	if (w->fate == REFUSED) {
		j->counts.phantom++;
		story_tell(j->story, v->key, "phantom: #%llu was read, which was refused", shown);
		return;
	}
	if (w->ended_us < v->acked_us)
		stale(j, v, id, "which an acknowledged write had replaced before");
	else if (w->expires_us < v->begun_us)
		stale(j, v, id, "which had expired before");
	else if (w->ended_us < v->seen_us) {
		j->counts.back++;
		story_tell(j->story, v->key, "back: #%llu was read, and a later value before",
			   shown);
	}
	if (count > k->attempts || (id == v->counter && count < v->count)) {
		j->counts.inexact++;
		story_tell(j->story, v->key,
			   "inexact: a count of %llu was read, %llu were known, "
			   "%llu attempted",
			   (unsigned long long)count, (unsigned long long)v->count,
			   (unsigned long long)k->attempts);
	}
	/* What was read has happened. */
	lower_to(&w->ended_us, now_us);
	raise_to(&k->seen_us, w->begun_us);
	if (count > w->count) {
		uint64_t by = count - w->count;

		w->window = by < 64 ? w->window << by : 0;
		w->count = count;
	}
	if (id >= k->counter) {
		k->counter = id;
		k->count = w->count;
	}
	if (j->final && (count < w->answers || count > w->answers + k->uncounted)) {
		j->counts.inexact++;
		story_tell(
		    j->story, v->key,
		    "inexact: the counter ends at %llu; %llu were acknowledged, %llu unanswered",
		    (unsigned long long)count, (unsigned long long)w->answers,
		    (unsigned long long)k->uncounted);
	}
}

void
judge_missed(struct judge *j, const struct judge_view *v, int overtaken)
{
	const struct key *k = &j->keys[v->key];

	if (v->stored_us == 0 || k->deletes_open != 0 || k->delete_end_us >= v->stored_us)
		return;
	if (overtaken) {
		j->counts.overtaken++;
		return;
	}
	if (++j->counts.missed <= MISSES_TOLD)
		story_tell(j->story, v->key, "missed: an acknowledged write was before");
	if (!j->final)
		return;
	j->counts.lost++;
	story_tell(j->story, v->key, "lost: an acknowledged write, and nothing deleted it");
}

void
judge_alien(struct judge *j, const struct judge_view *v)
{
	j->counts.alien++;
	story_tell(j->story, v->key, "alien: a value was read that nobody has written");
}

void
judge_present(struct judge *j, const struct judge_view *v)
{
	const struct key *k = &j->keys[v->key];

	if (v->deleted_us == 0 || k->stores_open != 0 || k->store_end_us >= v->deleted_us)
		return;
	j->counts.ghost++;
	story_tell(j->story, v->key,
		   "ghost: there is a value, an acknowledged delete was the last");
}

void
judge_swapped(struct judge *j, const struct judge_view *v, uint64_t id)
{
	struct write *w = find(&j->keys[v->key], id);
	int twice = w != NULL && w->swapped;

	if (w == NULL || twice || w->ended_us < v->acked_us) {
		j->counts.cas_wrong++;
		story_tell(j->story, v->key, "cas_wrong: a cas on #%llu was stored, which %s",
			   (unsigned long long)id,
			   twice ? "another cas had replaced" : "had been replaced before");
	}
	if (w != NULL)
		w->swapped = 1;
}

/* ---- counters ---- */

void
judge_count(struct judge *j, unsigned key)
{
	j->keys[key].attempts++;
	j->keys[key].counting++;
	if (j->other != NULL) {
		j->other->keys[key].attempts++;
		j->other->keys[key].uncounted++;
	}
}

void
judge_uncounted(struct judge *j, unsigned key)
{
	j->keys[key].counting--;
	j->keys[key].uncounted++;
}

void
judge_not_counted(struct judge *j, const struct judge_view *v)
{
	j->keys[v->key].counting--;
	judge_missed(j, v, 0);
}

void
judge_counted(struct judge *j, const struct judge_view *v, uint64_t id, uint64_t count,
	      uint64_t now_us)
{
	struct write *w;
	uint64_t bit;

	j->keys[v->key].counting--;
	j->acknowledged++;
	judge_read(j, v, id, count, now_us);
	w = find(&j->keys[v->key], id);
	if (w == NULL)
		return;
	w->answers++;
	bit = w->count - count < 64 ? (uint64_t)1 << (w->count - count) : 0;
	if ((id == v->counter && count == v->count) || (w->window & bit) != 0) {
		j->counts.inexact++;
		story_tell(j->story, v->key, "inexact: incr has answered %llu twice",
			   (unsigned long long)count);
	}
	w->window |= bit;
}

void
judge_final(struct judge *j)
{
	j->final = 1;
}
