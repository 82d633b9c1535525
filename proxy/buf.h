/*
 * buf: what waits to be written on one connection.
 *
 *   head                          tail
 *    │                             │
 *    ▼                             ▼
 *   [slice of a body]->[chunk]->[chunk being filled]     each piece holds one reference
 *     off..len           off..len   off..len..cap
 *
 * Small pieces are copied together into chunks, large ones are referenced. An empty queue holds
 * no memory.
 */
#ifndef MEMVIP_BUF_H
#define MEMVIP_BUF_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>

#include "blob.h"

/* From this size on a slice is referenced instead of copied (a copy is cheaper below). */
#define BUF_SLICE_MIN 4096u

struct buf_piece {
	struct buf_piece *next;
	struct blob *blob; /* one reference */
	uint32_t off, len; /* the bytes still to write */
	uint8_t ours;	   /* blob was made by the queue: more may be copied in behind */
};

struct buf {
	struct buf_piece *head, *tail;
	size_t len; /* bytes waiting */
};

static inline int
buf_empty(const struct buf *q)
{
	return q->len == 0;
}

/* For buf_add() and buf_room(), where the last chunk has not so much room. */
void buf_add_on(struct buf *q, const void *p, size_t n);
char *buf_room_on(struct buf *q, size_t n);

/* So many bytes lie free behind the last chunk's; 0 where the last piece is none. */
static inline size_t
buf_left(const struct buf *q)
{
	const struct buf_piece *p = q->tail;

	return p != NULL && p->ours ? p->blob->cap - p->off - p->len : 0;
}

static inline void
buf_put(struct buf *q, size_t n)
{
	q->tail->len += (uint32_t)n;
	q->len += n;
}

/* Copies n bytes in. */
static inline void
buf_add(struct buf *q, const void *p, size_t n)
{
	if (n > buf_left(q)) {
		buf_add_on(q, p, n);
		return;
	}
	if (n == 0)
		return;
	memcpy(q->tail->blob->data + q->tail->off + q->tail->len, p, n);
	buf_put(q, n);
}

/*
 * Where at most n bytes (n <= BLOB_SMALL) may be written, all together; buf_put() says how many were,
 * one at least.
 */
static inline char *
buf_room(struct buf *q, size_t n)
{
	if (n > buf_left(q))
		return buf_room_on(q, n);
	return q->tail->blob->data + q->tail->off + q->tail->len;
}

void buf_add_str(struct buf *q, const char *s);
void buf_printf(struct buf *q, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Adds the n bytes at p, which lie in blob (NULL: in memory that will not stay). Large slices of a
 * blob are referenced, anything else is copied.
 */
void buf_add_slice(struct buf *q, struct blob *blob, const char *p, size_t n);

/*
 * Takes back the last n bytes, added by buf_add() and not written yet. Returns 1, or 0 when they
 * do not lie together behind other bytes; then nothing has changed.
 */
int buf_take_back(struct buf *q, size_t n);

/* Moves all of from behind q; from is empty then. */
void buf_splice(struct buf *q, struct buf *from);

/*
 * Writes what the kernel takes, in one writev(2). Returns the bytes written (0: none, try again
 * when writable), or -1 with errno set.
 */
ssize_t buf_write(struct buf *q, int fd);

void buf_drop(struct buf *q);

/* Drops what waits. */
static inline void
buf_clear(struct buf *q)
{
	if (q->head != NULL)
		buf_drop(q);
}

#endif
