/* blob: refcounted bytes. See blob.h. */
#include "blob.h"

#include <malloc.h>
#include <stdlib.h>

#include "log.h"

/*
 * Sizes: small, large, and above that four steps between two powers of two, up to HUGE_MAX; what is
 * larger still is malloc'ed and freed each time. Free lists keep what was used last: memory that was
 * touched a moment ago needs no page fault.
 */
#define HUGE_MAX (4u << 20)
#define STEPS	 4
#define CLASSES	 (2 + STEPS * 8)
#ifndef KEEP_BYTES
#define KEEP_BYTES (1u << 20) /* of each of the first two */
#endif
#define KEEP_HUGE (8 * KEEP_BYTES) /* of all others together */

struct pool {
	struct blob *head;
	uint32_t n;
};

static struct pool pools[CLASSES];
static size_t total, peak;
static size_t huge_kept;
static int huge_used; /* since the last blob_trim() */

/* A burst smaller than this is not worth the work of giving it back. */
#define BURST_BYTES (4u << 20)

/* The class of cap, and its capacity; -1: none. */
static int
class_of(size_t cap, uint32_t *rounded)
{
	unsigned log2;
	size_t step;

	if (KEEP_BYTES == 0) /* a fuzzer is to see each byte past the end */
		return -1;
	*rounded = BLOB_SMALL;
	if (cap <= BLOB_SMALL)
		return 0;
	*rounded = BLOB_LARGE;
	if (cap <= BLOB_LARGE)
		return 1;
	if (cap > HUGE_MAX)
		return -1;
	log2 = 63 - (unsigned)__builtin_clzll(cap - 1); /* 2^log2 < cap <= 2^(log2+1) */
	step = ((size_t)1 << log2) / STEPS;
	cap = (cap + step - 1) / step; /* STEPS + 1 … 2 * STEPS */
	*rounded = (uint32_t)(cap * step);
	return (int)(2 + (log2 - 14) * STEPS + (cap - STEPS - 1));
}

struct blob *
blob_new(size_t cap)
{
	uint32_t rounded;
	int class = class_of(cap, &rounded);
	struct blob *b = class >= 0 ? pools[class].head : NULL;

	if (b != NULL) {
		pools[class].head = b->next_free;
		pools[class].n--;
		if (class > 1)
			huge_kept -= b->cap;
	} else {
		if (class >= 0)
			cap = rounded;
		if (cap > INT32_MAX || (b = malloc(sizeof(*b) + cap)) == NULL)
			fatalx("out of memory: a buffer of %zu bytes", cap);
		b->cap = (uint32_t)cap;
	}
	huge_used |= class > 1;
	b->refs = 1;
	b->len = 0;
	b->next_free = NULL;
	total += b->cap;
	if (total > peak)
		peak = total;
	return b;
}

/* May one more of the class be kept? */
static int
has_room(int class, uint32_t cap)
{
	if (class <= 1)
		return pools[class].n < KEEP_BYTES / cap;
	return huge_kept + cap <= KEEP_HUGE;
}

void
blob_unref(struct blob *b)
{
	uint32_t rounded;
	int class;

	if (--b->refs > 0)
		return;
	total -= b->cap;
	class = class_of(b->cap, &rounded);
	if (class < 0 || !has_room(class, b->cap)) {
		free(b);
		return;
	}
	b->next_free = pools[class].head;
	pools[class].head = b;
	pools[class].n++;
	if (class > 1)
		huge_kept += b->cap;
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
	for (int class = 2; class < CLASSES; class ++) {
		struct blob *b;

		while ((b = pools[class].head) != NULL) {
			pools[class].head = b->next_free;
			free(b);
		}
		pools[class].n = 0;
	}
	huge_kept = 0;
}

void
blob_trim(void)
{
	if (!huge_used && huge_kept > 0)
		drop_huge();
	huge_used = 0;
	if (peak > BURST_BYTES && total < peak / 4) {
		malloc_trim(0);
		peak = total;
	}
}
