/* io: one connection. See io.h. */
#include "io.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "log.h"

/* A held window starts with this much room; io_need() asks for more. */
#define HOLD_MIN BLOB_SMALL

STAILQ_HEAD(io_list, io);

static struct io_list dirty_list = STAILQ_HEAD_INITIALIZER(dirty_list);
static struct io_list resume_list = STAILQ_HEAD_INITIALIZER(resume_list);
static struct io_list dead_list = STAILQ_HEAD_INITIALIZER(dead_list);

/* Where a connection that holds nothing is read into: one for all, since it is used up at once. */
static char scratch[IO_READ_MAX];

void
io_setup(struct io *io, const struct io_ops *ops)
{
	memset(io, 0, sizeof(*io));
	io->ops = ops;
	io->fd = -1;
}

/* What the data callback left over of w is kept for the next time. */
static void
io_keep(struct io *io, const struct io_window *w, size_t consumed)
{
	size_t left = w->len - consumed;
	size_t want =
	    io->paused ? left : 2 * left; /* a line that grows, or one that is all there */
	struct blob *b;

	if (left == 0) {
		if (io->in != NULL)
			blob_unref(io->in);
		io->in = NULL;
		return;
	}
	if (want < HOLD_MIN)
		want = HOLD_MIN;
	if (io->need > left)
		want = io->need;
	if (io->in != NULL && consumed == 0 && io->in->cap > left && io->in->cap >= io->need)
		return;
	if (io->in != NULL && io->in->refs == 1 && io->in->cap >= want) {
		memmove(io->in->data, w->p + consumed, left);
		io->in->len = (uint32_t)left;
		return;
	}
	b = blob_new(want);
	memcpy(b->data, w->p + consumed, left);
	b->len = (uint32_t)left;
	if (io->in != NULL)
		blob_unref(io->in);
	io->in = b;
}

/* Looks at what is held, and at what is wrong, before the turn ends. */
static void
io_deliver_later(struct io *io)
{
	if (io->resumed)
		return;
	io->resumed = 1;
	STAILQ_INSERT_TAIL(&resume_list, io, resume_link);
}

static void
io_deliver(struct io *io, const char *p, size_t len)
{
	struct io_window w = {p, len, io->in};
	size_t consumed;

	io->need = 0;
	consumed = io->ops->data(io, &w);
	if (!io_is_open(io))
		return; /* closed by the callback: io_close() has dropped the input */
	io_keep(io, &w, consumed);
}

/* Whatever has changed: it is watched for what is waited for. */
static void
io_watch(struct io *io)
{
	unsigned want = 0;

	if (!io->paused && !io->eof && !io->connecting)
		want |= READY_READ;
	if (io->blocked || io->connecting)
		want |= READY_WRITE;
	if (want == io->ready.events || ready_want(&io->ready, io->fd, want) == 0)
		return;
	log_warn("a connection cannot be watched: it is closed");
	io->deaf = 1;
	io_deliver_later(io);
}

static void
io_on_read(struct io *io)
{
	struct blob *b = io->in;
	int fd = io->fd, full = 0;
	ssize_t n;

	if (b == NULL) {
		size_t most = io->ops->read_max != 0 ? io->ops->read_max : sizeof(scratch);
		n = read(fd, scratch, most);
		full = n == (ssize_t)most;
	} else if (b->len == b->cap) { /* it was paused, and it is full of what was there then */
		io_deliver(io, b->data, b->len);
		return;
	} else {
		/* Up to the size asked for and no further: then the blob holds one body alone. */
		size_t room = b->cap - b->len;
		if (io->need > b->len && io->need - b->len < room)
			room = io->need - b->len;
		n = read(fd, b->data + b->len, room);
	}
	if (n > 0) {
		ready_took((size_t)n, full);
		if (b == NULL) {
			io_deliver(io, scratch, (size_t)n);
		} else {
			b->len += (uint32_t)n;
			if (b->len >= io->need || b->len == b->cap)
				io_deliver(io, b->data, b->len);
		}
	} else if (n == 0) {
		io->eof = 1;
		io_watch(io);
		io->ops->event(io, IO_EOF);
	} else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR) {
		io->ops->event(io, IO_ERROR);
	}
}

/* Writable. That it is not to be watched for that any more is found out by writing. */
static void
io_on_write(struct io *io)
{
	int err = 0;
	socklen_t len = sizeof(err);

	io->blocked = 0;
	if (!io->connecting) {
		io_dirty(io);
		return;
	}
	io->connecting = 0;
	if (getsockopt(io->fd, SOL_SOCKET, SO_ERROR, &err, &len) == -1)
		err = errno;
	if (err != 0) {
		errno = err;
		io->ops->event(io, IO_ERROR);
		return;
	}
	io_watch(io);
	io->ops->event(io, IO_CONNECTED);
	if (io_is_open(io) && !buf_empty(&io->out))
		io_dirty(io);
}

static void
io_on_ready(struct ready *r, unsigned events)
{
	struct io *io = (struct io *)((char *)r - offsetof(struct io, ready));

	if (events & READY_WRITE)
		io_on_write(io);
	if ((events & READY_READ) && io_is_open(io) && !io->paused)
		io_on_read(io);
}

void
io_init(struct event_base *base)
{
	ready_init(base, io_on_ready);
}

void
io_end(void)
{
	ready_end();
}

static void
io_assign(struct io *io, int fd)
{
	io->fd = fd;
	io->connecting = io->paused = io->blocked = io->eof = io->deaf = 0;
}

void
io_open(struct io *io, int fd)
{
	io_assign(io, fd);
	io_watch(io);
}

/* A unix socket has none, and says so. */
static void
io_user_timeout(int fd, unsigned ms)
{
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

void
io_patience(struct io *io, unsigned user_timeout_ms)
{
	if (io_is_open(io))
		io_user_timeout(io->fd, user_timeout_ms);
}

int
io_connect(struct io *io, const struct addr *to, unsigned user_timeout_ms)
{
	const struct linger reset = {1, 0};
	const int on = 1;
	int fd = socket(to->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (to->u.sa.sa_family != AF_UNIX) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		io_user_timeout(fd, user_timeout_ms);
	}
	if (connect(fd, &to->u.sa, to->len) == -1 && errno != EINPROGRESS) {
		int saved = errno;
		close(fd);
		errno = saved;
		return -1;
	}
	io_assign(io, fd);
	io->connecting = 1;
	io_watch(io);
	return 0;
}

void
io_dirty(struct io *io)
{
	if (io->dirty || io->blocked || io->connecting || !io_is_open(io))
		return;
	io->dirty = 1;
	STAILQ_INSERT_TAIL(&dirty_list, io, dirty_link);
}

void
io_pause(struct io *io)
{
	if (io->paused || !io_is_open(io))
		return;
	io->paused = 1;
	io_watch(io);
}

void
io_resume(struct io *io)
{
	if (!io_is_open(io))
		return;
	if (io->paused) {
		io->paused = 0;
		io_watch(io);
	}
	io_deliver_later(io);
}

void
io_close(struct io *io)
{
	if (!io_is_open(io))
		return;
	ready_want(&io->ready, io->fd, 0);
	close(io->fd);
	io->fd = -1;
	buf_clear(&io->out);
	if (io->in != NULL)
		blob_unref(io->in);
	io->in = NULL;
	if (!io->dead) {
		io->dead = 1;
		STAILQ_INSERT_TAIL(&dead_list, io, dead_link);
	}
}

static void
io_write(struct io *io)
{
	ssize_t n = buf_write(&io->out, io->fd);

	if (n == -1) {
		io->ops->event(io, IO_ERROR);
		return;
	}
	io->bytes_out += (size_t)n;
	if (n > 0 || buf_empty(&io->out)) {
		io->ops->event(io, IO_WROTE);
		if (!io_is_open(io))
			return;
	}
	io->blocked = !buf_empty(&io->out);
	if (io->blocked || (io->ready.events & READY_WRITE))
		io_watch(io);
}

void
io_turn(void)
{
	struct io *io;

	while (!STAILQ_EMPTY(&resume_list) || !STAILQ_EMPTY(&dirty_list)) {
		while ((io = STAILQ_FIRST(&resume_list)) != NULL) {
			STAILQ_REMOVE_HEAD(&resume_list, resume_link);
			io->resumed = 0;
			if (io->deaf && io_is_open(io)) {
				errno = ENOSPC;
				io->ops->event(io, IO_ERROR);
			} else if (io_is_open(io) && !io->paused && io->in != NULL &&
				   io->in->len >= io->need)
				io_deliver(io, io->in->data, io->in->len);
		}
		while ((io = STAILQ_FIRST(&dirty_list)) != NULL) {
			STAILQ_REMOVE_HEAD(&dirty_list, dirty_link);
			io->dirty = 0;
			if (io_is_open(io))
				io_write(io);
		}
	}
	while ((io = STAILQ_FIRST(&dead_list)) != NULL) {
		STAILQ_REMOVE_HEAD(&dead_list, dead_link);
		io->dead = 0;
		if (io->ops->gone != NULL)
			io->ops->gone(io);
	}
}
