/*
 * hold: keys on which a command of several steps is at work (cas: first the leader decides, then
 * the follower gets the value). Other commands on the key wait behind it, in order. Usually there
 * is none, and asking costs one comparison.
 */
#ifndef MEMVIP_HOLD_H
#define MEMVIP_HOLD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct hold_waiter {
	STAILQ_ENTRY(hold_waiter) link;
	/* The key is free: start, which may take a hold again. */
	void (*resume)(struct hold_waiter *w);
};

STAILQ_HEAD(hold_waiters, hold_waiter);

/* Lives in the command that holds. */
struct hold {
	uint8_t repair; /* the copies have parted: no write on the key is acknowledged meanwhile */
	uint8_t parted; /* ... before the holder's command, and the repair waits for it */
	LIST_ENTRY(hold) link;
	struct hold_waiters waiters;
	const char *key; /* the command's own copy */
	uint8_t key_len;
};

extern unsigned hold_count;

/* The hold on the key, or NULL. */
struct hold *hold_find(const char *key, size_t len);

static inline struct hold *
hold_busy(const char *key, size_t len)
{
	return hold_count == 0 ? NULL : hold_find(key, len);
}

/* Takes the key, which nobody holds. */
void hold_take(struct hold *h, const char *key, size_t len);

void hold_wait(struct hold *h, struct hold_waiter *w);

/*
 * Gives the key back and resumes who waits, in order; when one of them takes the key again, the
 * rest waits behind it.
 */
void hold_release(struct hold *h);

#endif
