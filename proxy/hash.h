/*
 * hash: 64 bits of a key, eight bytes at a time, for tables of the proxy's own. Where a key belongs is
 * another one's business, which others have to agree with (ring.h).
 */
#ifndef MEMVIP_HASH_H
#define MEMVIP_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Odd, and its bits are spread. */
#define HASH_MIX UINT64_C(0x9fb21c651e98df25)

/*
 * A product's upper half is what all bytes have a part in: the lower one knows nothing of a word's last
 * ones, so the upper one is folded into it.
 */
static inline uint64_t
hash_fold(uint64_t h)
{
	h *= HASH_MIX;
	return h ^ h >> 32;
}

/* Differs wherever seed does. */
static inline uint64_t
hash_key(const char *key, size_t len, uint64_t seed)
{
	uint64_t h = (len ^ seed) * UINT64_C(0x9e3779b97f4a7c15), w = 0;

	if (len >= 8) {
		const char *last = key + len - 8;

		for (; key < last; key += 8) {
			memcpy(&w, key, 8);
			h = hash_fold(h ^ w);
		}
		memcpy(&w, last, 8);
	} else if (len >= 4) {
		uint32_t first, last;

		memcpy(&first, key, 4);
		memcpy(&last, key + len - 4, 4);
		w = (uint64_t)last << 32 | first;
	} else {
		while (len > 0)
			w = w << 8 | (unsigned char)key[--len];
	}
	return hash_fold(hash_fold(h ^ w));
}

#endif
