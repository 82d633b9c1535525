/*
 * ready: which connections have something to read, or room to write: an epoll instance of our own, which
 * libevent watches as one descriptor among its others (signals, timers, sockets that listen). A hundred
 * connections cost it one event then, and as long as there is work it need not be asked at all.
 *
 *   libevent ──► our epoll ──► ready_look() ──► on()
 *                    ▲               │ again after the turn, READY_LOOKS times at most
 *                    └───────────────┘ under load after a moment's sleep (moderation.h)
 *
 * Level-triggered: what was left over is told again.
 */
#ifndef MEMVIP_READY_H
#define MEMVIP_READY_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

enum { READY_READ = 1, READY_WRITE = 2 };

/* So often in a row libevent is not asked for what it has. */
#define READY_LOOKS 16

/* Lies in what it is about; all 0 at first. */
struct ready {
	uint32_t
	    since; /* the look during which it came under watch: what that one found is older */
	uint8_t events; /* that are watched for */
};

/* Once. on: the events are there (of those that are watched for), or the connection is of no more use. */
void ready_init(struct event_base *base, void (*on)(struct ready *r, unsigned events));
void ready_end(void);

/*
 * From now on fd is watched for these events; 0: not at all, which has to be said before it is closed. r
 * stays valid until the look that is under way is over. Returns 0, or -1 with errno set.
 */
int ready_want(struct ready *r, int fd, unsigned events);

/*
 * So many bytes were read from one that was ready; full: as many as one read takes, so that there may be more.
 * (Where room was made for what was still due, what fits says nothing of what comes behind it.)
 */
void ready_took(size_t bytes, int full);

/*
 * At the end of a turn: is there more, before libevent is asked? Tells it, and returns 1 when the turn is to
 * be ended again.
 */
int ready_look(void);

#endif
