/*
 * op: what is under way in a connection, and what a marker says, as numbers, so that a state is
 * small; and the queues of ops.
 */
#ifndef MEMVIP_OP_H
#define MEMVIP_OP_H

#include <string.h>

#include "world.h"

static inline op_t
op(enum op_kind kind, unsigned value, unsigned who)
{
	return (op_t)((unsigned)kind | value << 4 | who << 8);
}

static inline enum op_kind
op_kind(op_t o)
{
	return (enum op_kind)(o & 15);
}

static inline unsigned
op_value(op_t o)
{
	return o >> 4 & 15;
}

static inline unsigned
op_who(op_t o)
{
	return o >> 8 & 3;
}

/* get: the unique of the value that was read. cas: the one that it is to have. */
static inline unsigned
op_unique(op_t o)
{
	return o >> 13;
}

static inline op_t
op_with_unique(op_t o, unsigned unique)
{
	return (op_t)((o & 0x1fff) | unique << 13);
}

#define OP_DONE	   (1u << 10)
#define OP_REFUSED (1u << 11) /* NOT_STORED */
#define OP_AWAITED (1u << 12) /* by the copier */

static inline int
op_writes(op_t o)
{
	return o != 0 && op_kind(o) != OP_GET && op_kind(o) != COPY_GET;
}

static inline marker_t
marker(unsigned epoch, unsigned session, unsigned set, int clean)
{
	return (marker_t)(1u | (clean ? 2u : 0) | set << 2 | session << 4 | epoch << 6);
}

static inline int
marker_clean(marker_t m)
{
	return (m & 2) != 0;
}

static inline unsigned
marker_set(marker_t m)
{
	return m == 0 ? 0 : m >> 2 & 3u;
}

static inline unsigned
marker_session(marker_t m)
{
	return m >> 4 & 3u;
}

static inline unsigned
marker_epoch(marker_t m)
{
	return m >> 6;
}

/* Session 0 is the one before the first proxy of the model. */
static inline unsigned
session_of(unsigned p)
{
	return p + 1;
}

static inline unsigned
queue_len(const op_t *queue)
{
	unsigned n = 0;

	while (n < MAX_OPS && queue[n] != 0)
		n++;
	return n;
}

static inline void
queue_add(struct world *w, op_t *queue, op_t o)
{
	unsigned n = queue_len(queue);

	if (n == MAX_OPS)
		w->bad = WRONG_FULL;
	else
		queue[n] = o;
}

static inline op_t
queue_take(op_t *queue)
{
	op_t first = queue[0];

	memmove(queue, queue + 1, (MAX_OPS - 1) * sizeof *queue);
	queue[MAX_OPS - 1] = 0;
	return first;
}

#endif
