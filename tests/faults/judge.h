/*
 * judge: what was written, when, and what a read may therefore tell.
 *
 * Every operation is an interval: from before its bytes were sent (begun) to after its answer was
 * read (ended); it took effect at some moment within. A write without an answer has no end: it may
 * take effect at any time, or never, until judge_settle() says that nothing is on its way any more.
 *
 * A value is stale when its write had ended before another write of the key began that was
 * acknowledged before the read began:
 *
 *      value's write  |-----|
 *      another write            |-----|  acknowledged
 *      the read                             |-----|   must not tell that value
 *
 * Whatever overlaps may have happened in either order, so nothing is said of it. A miss is always
 * allowed, but counted where an acknowledged write says that there is a value. The run may be as
 * long as one likes: writes that can no longer be read rightly are forgotten (a read of one is
 * stale by that alone).
 *
 * Times are mono_us(). Keys are 0 .. keys - 1. A write's id is never 0 and grows.
 */
#ifndef MEMVIP_FAULTS_JUDGE_H
#define MEMVIP_FAULTS_JUDGE_H

#include <stdint.h>

struct story;

enum judge_kind { JUDGE_STORE, JUDGE_DELETE };

enum judge_fate {
	JUDGE_DONE,	 /* the answer says that it took effect */
	JUDGE_REFUSED,	 /* the answer says that it did not */
	JUDGE_TOO_BIG,	 /* did not, and may have taken the old value with it */
	JUDGE_UNANSWERED /* an error, or no connection any more: it may have, or may yet */
};

/* What each name counts is said where it is printed: tests/faults/FaultRun.pm. */
#define JUDGE_COUNTS(X) \
	X(stale)        \
	X(back)         \
	X(phantom)      \
	X(alien)        \
	X(ghost)        \
	X(cas_wrong)    \
	X(inexact)      \
	X(missed)       \
	X(overtaken)    \
	X(lost)

struct judge_counts {
#define X(name) uint64_t name;
	JUDGE_COUNTS(X)
#undef X
};

/* What was known of a key when an operation began. */
struct judge_view {
	unsigned key;
	uint64_t begun_us;
	uint64_t acked_us;   /* the latest beginning of an acknowledged write */
	uint64_t seen_us;    /* ... of one whose value was read */
	uint64_t stored_us;  /* ... of an acknowledged store */
	uint64_t deleted_us; /* ... of an acknowledged delete */
	uint64_t counter;    /* a counter: the store that made it */
	uint64_t count;	     /* ... and the highest count that was told */
};

struct judge;

/* Gives the writes their ids: one for all judges of a run. */
struct judge_ids {
	uint64_t next; /* begins at 1 */
};

/* Violations are told to the story. The caller owns story and ids. Never NULL. */
struct judge *judge_new(unsigned keys, struct story *story, struct judge_ids *ids);
void judge_free(struct judge *j);
const struct judge_counts *judge_counts(const struct judge *j);

/* ---- an operation begins ---- */

void judge_look(struct judge *j, unsigned key, struct judge_view *v, uint64_t now_us);
/* exptime_s: 0: never. Returns the write's id. */
uint64_t judge_write(struct judge *j, unsigned key, enum judge_kind kind, unsigned exptime_s,
		     uint64_t now_us);
void judge_count(struct judge *j, unsigned key); /* an incr by 1 */

/* ---- ... and ends ---- */

void judge_written(struct judge *j, unsigned key, uint64_t id, enum judge_fate fate,
		   uint64_t now_us);
/* It was read. count: of a counter, else 0. */
void judge_read(struct judge *j, const struct judge_view *v, uint64_t id, uint64_t count,
		uint64_t now_us);
/*
 * overtaken: the same client had sent a write on the key behind this read. When the leader is lost
 * under such a read, memvip-proxy answers a miss, which is counted apart: the other copy may have
 * executed that write already, and a value from the future would be a lie.
 */
void judge_missed(struct judge *j, const struct judge_view *v, int overtaken);
/* Something was read that nobody has written. */
void judge_alien(struct judge *j, const struct judge_view *v);
/* An answer says that there is a value (NOT_STORED to add, DELETED). */
void judge_present(struct judge *j, const struct judge_view *v);
/* A cas that relied on the value of write id was STORED. */
void judge_swapped(struct judge *j, const struct judge_view *v, uint64_t id);
/* incr has answered. */
void judge_counted(struct judge *j, const struct judge_view *v, uint64_t id, uint64_t count,
		   uint64_t now_us);
/* incr was not answered: it may or may not have counted. */
void judge_uncounted(struct judge *j, unsigned key);
/* incr has found nothing. */
void judge_not_counted(struct judge *j, const struct judge_view *v);

/* ---- the run ---- */

/* What has had no answer by now either happened or never will. */
void judge_settle(struct judge *j, uint64_t now_us);
/* From now on, until it is taken back, any key may vanish: somebody else empties a server. */
void judge_may_vanish(struct judge *j, int may, uint64_t now_us);

/* ---- two histories from one ---- */

/*
 * The servers are about to be parted, and each half is written to on its own: a copy of all that is
 * known, counts too. What j is told to be under way, now and until judge_parted(), may or may not
 * show up in the other half.
 */
struct judge *judge_part(struct judge *j);
/* From here on nothing of one half reaches the other. */
void judge_parted(struct judge *j, struct judge *other, uint64_t now_us);
/* Writes and increments that were acknowledged so far. */
uint64_t judge_acknowledged(const struct judge *j);
/*
 * From here on nothing is written, and each key is read once more: a miss, and an old value, are
 * lost writes, and counters are compared with what was counted.
 */
void judge_final(struct judge *j);

#endif
