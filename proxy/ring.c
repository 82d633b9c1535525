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

struct ring_pair
ring_find(const struct ring *r, const char *key, size_t len)
{
	struct ring_pair pair = {r->primary[0], RING_NONE};
	uint32_t h = 0;
	unsigned at = 0;

	if (r->n_primary > 1 || r->n_backup > 1) /* the usual pair needs no hash */
		h = ring_hash(key, len);
	if (r->n_primary > 1)
		pair.primary = r->primary[h % r->n_primary];
	if (r->n_backup > 1)
		at = h % r->n_backup;
	for (unsigned i = 0; i < r->n_backup; i++) {
		int b = r->backup[(at + i) % r->n_backup];
		if (b != pair.primary) {
			pair.backup = b;
			break;
		}
	}
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
