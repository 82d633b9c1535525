/*
 * spare: memory for things of one size, kept for reuse. What was not needed for a while goes back to the
 * system, so that a burst leaves nothing behind (spare_tidy()).
 */
#ifndef MEMVIP_SPARE_H
#define MEMVIP_SPARE_H

#include <stddef.h>
#include <stdint.h>

/* What one that is kept begins with. */
struct spare_link {
	struct spare_link *next;
};

/* Of one size; static. Only what is named is set at first. */
struct spare {
	const char *what; /* "a command": for the last words of a process without memory */
	size_t size;	  /* bytes of each, those of a pointer at least */
	unsigned max;	  /* how many are kept at most */
	unsigned n;	  /* are kept */
	unsigned least;	  /* ... since spare_tidy(): so many were not needed */
	struct spare_link *head;
	struct spare *next;
	uint8_t known; /* in the list of all */
};

/* For the two below. */
void *spare_new(struct spare *s);
void spare_free(struct spare *s, void *p);

/* Memory of s->size bytes, as it happens to be. Never fails: without memory the process ends. */
static inline void *
spare_take(struct spare *s)
{
	struct spare_link *l = s->head;

	if (l == NULL)
		return spare_new(s);
	s->head = l->next;
	if (--s->n < s->least)
		s->least = s->n;
	return l;
}

static inline void
spare_give(struct spare *s, void *p)
{
	struct spare_link *l = p;

	if (s->n >= s->max) {
		spare_free(s, p);
		return;
	}
	l->next = s->head;
	s->head = l;
	s->n++;
}

/* So many bytes were given back by somebody else: as if they were from here. */
void spare_freed(size_t bytes);

/* Called now and then: frees what was kept and not needed since the last time. */
void spare_tidy(void);

#endif
