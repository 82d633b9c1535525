/* spare: memory for things of one size, kept for reuse. See spare.h. */
#include "spare.h"

#include <malloc.h>
#include <stdlib.h>

#include "log.h"

/* From so many bytes on what was freed is worth the work of having the allocator give it back. */
#define TRIM_BYTES (128u << 10)

static struct spare *all;
static size_t freed; /* bytes, since the allocator gave back */

void
spare_freed(size_t bytes)
{
	freed += bytes;
}

void *
spare_new(struct spare *s)
{
	void *p = malloc(s->size);

	if (p == NULL)
		fatalx("out of memory: %s", s->what);
	if (!s->known) {
		s->known = 1;
		s->next = all;
		all = s;
	}
	return p;
}

void
spare_free(struct spare *s, void *p)
{
	free(p);
	spare_freed(s->size);
}

void
spare_tidy(void)
{
	for (struct spare *s = all; s != NULL; s = s->next) {
		for (; s->least > 0; s->least--) {
			struct spare_link *l = s->head;

			s->head = l->next;
			s->n--;
			spare_free(s, l);
		}
		s->least = s->n;
	}
	if (freed < TRIM_BYTES)
		return;
	freed = 0;
	malloc_trim(0);
}
