#include <err.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"

#define NOBODY UINT32_MAX
/* States per block: blocks are never moved, so a state stays where it is while others come. */
#define BLOCK 65536

static struct {
	const struct explore_model *model;
	uint8_t **blocks;
	uint32_t *parent; /* by state */
	uint32_t *slots;  /* hash table of state numbers, open addressing; a power of two */
	size_t n_slots, n, limit;
	uint32_t from; /* whose successors are asked for */
	size_t steps;
	uint32_t violated;
	int full;

	/* While a trace is told: the state that is looked for, and how it came about. */
	const void *wanted;
	int told;
	char how[200];
} ex;

static uint8_t *
state_at(size_t i)
{
	return ex.blocks[i / BLOCK] + i % BLOCK * ex.model->size;
}

/* FNV-1a over words, and a last mix because the table uses the low bits. */
static uint64_t
hash(const uint8_t *p, size_t len)
{
	uint64_t h = 14695981039346656037u, word;

	for (; len >= sizeof word; p += sizeof word, len -= sizeof word) {
		memcpy(&word, p, sizeof word);
		h = (h ^ word) * 1099511628211u;
		h ^= h >> 32;
	}
	for (; len > 0; len--)
		h = (h ^ *p++) * 1099511628211u;
	return h ^ h >> 29;
}

static void *
grown(void *old, size_t n, size_t size)
{
	void *p = reallocarray(old, n, size);

	if (p == NULL)
		err(3, "explore");
	return p;
}

/* A table for twice as many, which is at most half full: a small world touches little memory. */
static void
grow_slots(void)
{
	free(ex.slots);
	ex.n_slots = ex.n_slots == 0 ? 1024 : 2 * ex.n_slots;
	ex.slots = grown(NULL, ex.n_slots, sizeof *ex.slots);
	memset(ex.slots, 0xff, ex.n_slots * sizeof *ex.slots);
	for (size_t i = 0; i < ex.n; i++) {
		size_t at = hash(state_at(i), ex.model->size) & (ex.n_slots - 1);

		while (ex.slots[at] != NOBODY)
			at = (at + 1) & (ex.n_slots - 1);
		ex.slots[at] = (uint32_t)i;
	}
}

static void
add(const void *state)
{
	size_t at;

	if (2 * ex.n >= ex.n_slots)
		grow_slots();
	at = hash(state, ex.model->size) & (ex.n_slots - 1);
	for (; ex.slots[at] != NOBODY; at = (at + 1) & (ex.n_slots - 1))
		if (memcmp(state_at(ex.slots[at]), state, ex.model->size) == 0)
			return;
	if (ex.n == ex.limit) {
		ex.full = 1;
		return;
	}
	if (ex.n % BLOCK == 0) {
		ex.blocks = grown(ex.blocks, ex.n / BLOCK + 1, sizeof *ex.blocks);
		ex.blocks[ex.n / BLOCK] = grown(NULL, BLOCK, ex.model->size);
		ex.parent = grown(ex.parent, ex.n + BLOCK, sizeof *ex.parent);
	}
	memcpy(state_at(ex.n), state, ex.model->size);
	ex.parent[ex.n] = ex.from;
	ex.slots[at] = (uint32_t)ex.n;
	if (ex.violated == NOBODY && ex.model->violation(state) != NULL)
		ex.violated = (uint32_t)ex.n;
	ex.n++;
}

void
explore_next(const void *next, const char *what, ...)
{
	va_list ap;

	if (ex.wanted == NULL) {
		ex.steps++;
		add(next);
	} else if (!ex.told && memcmp(next, ex.wanted, ex.model->size) == 0) {
		va_start(ap, what);
		vsnprintf(ex.how, sizeof ex.how, what, ap);
		va_end(ap);
		ex.told = 1;
	}
}

static size_t
depth_of(uint32_t i)
{
	size_t depth = 0;

	while ((i = ex.parent[i]) != NOBODY)
		depth++;
	return depth;
}

static void
tell(uint32_t last)
{
	size_t len = depth_of(last) + 1;
	uint32_t *way = grown(NULL, len, sizeof *way);
	size_t i = len;

	for (uint32_t at = last; at != NOBODY; at = ex.parent[at])
		way[--i] = at;
	printf("  %3d %-52s %s\n", 0, "the start", ex.model->describe(state_at(way[0])));
	for (i = 1; i < len; i++) {
		ex.wanted = state_at(way[i]);
		ex.told = 0;
		ex.model->successors(state_at(way[i - 1]));
		printf("  %3zu %-52s %s\n", i, ex.how, ex.model->describe(ex.wanted));
	}
	ex.wanted = NULL;
	printf("  VIOLATION: %s\n", ex.model->violation(state_at(last)));
	free(way);
}

static void
forget(void)
{
	for (size_t i = 0; i * BLOCK < ex.n; i++)
		free(ex.blocks[i]);
	free(ex.blocks);
	free(ex.parent);
	free(ex.slots);
}

enum explore_result
explore_run(const struct explore_model *model, const void *start, size_t limit,
	    struct explore_figures *figures)
{
	enum explore_result result = EXPLORE_HOLDS;

	memset(&ex, 0, sizeof ex);
	ex.model = model;
	ex.limit = limit;
	ex.violated = NOBODY;
	ex.from = NOBODY;
	add(start);
	for (uint32_t i = 0; i < ex.n && ex.violated == NOBODY && !ex.full; i++) {
		ex.from = i;
		model->successors(state_at(i));
	}
	figures->states = ex.n;
	figures->steps = ex.steps;
	figures->depth = depth_of((uint32_t)ex.n - 1);
	if (ex.violated != NOBODY) {
		tell(ex.violated);
		result = EXPLORE_VIOLATED;
	} else if (ex.full) {
		result = EXPLORE_TOO_BIG;
	}
	forget();
	return result;
}
