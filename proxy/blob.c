/* blob: refcounted bytes. See blob.h. */
#include "blob.h"

#include <malloc.h>
#include <stdlib.h>

#include "log.h"

/* Free lists keep at most this many bytes each; what a burst needed beyond it goes back. */
#ifndef KEEP_BYTES
#define KEEP_BYTES (256u * 1024u)
#endif

struct pool {
	struct blob *head;
	uint32_t cap;
	uint32_t n;
};

static struct pool pools[] = {{NULL, BLOB_SMALL, 0}, {NULL, BLOB_LARGE, 0}};
static size_t total, peak;

/* A burst smaller than this is not worth the work of giving it back. */
#define BURST_BYTES (4u << 20)

static struct pool *
pool_for(size_t cap)
{
	if (cap <= BLOB_SMALL)
		return &pools[0];
	if (cap <= BLOB_LARGE)
		return &pools[1];
	return NULL;
}

struct blob *
blob_new(size_t cap)
{
	struct pool *p = pool_for(cap);
	struct blob *b;

	if (p != NULL && p->head != NULL) {
		b = p->head;
		p->head = b->next_free;
		p->n--;
	} else {
		if (p != NULL)
			cap = p->cap;
		if (cap > INT32_MAX || (b = malloc(sizeof(*b) + cap)) == NULL)
			fatalx("out of memory: a buffer of %zu bytes", cap);
		b->cap = (uint32_t)cap;
	}
	b->refs = 1;
	b->len = 0;
	b->next_free = NULL;
	total += b->cap;
	if (total > peak)
		peak = total;
	return b;
}

void
blob_unref(struct blob *b)
{
	struct pool *p;

	if (--b->refs > 0)
		return;
	total -= b->cap;
	p = pool_for(b->cap);
	if (p != NULL && p->cap == b->cap && p->n < KEEP_BYTES / p->cap) {
		b->next_free = p->head;
		p->head = b;
		p->n++;
	} else {
		free(b);
	}
}

size_t
blob_total(void)
{
	return total;
}

void
blob_trim(void)
{
	if (peak > BURST_BYTES && total < peak / 4) {
		malloc_trim(0);
		peak = total;
	}
}
