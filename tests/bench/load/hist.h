/*
 * hist: every latency is counted, none is sampled. A bucket is no wider than 1/1024 of the times
 * that it holds (1 ns below 2048 ns), so a percentile is exact to 0.1 %.
 */
#ifndef MEMVIP_LOAD_HIST_H
#define MEMVIP_LOAD_HIST_H

#include <stdint.h>

/* Buckets in each doubling of the time, and the longest time that is told from longer ones. */
#define HIST_SUB_BITS 10
#define HIST_MAX_BITS 40 /* 2^40 ns: 18 minutes */
#define HIST_BUCKETS  ((HIST_MAX_BITS - HIST_SUB_BITS + 1) << HIST_SUB_BITS)

struct hist {
	uint64_t n, max_ns;
	uint64_t count[HIST_BUCKETS];
};

void hist_clear(struct hist *h);
void hist_add(struct hist *h, uint64_t ns);

/*
 * The smallest time that no fewer than part (0 to 1) of all took no longer than, rounded up to its
 * bucket's end, but to no more than the longest. Unit: ns. 0 when nothing was counted.
 */
uint64_t hist_at(const struct hist *h, double part);

#endif
