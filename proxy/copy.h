/*
 * copy: moves one item from the server that leads its key to the one that follows, with its flags,
 * its remaining time and every byte; whatever repairs or fills uses this one piece.
 *
 *   mg KEY on the leader ──► value ──► ms KEY … add on the follower
 *         │ a client's write on the key comes between: read again
 *
 * Both lines travel on the key's own connections, so the copy stands in one order with every write
 * of a client: what is sent to both before the item was read is in it, what is sent to both after
 * the item was sent comes behind it, and anything between makes it start over.
 */
#ifndef MEMVIP_COPY_H
#define MEMVIP_COPY_H

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "hold.h"
#include "op.h"
#include "proto_req.h"
#include "server.h"

/* After so many new starts commands on the key wait for the copy. */
#define COPY_RESTARTS_MAX 3

enum copy_mode {
	COPY_ADD,     /* unless the follower has the key */
	COPY_MISSING, /* the same, for a follower that most likely has it: it is asked first */
	COPY_REPLACE  /* whatever it has; where the leader has nothing, delete it there */
};

enum copy_result {
	COPY_DONE,    /* the follower has what the leader has */
	COPY_REFUSED, /* it does not take the item (size, memory): it has nothing under the key */
	COPY_LOST     /* one of the two went out of use */
};

struct copy {
	LIST_ENTRY(copy) link;
	struct op op;
	struct server *from, *to;
	void (*done)(struct copy *c, enum copy_result result); /* the last word: c is free again */
	void *arg;
	uint8_t mode;	 /* enum copy_mode */
	uint8_t touched; /* a client wrote to the key since it was read */
	uint8_t restarts;
	uint8_t refused;
	uint8_t written; /* the value was sent to the follower */
	uint8_t stored;	 /* the follower did not have it, and has it now (add, missing) */
	uint8_t holding;
	uint8_t key_len;
	struct hold hold;
	uint32_t size; /* of the value that was read, in bytes; 0: none was */
	char key[PROTO_KEY_MAX];
};

extern unsigned copy_reading;

/*
 * Starts to copy; c is the caller's and stays until done(), which is never called from inside.
 * Both servers are in use.
 */
void copy_start(struct copy *c, struct server *from, struct server *to, const char *key, size_t len,
		enum copy_mode mode);

void copy_touch(const char *key, size_t len);

/* A client's write on the key is about to be sent to both. Costs a comparison when nothing is copied. */
static inline void
copy_touched(const char *key, size_t len)
{
	if (copy_reading > 0)
		copy_touch(key, len);
}

#endif
