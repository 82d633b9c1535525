/* session: one connection. See session.h. */
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "tally.h"

#define CONNECT_S 10
#define IN_SIZE	  (256 * 1024)
#define OUT_SIZE  (64 * 1024) /* or one request's text, if that is longer */
#define SLICES	  64
/* A value up to this size is copied behind its line: cheaper than a slice of its own. */
#define COPY_MAX 2048

static const struct work *work;
static const struct session_ops *ops;
static char *in, *out;
static size_t out_size, get_size, set_size; /* set_size: with the value */

void
session_init(const struct work *the_work, const struct session_ops *the_ops)
{
	size_t head;

	work = the_work;
	ops = the_ops;
	item_set(0, &head);
	set_size = head + work->items.value_size + 2;
	get_size = sizeof("get") - 1 + work->multi * (1 + work->items.key_size) + 2;
	out_size = get_size > OUT_SIZE ? get_size : OUT_SIZE;
	in = malloc(IN_SIZE);
	out = malloc(out_size);
	if (in == NULL || out == NULL)
		fatal("memory");
}

void
session_open(struct session *s, unsigned n)
{
	struct timeval limit = {.tv_sec = CONNECT_S};
	const int on = 1;

	*s = (struct session){.n = n};
	s->ring = calloc(work->depth, sizeof(*s->ring));
	if (s->ring == NULL)
		fatal("memory");
	s->fd = socket(work->to.u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s->fd == -1)
		fatal("socket");
	setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(s->fd, &work->to.u.sa, work->to.len) == -1)
		fatal("connection %u to %s", n, work->to.text);
	if (fcntl(s->fd, F_SETFL, O_NONBLOCK) == -1)
		fatal("fcntl");
	if (work->to.u.sa.sa_family != AF_UNIX)
		setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

void
session_close(struct session *s)
{
	if (s->fd != -1)
		close(s->fd);
	s->fd = -1;
	free(s->ring);
	s->ring = NULL;
}

/* The one place that ends a connection before its time. */
static void
broken(struct session *s, const char *why)
{
	tally_complain("connection %u: %s", s->n, why);
	tally.broken++;
	close(s->fd);
	s->fd = -1;
	ops->broken(s->n_ops);
	s->n_ops = s->n_unsent = 0;
}

static struct op *
ring_at(const struct session *s, unsigned i)
{
	i += s->first;
	return &s->ring[i < work->depth ? i : i - work->depth];
}

/* ---- requests ---- */

static size_t
op_size(const struct op *op)
{
	if (!op->is_get)
		return set_size;
	return op->n_keys == work->multi ? get_size
					 : 3 + op->n_keys * (1 + work->items.key_size) + 2;
}

struct gather {
	struct iovec slice[SLICES];
	unsigned n;
	char *text; /* the first free byte of out */
};

static void
gather_slice(struct gather *g, const char *p, size_t len)
{
	if (g->n > 0) {
		struct iovec *last = &g->slice[g->n - 1];

		if ((char *)last->iov_base + last->iov_len == p) {
			last->iov_len += len;
			return;
		}
	}
	g->slice[g->n++] = (struct iovec){(char *)p, len};
}

/* Writes a request down. Returns 0, or -1: no room. */
static int
gather_op(struct gather *g, const struct op *op)
{
	size_t value = work->items.value_size, copied = value <= COPY_MAX ? value : 0, len;
	char *p = g->text;

	if (g->n + 3 > SLICES ||
	    (size_t)(out + out_size - p) < (op->is_get ? op_size(op) : set_size - value + copied))
		return -1;
	if (op->is_get) {
		memcpy(p, "get", 3);
		p += 3;
		for (uint32_t i = 0; i < op->n_keys; i++) {
			*p++ = ' ';
			p = item_key(p, (op->key + i) % work->items.keys);
		}
	} else {
		const char *line = item_set(op->key, &len);

		memcpy(p, line, len);
		p += len;
		if (copied == value) {
			memcpy(p, item_value(op->key), value);
			p += value;
		} else {
			gather_slice(g, g->text, (size_t)(p - g->text));
			gather_slice(g, item_value(op->key), value);
			g->text = p;
		}
	}
	memcpy(p, "\r\n", 2);
	p += 2;
	gather_slice(g, g->text, (size_t)(p - g->text));
	g->text = p;
	return 0;
}

/* n more bytes were taken by the kernel. */
static void
wrote(struct session *s, size_t n)
{
	s->sent += n;
	while (s->n_unsent > 0) {
		size_t size = op_size(ring_at(s, s->n_ops - s->n_unsent));

		if (s->sent < size)
			break;
		s->sent -= size;
		s->n_unsent--;
	}
}

/* Writes until all is written or the kernel takes no more (then EPOLLOUT comes). */
static void
session_write(struct session *s)
{
	while (s->n_unsent > 0) {
		struct gather g = {.text = out};
		struct iovec *first = g.slice;
		size_t skip = s->sent;
		ssize_t n;

		for (unsigned i = s->n_ops - s->n_unsent; i < s->n_ops; i++)
			if (gather_op(&g, ring_at(s, i)) == -1)
				break;
		for (; skip >= first->iov_len; first++, g.n--)
			skip -= first->iov_len;
		first->iov_base = (char *)first->iov_base + skip;
		first->iov_len -= skip;
		n = g.n == 1 ? write(s->fd, first->iov_base, first->iov_len)
			     : writev(s->fd, first, (int)g.n);
		if (n == -1 && (errno == EAGAIN))
			return;
		if (n == -1) {
			broken(s, strerror(errno));
			return;
		}
		wrote(s, (size_t)n);
	}
}

void
session_go(struct session *s, uint64_t now_ns)
{
	struct op op;

	if (s->fd == -1)
		return;
	while (s->n_ops < work->depth && ops->next(s, now_ns, &op) == 0) {
		if (s->n_ops == 0)
			s->alive_ns = now_ns;
		*ring_at(s, s->n_ops) = op;
		s->n_ops++;
		s->n_unsent++;
		s->begun++;
	}
	session_write(s);
}

/* ---- answers ---- */

/* Judges what came. Returns 0, or -1: the connection is gone. */
static int
session_take(struct session *s, const char *p, const char *end, uint64_t now_ns)
{
	while (p < end) {
		struct op *op = ring_at(s, 0);

		if (s->n_ops == s->n_unsent) {
			tally.wrong++;
			broken(s, "more came than was asked for");
			return -1;
		}
		switch (answer_take(&s->answer, op, &p, end)) {
		case ANSWER_MORE:
			break;
		case ANSWER_DONE:
			ops->answered(op, now_ns);
			s->n_ops--;
			s->first = s->first + 1 < work->depth ? s->first + 1 : 0;
			break;
		case ANSWER_NONSENSE:
			broken(s, "its answers make no sense any more");
			return -1;
		}
	}
	return 0;
}

void
session_ready(struct session *s, uint32_t events)
{
	const int ending = (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0;
	uint64_t now_ns;
	ssize_t n;

	if (s->fd == -1)
		return;
	if (events & EPOLLOUT)
		session_write(s);
	/* A piece that is shorter than asked for was all there is: the next one is an event. */
	for (n = events & ~EPOLLOUT ? IN_SIZE : 0; (n == IN_SIZE || ending) && s->fd != -1;) {
		n = read(s->fd, in, IN_SIZE);
		if (n == -1 && errno == EAGAIN)
			return;
		if (n <= 0) {
			broken(s, n == 0 ? "closed by the other side" : strerror(errno));
			return;
		}
		now_ns = clock_ns();
		s->alive_ns = now_ns;
		if (session_take(s, in, in + n, now_ns) == 0)
			session_go(s, now_ns);
	}
}

void
session_check(struct session *s, uint64_t now_ns)
{
	if (s->fd != -1 && s->n_ops > 0 && now_ns > s->alive_ns &&
	    now_ns - s->alive_ns > work->patience_ns)
		broken(s, "silent");
}
