/*
 * guard: bytes whose end touches an unreadable page, so that a parser that looks one byte too far
 * dies at once instead of reading a neighbour by luck.
 */
#ifndef MEMVIP_TEST_GUARD_H
#define MEMVIP_TEST_GUARD_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* One guarded place, used again for every sample. */
struct guard {
	char *wall;  /* the unreadable page */
	size_t room; /* bytes readable and writable before it */
};

/* Makes a place for samples of at most room bytes. Ends the test program when it cannot. */
static inline void
guard_init(struct guard *g, size_t room)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t size = (room + page - 1) / page * page;
	char *p =
	    mmap(NULL, size + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + size, page, PROT_NONE) != 0) {
		perror("guard");
		exit(1);
	}
	g->wall = p + size;
	g->room = size;
}

static inline void
guard_free(struct guard *g)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	munmap(g->wall - g->room, g->room + page);
	g->wall = NULL;
}

/* Copies n bytes to just before the wall. The result is valid until the next call. */
static inline char *
guard_place(struct guard *g, const void *bytes, size_t n)
{
	if (n > g->room) {
		fprintf(stderr, "guard: %zu bytes, room for %zu\n", n, g->room);
		exit(1);
	}
	memset(g->wall - g->room, 0xa5, g->room - n);
	if (n > 0)
		memcpy(g->wall - n, bytes, n);
	return g->wall - n;
}

/*
 * Calls look(prefix, its length, whole length, arg) for each prefix of the sample, the empty one
 * and the whole one too, each against the wall.
 */
static inline void
guard_prefixes(const void *sample, size_t n,
	       void (*look)(const char *prefix, size_t len, size_t whole, void *arg), void *arg)
{
	struct guard g;

	guard_init(&g, n + 1);
	for (size_t len = 0; len <= n; len++)
		look(guard_place(&g, sample, len), len, n, arg);
	guard_free(&g);
}

/* A fixed pseudo-random sequence (xorshift64*): a failure comes again. */
static inline uint64_t
guard_random(uint64_t *state)
{
	*state ^= *state >> 12;
	*state ^= *state << 25;
	*state ^= *state >> 27;
	return *state * UINT64_C(2685821657736338717);
}

#endif
