/* hold: keys on which a command of several steps is at work. See hold.h. */
#include "hold.h"

#include <string.h>

#include "ring.h"

#define BUCKETS 256

LIST_HEAD(hold_list, hold);

unsigned hold_count;

static struct hold_list table[BUCKETS];

static struct hold_list *
bucket(const char *key, size_t len)
{
	return &table[ring_hash(key, len) % BUCKETS];
}

struct hold *
hold_find(const char *key, size_t len)
{
	struct hold *h;

	LIST_FOREACH(h, bucket(key, len), link)
	if (h->key_len == len && memcmp(h->key, key, len) == 0)
		return h;
	return NULL;
}

void
hold_take(struct hold *h, const char *key, size_t len)
{
	h->key = key;
	h->key_len = (uint8_t)len;
	h->repair = h->parted = 0;
	STAILQ_INIT(&h->waiters);
	LIST_INSERT_HEAD(bucket(key, len), h, link);
	hold_count++;
}

void
hold_wait(struct hold *h, struct hold_waiter *w)
{
	STAILQ_INSERT_TAIL(&h->waiters, w, link);
}

void
hold_release(struct hold *h)
{
	struct hold_waiters waiters = STAILQ_HEAD_INITIALIZER(waiters);
	struct hold_waiter *w;
	char key[256];
	uint8_t len = h->key_len;
	struct hold *again;

	memcpy(key, h->key, len); /* h may go while its waiters start */
	STAILQ_CONCAT(&waiters, &h->waiters);
	LIST_REMOVE(h, link);
	hold_count--;
	while ((w = STAILQ_FIRST(&waiters)) != NULL) {
		if ((again = hold_busy(key, len)) != NULL) {
			STAILQ_CONCAT(&again->waiters, &waiters);
			break;
		}
		STAILQ_REMOVE_HEAD(&waiters, link);
		w->resume(w);
	}
}
