/* listing: the keys that a server holds. See listing.h. */
#include "listing.h"

#include <errno.h>
#include <string.h>

#include "proto_req.h"

/* A line: the key in %XX form, and some numbers. */
#define LINE_MAX_LEN 2048

static struct listing *
listing_of(struct io *io)
{
	return (struct listing *)((char *)io - offsetof(struct listing, io));
}

static void
listing_finish(struct listing *l, const char *why)
{
	if (!l->running)
		return;
	listing_stop(l);
	l->end(l, why);
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* Undoes the %XX form. Returns the length, 0 when it is no key. */
static size_t
decode(char *out, const char *p, const char *end)
{
	size_t n = 0;

	while (p < end && *p != ' ') {
		int c = (unsigned char)*p++;
		if (c == '%') {
			int hi = p < end ? hex(p[0]) : -1, lo = p + 1 < end ? hex(p[1]) : -1;
			if (hi < 0 || lo < 0)
				return 0;
			c = hi * 16 + lo;
			p += 2;
		}
		if (n == PROTO_KEY_MAX)
			return 0;
		out[n++] = (char)c;
	}
	return n;
}

static size_t
listing_data(struct io *io, const struct io_window *w)
{
	struct listing *l = listing_of(io);
	size_t at = 0;

	timer_refresh();
	timer_set(&l->patience, LISTING_PATIENCE_MS);
	while (at < w->len) {
		const char *p = w->p + at, *nl = memchr(p, '\n', w->len - at);
		char key[PROTO_KEY_MAX];
		size_t n;

		if (nl == NULL) {
			if (w->len - at > LINE_MAX_LEN) {
				listing_finish(l, "its listing of keys makes no sense");
				return w->len;
			}
			return at;
		}
		if (nl - p > LINE_MAX_LEN) {
			listing_finish(l, "its listing of keys makes no sense");
			return w->len;
		}
		at = (size_t)(nl - w->p) + 1;
		if (nl - p > 4 && memcmp(p, "key=", 4) == 0) {
			n = decode(key, p + 4, nl);
			if (n > 0 && !l->key(l, key, n) && l->running) {
				l->paused = 1;
				timer_stop(&l->patience);
				io_pause(io);
				return at;
			}
			if (!l->running)
				return w->len;
			continue;
		}
		if (nl - p >= 3 && memcmp(p, "END", 3) == 0) {
			listing_finish(l, NULL);
			return w->len;
		}
		if (nl - p >= 4 && memcmp(p, "BUSY", 4) == 0)
			listing_finish(l, "busy");
		else
			listing_finish(l, "it does not list its keys (is it started with -X?)");
		return w->len;
	}
	return at;
}

static void
listing_event(struct io *io, enum io_event ev)
{
	static const char line[] = "lru_crawler metadump all\r\n";
	struct listing *l = listing_of(io);

	switch (ev) {
	case IO_CONNECTED:
		buf_add(io_out(io), line, sizeof(line) - 1);
		io_dirty(io);
		break;
	case IO_WROTE:
		break;
	case IO_EOF:
		listing_finish(l, "it closed the listing of keys");
		break;
	case IO_ERROR:
		listing_finish(l, strerror(errno));
		break;
	}
}

static const struct io_ops listing_ops = {.event = listing_event, .data = listing_data};

static void
listing_on_patience(struct timer *t, void *arg)
{
	(void)t;
	listing_finish(arg, "its listing of keys stands still");
}

void
listing_setup(struct listing *l)
{
	io_setup(&l->io, &listing_ops);
	timer_setup(&l->patience, listing_on_patience, l);
	l->running = l->paused = 0;
}

int
listing_start(struct listing *l, const struct addr *server)
{
	l->server = server;
	l->paused = 0;
	if (io_connect(&l->io, server, LISTING_PATIENCE_MS) == -1)
		return -1;
	l->running = 1;
	timer_set(&l->patience, LISTING_PATIENCE_MS);
	return 0;
}

void
listing_resume(struct listing *l)
{
	if (!l->running || !l->paused)
		return;
	l->paused = 0;
	timer_set(&l->patience, LISTING_PATIENCE_MS);
	io_resume(&l->io);
}

void
listing_stop(struct listing *l)
{
	l->running = 0;
	timer_stop(&l->patience);
	io_close(&l->io);
}
