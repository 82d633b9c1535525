/*
 * dirty: a set of keys that a server lacks, or holds as they should not be: what was written while
 * it was away, what was on the way when it was lost. In the order in which they came; each once.
 */
#ifndef MEMVIP_DIRTY_H
#define MEMVIP_DIRTY_H

#include <stddef.h>
#include <stdint.h>

struct dirty {
	char *keys; /* one after the other: a length byte, the key */
	uint32_t len, cap;
	uint32_t head;	 /* the first that was not taken yet */
	uint32_t *slots; /* hash table of offsets into keys, plus 1; 0: free */
	uint32_t n_slots, n;
	size_t limit;	  /* bytes of both together */
	uint8_t overflow; /* keys were refused: the set is not complete */
};

void dirty_init(struct dirty *d, size_t limit);

/* Another limit from here on; what is in it stays. */
void dirty_limit(struct dirty *d, size_t limit);

/* Adds a key that is not in it. Beyond the limit the set is emptied and marked as overflowed. */
void dirty_add(struct dirty *d, const char *key, size_t len);

/* It cannot name what is missing (flush_all, say): as if it had overflowed. */
void dirty_give_up(struct dirty *d);

static inline uint32_t
dirty_count(const struct dirty *d)
{
	return d->n;
}

/* Takes the first key out; copies it to key (250 bytes). Returns its length, 0 when there is none. */
size_t dirty_take(struct dirty *d, char *key);

/*
 * Goes through the keys without taking them: *at is 0 for the first. Returns the length and sets
 * *key (valid until the next change), or 0 at the end.
 */
size_t dirty_each(const struct dirty *d, uint32_t *at, const char **key);

/* Empties it, forgets the overflow, gives its memory back. */
void dirty_clear(struct dirty *d);

#endif
