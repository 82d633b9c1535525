/* ring: which servers keep a key. See ring.h. */
#include "ring.h"

uint32_t
ring_hash(const char *key, size_t len)
{
	uint32_t h = 5381;

	for (size_t i = 0; i < len; i++)
		h = h * 33 + (uint32_t)(int32_t)(signed char)key[i];
	return h & 0x7fffffff;
}

/* Where in a list of n a hash belongs. other: the next one that is another (of one: itself). */
static unsigned
ring_at(const struct ketama *circle, unsigned n, uint32_t hash, unsigned *other)
{
	if (n < 2)
		return *other = 0;
	if (circle != NULL) {
		const struct ketama_point *p = ketama_find(circle, hash);

		*other = p->other;
		return p->server;
	}
	*other = (hash + 1) % n;
	return hash % n;
}

struct ring_pair
ring_find(const struct ring *r, const char *key, size_t len)
{
	struct ring_pair pair = {r->primary[0], RING_NONE};
	unsigned b = 0, other = 0;

	if (r->n_primary > 1 || r->n_backup > 1) { /* the usual pair needs no hash */
		int ketama = r->primary_circle != NULL || r->backup_circle != NULL;
		uint32_t h = ketama ? ketama_hash(key, len) : ring_hash(key, len);

		pair.primary = r->primary[ring_at(r->primary_circle, r->n_primary, h, &other)];
		b = ring_at(r->backup_circle, r->n_backup, h, &other);
	}
	if (r->n_backup > 0 && r->backup[b] != pair.primary)
		pair.backup = r->backup[b];
	else if (r->n_backup > 1)
		pair.backup = r->backup[other];
	return pair;
}

unsigned
ring_slot(const char *key, size_t len, unsigned n)
{
	uint32_t h = 2166136261u; /* FNV-1a: independent of the placement's hash */

	if (n == 1)
		return 0;
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)key[i]) * 16777619u;
	return (h ^ h >> 15) % n;
}
