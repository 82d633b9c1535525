/* blob: refcounted bytes. See blob.h. */
#include "blob.h"

#include <stdlib.h>

#include "log.h"
#include "spare.h"

/*
 * Sizes: small, large, and above that four steps between two powers of two, up to HUGE_MAX; what is
 * larger still is malloc'ed and freed each time. What was used last is kept: memory that was touched a
 * moment ago needs no page fault.
 */
#define HUGE_MAX (4u << 20)
#define STEPS	 4
#define CLASSES	 (STEPS * 8)
#ifndef KEEP_BYTES
#define KEEP_BYTES (1u << 20) /* of each of the first two */
#endif
#define KEEP_HUGE (8 * KEEP_BYTES) /* of all others together */

static struct spare small = {.what = "a small buffer",
			     .size = sizeof(struct blob) + BLOB_SMALL,
			     .max = KEEP_BYTES / BLOB_SMALL};
static struct spare large = {
    .what = "a buffer", .size = sizeof(struct blob) + BLOB_LARGE, .max = KEEP_BYTES / BLOB_LARGE};
static struct blob *pools[CLASSES]; /* of the huge ones */
static size_t total, peak;
static size_t huge_kept;
static int huge_used; /* since the last blob_tidy() */

/* A burst smaller than this is not worth the work of giving it back. */
#define BURST_BYTES (4u << 20)

/* The class of cap, which is above BLOB_LARGE, and its capacity; -1: none. */
static int
class_of(size_t cap, size_t *rounded)
{
	unsigned log2;
	size_t step;

	*rounded = cap;
	if (KEEP_BYTES == 0 || cap > HUGE_MAX) /* a fuzzer is to see each byte past the end */
		return -1;
	log2 = 63 - (unsigned)__builtin_clzll(cap - 1); /* 2^log2 < cap <= 2^(log2+1) */
	step = ((size_t)1 << log2) / STEPS;
	cap = (cap + step - 1) / step; /* STEPS + 1 … 2 * STEPS */
	*rounded = cap * step;
	return (int)((log2 - 14) * STEPS + (cap - STEPS - 1));
}

static struct blob *
blob_huge(size_t cap)
{
	size_t rounded;
	int class = class_of(cap, &rounded);
	struct blob *b = class >= 0 ? pools[class] : NULL;

	huge_used = 1;
	if (b != NULL) {
		pools[class] = b->next_free;
		huge_kept -= b->cap;
		return b;
	}
	if (rounded > INT32_MAX || (b = malloc(sizeof(*b) + rounded)) == NULL)
		fatalx("out of memory: a buffer of %zu bytes", rounded);
	b->cap = (uint32_t)rounded;
	return b;
}

struct blob *
blob_new(size_t cap)
{
	struct blob *b;

	if (KEEP_BYTES > 0 && cap <= BLOB_SMALL) {
		b = spare_take(&small);
		b->cap = BLOB_SMALL;
	} else if (KEEP_BYTES > 0 && cap <= BLOB_LARGE) {
		b = spare_take(&large);
		b->cap = BLOB_LARGE;
	} else {
		b = blob_huge(cap);
	}
	b->refs = 1;
	b->len = 0;
	total += b->cap;
	if (total > peak)
		peak = total;
	return b;
}

static void
blob_huge_gone(struct blob *b)
{
	size_t rounded;
	int class = class_of(b->cap, &rounded);

	if (class < 0 || huge_kept + b->cap > KEEP_HUGE) {
		free(b);
		return;
	}
	b->next_free = pools[class];
	pools[class] = b;
	huge_kept += b->cap;
}

void
blob_gone(struct blob *b)
{
	total -= b->cap;
	if (KEEP_BYTES > 0 && b->cap == BLOB_SMALL)
		spare_give(&small, b);
	else if (KEEP_BYTES > 0 && b->cap == BLOB_LARGE)
		spare_give(&large, b);
	else
		blob_huge_gone(b);
}

size_t
blob_total(void)
{
	return total;
}

/* No large ones were asked for in a while: those that are kept go. */
static void
drop_huge(void)
{
	for (int class = 0; class < CLASSES; class ++) {
		struct blob *b;

		while ((b = pools[class]) != NULL) {
			pools[class] = b->next_free;
			free(b);
		}
	}
	spare_freed(huge_kept);
	huge_kept = 0;
}

void
blob_tidy(void)
{
	if (!huge_used && huge_kept > 0)
		drop_huge();
	huge_used = 0;
	if (peak > BURST_BYTES && total < peak / 4) {
		spare_freed(peak - total);
		peak = total;
	}
}
