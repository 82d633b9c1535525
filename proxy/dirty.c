/* dirty: a set of keys. See dirty.h. */
#include "dirty.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "ring.h"

#define KEYS_FIRST  4096
#define SLOTS_FIRST 256

void
dirty_init(struct dirty *d, size_t limit)
{
	memset(d, 0, sizeof(*d));
	dirty_limit(d, limit);
}

void
dirty_limit(struct dirty *d, size_t limit)
{
	d->limit = limit < UINT32_MAX / 2 ? limit : UINT32_MAX / 2;
}

static void
dirty_free(struct dirty *d)
{
	free(d->keys);
	free(d->slots);
	d->keys = NULL;
	d->slots = NULL;
	d->len = d->cap = d->head = d->n_slots = d->n = 0;
}

void
dirty_clear(struct dirty *d)
{
	dirty_free(d);
	d->overflow = 0;
}

void
dirty_give_up(struct dirty *d)
{
	dirty_free(d);
	d->overflow = 1;
}

/* The slot that holds the key, or the free one where it belongs. The table is never full. */
static uint32_t
dirty_slot(const struct dirty *d, const char *key, size_t len)
{
	uint32_t i = ring_hash(key, len) * 2654435761u & (d->n_slots - 1);

	while (d->slots[i] != 0) {
		const char *at = d->keys + d->slots[i] - 1;
		if ((unsigned char)at[0] == len && memcmp(at + 1, key, len) == 0)
			break;
		i = (i + 1) & (d->n_slots - 1);
	}
	return i;
}

/* A table of n_slots with every key that is still in. */
static void
dirty_index(struct dirty *d, uint32_t n_slots)
{
	uint32_t *slots = calloc(n_slots, sizeof(*slots));
	uint32_t at = 0;
	const char *key;
	size_t len;

	if (slots == NULL)
		fatalx("out of memory: a list of keys");
	free(d->slots);
	d->slots = slots;
	d->n_slots = n_slots;
	while ((len = dirty_each(d, &at, &key)) > 0)
		d->slots[dirty_slot(d, key, len)] = (uint32_t)(key - d->keys);
}

/* What was taken goes; the rest moves to the front. */
static void
dirty_compact(struct dirty *d)
{
	memmove(d->keys, d->keys + d->head, d->len - d->head);
	d->len -= d->head;
	d->head = 0;
	dirty_index(d, d->n_slots);
}

/* Room for one more key. Returns 0, or -1 when the limit forbids it. */
static int
dirty_grow(struct dirty *d, size_t len)
{
	uint32_t cap = d->cap != 0 ? d->cap : KEYS_FIRST;
	uint32_t n_slots = d->n_slots != 0 ? d->n_slots : SLOTS_FIRST;

	if (d->head > cap / 2)
		dirty_compact(d);
	while (cap - d->len < len + 1)
		cap *= 2;
	if (d->n + 1 > n_slots / 2)
		n_slots *= 2;
	if (cap + (size_t)n_slots * sizeof(*d->slots) > d->limit)
		return -1;
	if (cap != d->cap) {
		char *keys = realloc(d->keys, cap);
		if (keys == NULL)
			fatalx("out of memory: a list of keys");
		d->keys = keys;
		d->cap = cap;
	}
	if (n_slots != d->n_slots)
		dirty_index(d, n_slots);
	return 0;
}

void
dirty_add(struct dirty *d, const char *key, size_t len)
{
	uint32_t i;

	if (d->overflow)
		return;
	if (dirty_grow(d, len) == -1) {
		dirty_give_up(d);
		return;
	}
	i = dirty_slot(d, key, len);
	if (d->slots[i] != 0)
		return;
	d->slots[i] = d->len + 1;
	d->keys[d->len] = (char)len;
	memcpy(d->keys + d->len + 1, key, len);
	d->len += (uint32_t)len + 1;
	d->n++;
}

/* Empties a slot and moves up what was pushed behind it (Knuth, linear probing). */
static void
dirty_unslot(struct dirty *d, uint32_t i)
{
	uint32_t j = i, mask = d->n_slots - 1;

	for (;;) {
		uint32_t home;
		const char *at;

		d->slots[i] = 0;
		do {
			j = (j + 1) & mask;
			if (d->slots[j] == 0)
				return;
			at = d->keys + d->slots[j] - 1;
			home = ring_hash(at + 1, (unsigned char)at[0]) * 2654435761u & mask;
		} while (i <= j ? i < home && home <= j : i < home || home <= j);
		d->slots[i] = d->slots[j];
		i = j;
	}
}

size_t
dirty_take(struct dirty *d, char *key)
{
	size_t len;

	if (d->n == 0)
		return 0;
	len = (unsigned char)d->keys[d->head];
	memcpy(key, d->keys + d->head + 1, len);
	dirty_unslot(d, dirty_slot(d, key, len));
	d->head += (uint32_t)len + 1;
	if (--d->n == 0)
		d->len = d->head = 0;
	return len;
}

size_t
dirty_each(const struct dirty *d, uint32_t *at, const char **key)
{
	uint32_t i = *at < d->head ? d->head : *at;
	size_t len;

	if (i >= d->len)
		return 0;
	len = (unsigned char)d->keys[i];
	*key = d->keys + i + 1;
	*at = i + (uint32_t)len + 1;
	return len;
}
