/*
 * ring: which servers keep a key. Placement as magent does it: the DJB hash of the key, modulo
 * the number of servers, once in the list of primaries and once in the list of backups. Or by
 * ketama, where each list is a circle of its own.
 */
#ifndef MEMVIP_RING_H
#define MEMVIP_RING_H

#include <stddef.h>
#include <stdint.h>

#include "ketama.h"

#define RING_MAX  64 /* entries in each list */
#define RING_NONE (-1)

/*
 * The lists hold indices into the farm's table of servers; one server may be in both, but only once
 * in each.
 */
struct ring {
	unsigned n_primary, n_backup;
	int primary[RING_MAX], backup[RING_MAX];
	/* Ketama: the circle of a list of several (its places are the list's). NULL: modulo. */
	struct ketama *primary_circle, *backup_circle;
};

/* The two homes of a key. backup is RING_NONE when there is no second server for it. */
struct ring_pair {
	int primary, backup;
};

/* magent's hash: DJB, bytes taken as signed, the highest bit stripped. */
uint32_t ring_hash(const char *key, size_t len);

/*
 * The homes of a key. Two copies are never on one server: where both lists name the same one for
 * the key, the backup is the next other server: in the list of backups, or round its circle.
 */
struct ring_pair ring_find(const struct ring *r, const char *key, size_t len);

/* Which of n connections to a server a key travels on; always the same one. */
unsigned ring_slot(const char *key, size_t len, unsigned n);

#endif
