/*
 * pair: the two copies of every key, as the servers themselves tell them.
 */
#ifndef MEMVIP_FAULTS_PAIR_H
#define MEMVIP_FAULTS_PAIR_H

#include <stdint.h>
#include <stdio.h>

#include "addr.h"
#include "item.h"

#define PAIR_SERVERS_MAX 32

struct pair_side {
	struct addr server[PAIR_SERVERS_MAX];
	unsigned n;
};

#define PAIR_COUNTS(X) \
	X(same)        \
	X(differ)      \
	X(one_sided)   \
	X(strays)

struct pair_counts {
#define X(name) uint64_t name;
	PAIR_COUNTS(X)
#undef X
};

/*
 * Compares what the primaries and the backups hold of each key, and names on out the keys that
 * part. A key that parts is asked for again until patience_ms is over: repairs and expiry take
 * their time. strays: a key that two servers of one side hold. Nothing may be written meanwhile.
 * Returns 0, or -1: a server did not answer (told on out).
 */
int pair_compare(const struct item_rules *items, const struct pair_side *primary,
		 const struct pair_side *backup, unsigned patience_ms, struct pair_counts *counts,
		 FILE *out);

#endif
