/*
 * quota: how many lines of a kind may be logged now. A kind has a bucket of tokens: a burst passes,
 * then so many a second; what is held back is counted and told later. The table is bounded, and
 * nothing is allocated.
 */
#ifndef MEMVIP_QUOTA_H
#define MEMVIP_QUOTA_H

#include <stdint.h>

/* Lines of a kind that pass at once, and the pause after which one more may. */
#define QUOTA_BURST   60
#define QUOTA_MORE_MS 1000
/* Kinds that are known at a time; the one that was quiet for longest makes room. */
#define QUOTA_KINDS 64
/* So much is kept of the last line that was held back. */
#define QUOTA_SAMPLE 200

struct quota_kind {
	const void *kind;   /* what the lines have in common; NULL: free */
	uint64_t last_ms;   /* when one last came */
	uint64_t earned_ms; /* when tokens were last added */
	uint64_t held_ms;   /* since when lines are held back */
	uint64_t held;	    /* how many were */
	unsigned tokens;
	char sample[QUOTA_SAMPLE]; /* the last one of them */
};

/* Zeroed memory is one without kinds. */
struct quota {
	struct quota_kind kinds[QUOTA_KINDS];
	uint64_t held; /* lines of all kinds that are held back and were not told yet */
};

/*
 * May a line of that kind be logged? Returns 1 when it may; 0 when it is held back, which is counted,
 * and text (a string) kept as its sample.
 */
int quota_take(struct quota *q, const void *kind, const char *text, uint64_t now_ms);

/*
 * The next kind of which lines were held back and that may say so now (it costs it a token), or at
 * the end of the program (ending != 0) each. NULL: none. Its held is reset with quota_told().
 */
struct quota_kind *quota_due(struct quota *q, int ending, uint64_t now_ms);
void quota_told(struct quota *q, struct quota_kind *k);

#endif
