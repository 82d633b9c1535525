/*
 * epoch: who is current. The election when the proxy starts, the verdict on a server that comes
 * back, and the markers by which a proxy that starts later can tell. See REPLICATION.md.
 *
 * Whenever the set of current servers changes, a new epoch begins: its number is written to all of
 * them, and no write is acknowledged before they have answered (epoch_is_raising()).
 */
#ifndef MEMVIP_EPOCH_H
#define MEMVIP_EPOCH_H

#include <stddef.h>
#include <stdint.h>

#include "gate.h"
#include "hold.h"
#include "marker.h"
#include "ring.h"
#include "server.h"
#include "timer.h"

/* How long a predecessor that lived a moment ago has to leave a clean marker. */
#define EPOCH_CLEAN_MS 100
/* Epochs that one counts for in which clients write to fewer servers than there are. */
#define EPOCH_WEIGHT 1000
/* What was on its way when a server went is done by then, and weighs nothing. */
#define EPOCH_LEFTOVER_MS 100

struct epoch {
	struct server *servers;
	unsigned n;
	const struct ring *ring;
	struct gate *gate; /* GATE_STARTING until the election is over */
	char owner[MARKER_NAME_MAX];
	uint64_t session; /* this process */
	/*
	 * The session of this same process that this one follows, after a change of the lists, and its
	 * last number; 0: there was none. Who was current is known then: those that its last markers
	 * name. A marker of any other session is of long ago.
	 */
	uint64_t before, before_number;
	uint64_t placement; /* what the lists come to; see struct marker */
	uint64_t number;
	uint8_t starting; /* nobody was elected yet */
	uint8_t deciding; /* inside the election, or its undoing */
	uint8_t elected;  /* the markers of the first epoch were answered */
	uint8_t waited;	  /* for a clean marker */
	uint8_t closing;  /* the markers are to be clean */
	uint8_t raising;
	uint64_t alone_ms; /* since when a server is not current; 0: all are */
	uint64_t weigh_ms; /* a write that is acknowledged so long after that weighs */
	uint8_t stuck;	   /* raising, but the last server does not speak */
	struct timer clean_wait;
	struct hold_waiters waiters;
	/* A server has to be filled (in: usable, not current), or must not be any more. */
	void (*fill)(struct server *s, int begin);
	/* This proxy may not go on: status is for exit(3), why a line for the log. */
	void (*give_up)(int status, const char *why);
	/* epoch_close() is done. */
	void (*closed)(void);
};

/* exit statuses handed to give_up() */
enum { EPOCH_REFUSED = 1, EPOCH_SUPERSEDED = 75 };

/* The servers are set up, but not started. Closes the gate. */
void epoch_start(struct epoch *e, const char *owner);

/* e, not started yet, is to follow old in this process. Takes over its callbacks. */
void epoch_succeed(struct epoch *e, const struct epoch *old);

/* struct server_ops' part: call with the server that it is about. */
void epoch_proven(struct epoch *e, struct server *s);
void epoch_changed(struct epoch *e, struct server *s);
void epoch_marked(struct epoch *e, struct server *s);
void epoch_unmarked(struct epoch *e, struct server *s);
void epoch_superseded(struct epoch *e, struct server *s, const struct marker *m);

/*
 * Begins a new epoch: writes new markers to all current servers. Also when nobody came or went, but
 * the markers were flushed or evicted.
 */
void epoch_raise(struct epoch *e);

/*
 * A client's write is about to be acknowledged that was made without a server that it belongs on.
 * Perhaps that one is not dead but with a proxy of its own, on the other side of a cut: when that
 * heals, the higher epoch wins. So clients that go on writing begin a new epoch now and then, each time
 * after twice as long: it outweighs the starts and ends of proxies that nobody writes to, and those that
 * got their first write when the cut had healed.
 */
void epoch_weigh(struct epoch *e);

static inline void
epoch_note_write(struct epoch *e)
{
	if (e->alone_ms != 0 && timer_now_ms - e->alone_ms >= e->weigh_ms)
		epoch_weigh(e);
}

static inline int
epoch_is_raising(const struct epoch *e)
{
	return e->raising;
}

/* The raise that is under way has nobody who would answer it: whoever waits is to be told so. */
static inline int
epoch_is_stuck(const struct epoch *e)
{
	return e->raising && e->stuck;
}

/* A current server is silent, and the last one. */
void epoch_overdue(struct epoch *e);

/* Resumes w when the raise that is under way was answered by all. */
void epoch_wait(struct epoch *e, struct hold_waiter *w);

/* The orderly end: nothing is outstanding, nothing will be written. Markers become clean. */
void epoch_close(struct epoch *e);

/* s was swept: its marker is to say so. */
void epoch_swept(struct epoch *e, struct server *s);

/* The servers are stopped: whoever waits is resumed. */
void epoch_stop(struct epoch *e);

/* Do a and b keep copies of the same keys? */
int epoch_partners(const struct epoch *e, const struct server *a, const struct server *b);

#endif
