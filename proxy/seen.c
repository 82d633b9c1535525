/* seen: the keys that a fill knows to be on its server. See seen.h. */
#include "seen.h"

#include <sys/mman.h>

#include "hash.h"

/* Of a hash the lower bits name the set, all others and so all differences are in the tag. */
#define WAYS 8
struct set {
	uint64_t tags[WAYS]; /* 0: none */
};
#define SETS (SEEN_BYTES / sizeof(struct set))

static struct set *sets; /* NULL: nothing is filled, or there was no memory: nothing is seen */
static unsigned n_fills;
static uint64_t n_begun;

uint64_t
seen_begin(void)
{
	if (n_fills++ == 0) {
		void *p = mmap(NULL, SEEN_BYTES, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		sets = p != MAP_FAILED ? p : NULL;
	}
	return ++n_begun;
}

void
seen_end(void)
{
	if (--n_fills > 0 || sets == NULL)
		return;
	munmap(sets, SEEN_BYTES);
	sets = NULL;
}

static uint64_t
tag_of(uint64_t fill, const char *key, size_t len)
{
	uint64_t tag = hash_key(key, len, fill);

	return tag != 0 ? tag : 1;
}

/* Where in its set the tag is, or NULL. */
static uint64_t *
find(uint64_t set, uint64_t tag)
{
	uint64_t *tags = sets[set % SETS].tags;

	for (unsigned i = 0; i < WAYS; i++)
		if (tags[i] == tag)
			return &tags[i];
	return NULL;
}

void
seen_add(uint64_t fill, const char *key, size_t len)
{
	uint64_t tag = tag_of(fill, key, len), *place;

	if (sets == NULL || find(tag, tag) != NULL)
		return;
	place = find(tag, 0);
	if (place == NULL)
		place = &sets[tag % SETS].tags[tag >> 61]; /* one of the WAYS, as good as chance */
	*place = tag;
}

void
seen_forget(uint64_t fill, const char *key, size_t len)
{
	uint64_t tag = tag_of(fill, key, len), *place;

	if (sets != NULL && (place = find(tag, tag)) != NULL)
		*place = 0;
}

int
seen_has(uint64_t fill, const char *key, size_t len)
{
	uint64_t tag = tag_of(fill, key, len);

	return sets != NULL && find(tag, tag) != NULL;
}
