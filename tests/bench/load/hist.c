/* hist: latencies. See hist.h. */
#include "hist.h"

#include <math.h>
#include <string.h>

#define SUB_N (1u << HIST_SUB_BITS)

void
hist_clear(struct hist *h)
{
	memset(h, 0, sizeof(*h));
}

/*
 * Below 2 * SUB_N the time is the bucket. Above, `up` is how often it must be halved to get there:
 * each halving takes SUB_N buckets more.
 */
static unsigned
bucket_of(uint64_t ns)
{
	unsigned up = 0;

	if (ns >= 1ull << HIST_MAX_BITS)
		return HIST_BUCKETS - 1;
	if (ns >= 2 * SUB_N)
		up = 63u - (unsigned)__builtin_clzll(ns) - HIST_SUB_BITS;
	return up * SUB_N + (unsigned)(ns >> up);
}

/* The longest time of a bucket. */
static uint64_t
bucket_end(unsigned b)
{
	unsigned up = b < 2 * SUB_N ? 0 : b / SUB_N - 1;

	return (((uint64_t)(b - up * SUB_N) + 1) << up) - 1;
}

void
hist_add(struct hist *h, uint64_t ns)
{
	h->n++;
	h->count[bucket_of(ns)]++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

uint64_t
hist_at(const struct hist *h, double part)
{
	uint64_t need = (uint64_t)ceil(part * (double)h->n), seen = 0;

	/* The last bucket holds what is too long to be told apart. */
	for (unsigned b = 0; b < HIST_BUCKETS - 1; b++) {
		seen += h->count[b];
		if (seen >= need && seen > 0)
			return bucket_end(b) < h->max_ns ? bucket_end(b) : h->max_ns;
	}
	return h->max_ns;
}
