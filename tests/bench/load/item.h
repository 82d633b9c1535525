/*
 * item: keys and values. The value derives from the key's number, so that an answer can be judged
 * by the key alone: value n is a slice of one random text, which begins n bytes in.
 */
#ifndef MEMVIP_LOAD_ITEM_H
#define MEMVIP_LOAD_ITEM_H

#include <stddef.h>
#include <stdint.h>

#define ITEM_KEY_MAX   250 /* protocol.txt, "Keys" */
#define ITEM_VALUE_MAX (64u * 1024 * 1024)
#define ITEM_KEYS_MAX  100000000u /* what fits into ITEM_DIGITS */
#define ITEM_DIGITS    8
/*
 * Values repeat after so many keys; then the key in the answer alone tells them apart. Two values
 * of some bytes are the same by a chance of 2^-64 and less; of fewer than 8, more often.
 */
#define ITEM_SPAN (1u << 20)

struct items {
	unsigned keys;	    /* numbers are below it */
	size_t key_size;    /* of each key: the prefix, then the number with leading zeros */
	size_t value_size;  /* of each value */
	const char *prefix; /* shorter than key_size by ITEM_DIGITS at least */
};

/* Once, before the calls below. Dies without memory. */
void items_setup(const struct items *items);

/* Writes the key (key_size bytes, no NUL) to out. Returns the byte after it. */
char *item_key(char *out, unsigned n);

/* The value, value_size bytes: valid for good. */
const char *item_value(unsigned n);

/*
 * The line that goes before the value in an answer, "VALUE key 0 len\r\n"; valid until the next
 * call. Its length is the same for all.
 */
const char *item_answer(unsigned n, size_t *len);

/* The line that goes before the value in a set, "set key 0 0 len\r\n". As item_answer(). */
const char *item_set(unsigned n, size_t *len);

#endif
