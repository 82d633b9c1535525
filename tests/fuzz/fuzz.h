/*
 * fuzz: what the fuzzers share. Each tests/fuzz/NAME.c is one (libFuzzer, with ASan and UBSan):
 * bytes from outside go into a parser, or drive the whole proxy. A broken promise ends it like a
 * crash does.
 */
#ifndef MEMVIP_TEST_FUZZ_H
#define MEMVIP_TEST_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libFuzzer calls with each input; always returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Must hold for every input, whatever is in it. */
#define MUST(what)                                                                                \
	do {                                                                                      \
		if (!(what)) {                                                                    \
			fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #what); \
			abort();                                                                  \
		}                                                                                 \
	} while (0)

/* What must not have come about. */
#define NEVER(what)                                                       \
	do {                                                              \
		fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, what); \
		abort();                                                  \
	} while (0)

/* A copy of n bytes that ends where its allocation ends: the sanitizer sees the first byte past it. */
static inline char *
fuzz_copy(const void *p, size_t n)
{
	char *copy = malloc(n > 0 ? n : 1);

	if (copy == NULL)
		abort();
	if (n > 0)
		memcpy(copy, p, n);
	return copy;
}

/* The same as a string. */
static inline char *
fuzz_text(const void *p, size_t n)
{
	char *copy = malloc(n + 1);

	if (copy == NULL)
		abort();
	if (n > 0)
		memcpy(copy, p, n);
	copy[n] = '\0';
	return copy;
}

#endif
