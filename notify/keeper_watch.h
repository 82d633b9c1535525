/* keeper_watch: the keepalived that holds the VIP, watched until its end. */
#ifndef MEMVIP_KEEPER_WATCH_H
#define MEMVIP_KEEPER_WATCH_H

#include <stdint.h>

#include "ident.h"
#include "order.h"

struct keeper_watch {
	const char *custody; /* what the log calls it; not ours */
	struct ident id;     /* pid 0: gone */
	int fd;		     /* a pidfd, ours; -1 with a pid: there is none, /proc is looked at */
};

void keeper_watch_init(struct keeper_watch *w, const char *custody);

/* No longer watched. Harmless when nobody is. */
void keeper_watch_forget(struct keeper_watch *w);

/* Returns 1 while it lives; 0 when it has ended, or nobody is watched. */
int keeper_watch_alive(const struct keeper_watch *w);

/* Watches this one from now on. Returns 1, or 0 when it has ended already. */
int keeper_watch_adopt(struct keeper_watch *w, const struct ident *id);

/*
 * A hook brings its keepalived. Hooks come late and in any order: one that is being stopped must
 * not displace its successor. Returns 1 when there is somebody to watch that was not before.
 */
int keeper_watch_offer(struct keeper_watch *w, const struct order *o);

/*
 * After poll(2): revents is what it said of fd. Returns 1, once, when it has ended; it is forgotten
 * then. Else 0.
 */
int keeper_watch_ended(struct keeper_watch *w, int revents);

/* When keeper_watch_ended() is to be asked at the latest: mono_ms(); UINT64_MAX: fd tells. */
uint64_t keeper_watch_due_ms(const struct keeper_watch *w);

#endif
