/*
 * item: the names of the keys, and values that say by whom they were written. All of a value, its
 * length and flags follow from the key and the number (id) of the write, so that one that came back
 * damaged is told from an old one.
 */
#ifndef MEMVIP_FAULTS_ITEM_H
#define MEMVIP_FAULTS_ITEM_H

#include <stddef.h>
#include <stdint.h>

#define ITEM_VALUE_MAX (1024 * 1024)
/* The highest count of a counter; its value is id * ITEM_COUNT_MAX + count. */
#define ITEM_COUNT_MAX 1000000000u

struct item_rules {
	uint64_t seed;
	unsigned keys;
	unsigned counters;    /* keys below this one are counters */
	unsigned big_percent; /* of the values have big_size bytes */
	unsigned big_size;    /* at most ITEM_VALUE_MAX */
};

static inline int
item_is_counter(const struct item_rules *r, unsigned key)
{
	return key < r->counters;
}

/* Writes the key's name with its NUL; returns its length. */
size_t item_name(const struct item_rules *r, unsigned key, char *buf, size_t size);
/* The key of that name, or -1: none of ours. */
int item_key(const struct item_rules *r, const char *name, size_t len);

/* Returns the value's length, at most ITEM_VALUE_MAX, and points *value at it until the next call. */
size_t item_value(const struct item_rules *r, unsigned key, uint64_t id, const char **value);
uint32_t item_flags(const struct item_rules *r, unsigned key, uint64_t id);
/* Is it one of the big ones, which a server may refuse? */
int item_is_big(const struct item_rules *r, uint64_t id);

/*
 * Which write made this value? *count: a counter's count. Trailing blanks of a counter do not
 * matter (protocol.txt, "Increment/Decrement"). Returns 0, or -1: no write of that key ever made
 * such a value.
 */
int item_parse(const struct item_rules *r, unsigned key, const char *value, size_t len,
	       uint32_t flags, uint64_t *id, uint64_t *count);

#endif
