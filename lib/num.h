/*
 * num: strict number parsing. No sign where none is allowed, no space, no rest, no wrap-around.
 */
#ifndef MEMVIP_NUM_H
#define MEMVIP_NUM_H

#include <stdint.h>

/*
 * Decimal digits only, min <= value <= max. Returns 0, or -1 with *why set to a constant text
 * ("not a number", "out of range") and *out untouched.
 */
int num_parse(const char *s, uint64_t min, uint64_t max, uint64_t *out, const char **why);

/* The same with an optional suffix k, m or g (1024 based, either case). Unit: bytes. */
int num_parse_size(const char *s, uint64_t min, uint64_t max, uint64_t *out, const char **why);

#endif
