/* buf: what waits to be written on one connection. See buf.h. */
#include "buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "spare.h"

/* One writev(2): enough for a turn's replies, small enough to build on the stack. */
#define IOV_N 64

/* So many pieces are kept for reuse at most. */
#ifndef PIECES_KEEP
#define PIECES_KEEP 4096
#endif

static struct spare pieces = {
    .what = "an output piece", .size = sizeof(struct buf_piece), .max = PIECES_KEEP};

static struct buf_piece *
piece_new(struct buf *q, struct blob *b, uint32_t off, uint32_t len, int ours)
{
	struct buf_piece *p = spare_take(&pieces);

	p->next = NULL;
	p->blob = b;
	p->off = off;
	p->len = len;
	p->ours = ours != 0;
	if (q->tail != NULL)
		q->tail->next = p;
	else
		q->head = p;
	q->tail = p;
	return p;
}

static void
piece_drop_head(struct buf *q)
{
	struct buf_piece *p = q->head;

	q->head = p->next;
	if (q->head == NULL)
		q->tail = NULL;
	blob_unref(p->blob);
	spare_give(&pieces, p);
}

/* The first chunk is small: most replies are, and many wait at once. */
static struct buf_piece *
chunk_new(struct buf *q, size_t n)
{
	size_t cap = q->tail == NULL && n <= BLOB_SMALL ? BLOB_SMALL : BLOB_LARGE;

	return piece_new(q, blob_new(cap), 0, 0, 1);
}

void
buf_add_on(struct buf *q, const void *data, size_t n)
{
	const char *from = data;

	q->len += n;
	while (n > 0) {
		size_t room = buf_left(q);
		struct buf_piece *p = room > 0 ? q->tail : chunk_new(q, n);

		if (room == 0)
			room = p->blob->cap;
		if (room > n)
			room = n;
		memcpy(p->blob->data + p->off + p->len, from, room);
		p->len += (uint32_t)room;
		from += room;
		n -= room;
	}
}

char *
buf_room_on(struct buf *q, size_t n)
{
	return chunk_new(q, n)->blob->data;
}

void
buf_add_str(struct buf *q, const char *s)
{
	buf_add(q, s, strlen(s));
}

void
buf_printf(struct buf *q, const char *fmt, ...)
{
	char line[1024];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n > 0)
		buf_add(q, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

void
buf_add_slice(struct buf *q, struct blob *blob, const char *p, size_t n)
{
	if (blob == NULL || n < BUF_SLICE_MIN) {
		buf_add(q, p, n);
		return;
	}
	piece_new(q, blob_ref(blob), (uint32_t)(p - blob->data), (uint32_t)n, 0);
	q->len += n;
}

int
buf_take_back(struct buf *q, size_t n)
{
	if (q->tail == NULL || !q->tail->ours || q->tail->len <= n)
		return 0;
	q->tail->len -= (uint32_t)n;
	q->len -= n;
	return 1;
}

void
buf_splice(struct buf *q, struct buf *from)
{
	if (from->head == NULL)
		return;
	if (q->tail != NULL)
		q->tail->next = from->head;
	else
		q->head = from->head;
	q->tail = from->tail;
	q->len += from->len;
	from->head = from->tail = NULL;
	from->len = 0;
}

static int
would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

static __attribute__((noinline)) ssize_t
buf_write_many(struct buf *q, int fd)
{
	struct iovec iov[IOV_N];
	int n = 0;

	for (struct buf_piece *p = q->head; p != NULL && n < IOV_N; p = p->next, n++)
		iov[n] = (struct iovec){p->blob->data + p->off, p->len};
	return writev(fd, iov, n);
}

ssize_t
buf_write(struct buf *q, int fd)
{
	struct buf_piece *p = q->head;
	ssize_t done;
	size_t left;

	if (p == NULL)
		return 0;
	done = p == q->tail ? write(fd, p->blob->data + p->off, p->len) : buf_write_many(q, fd);
	if (done == -1)
		return would_block() ? 0 : -1;
	left = (size_t)done;
	q->len -= left;
	while (left > 0) {
		p = q->head;
		if (left < p->len) {
			p->off += (uint32_t)left;
			p->len -= (uint32_t)left;
			break;
		}
		left -= p->len;
		piece_drop_head(q);
	}
	return done;
}

void
buf_drop(struct buf *q)
{
	while (q->head != NULL)
		piece_drop_head(q);
	q->len = 0;
}
