/*
 * session: one connection. Up to `depth` requests are on their way; the answers come in order.
 *
 *        ring:  [ first ... | ... unsent ... ]   n_ops in all, the last n_unsent not (wholly) written
 *                 answers        writes
 *
 * Nothing is buffered: a request is written down anew from its op when the kernel takes more.
 */
#ifndef MEMVIP_LOAD_SESSION_H
#define MEMVIP_LOAD_SESSION_H

#include <stddef.h>
#include <stdint.h>

#include "answer.h"
#include "op.h"
#include "work.h"

struct session {
	int fd; /* -1: it is broken */
	unsigned n;
	struct op *ring;
	unsigned first, n_ops, n_unsent;
	size_t sent;	   /* bytes of the first unsent one that were written */
	uint64_t begun;	   /* requests since source_begin() */
	uint64_t alive_ns; /* when bytes came last, or the first request went */
	struct answer answer;
};

struct session_ops {
	/* The next request; 0, or -1: none now. */
	int (*next)(struct session *s, uint64_t now_ns, struct op *op);
	/* Its answer is there, whatever it is. */
	void (*answered)(const struct op *op, uint64_t now_ns);
	/* The requests on their way, so many, will not be answered. */
	void (*broken)(unsigned n_ops);
};

/* Once. Dies without memory. */
void session_init(const struct work *work, const struct session_ops *ops);

/*
 * Connects, with a bound; non-blocking afterwards. Dies when it cannot: there is nothing to
 * measure.
 */
void session_open(struct session *s, unsigned n);
void session_close(struct session *s);

/* Begins what may begin, and writes. now_ns: the time of the event that made room. */
void session_go(struct session *s, uint64_t now_ns);

/* For an event of epoll (edge-triggered: EPOLLIN | EPOLLOUT | EPOLLRDHUP). */
void session_ready(struct session *s, uint32_t events);

/* Gives it up when an answer has been awaited for longer than the patience. */
void session_check(struct session *s, uint64_t now_ns);

#endif
