/* port_watch: the foreign process that holds the proxy's port, watched until it lets go of it. */
#ifndef MEMVIP_PORT_WATCH_H
#define MEMVIP_PORT_WATCH_H

#include <sys/types.h>

#include "addr.h"
#include "state.h"

struct port_watch {
	int fd;	   /* a pidfd on it, ours; -1: there is none, or the kernel has none */
	pid_t pid; /* who that is; 0: nobody */
	char said[STATE_NOTE_MAX]; /* what the log was told of it */
};

void port_watch_init(struct port_watch *w);

/* No longer watched. Harmless when nobody is. */
void port_watch_forget(struct port_watch *w);

/*
 * Does somebody else hold the port? Then that is the reason, and its end the time to try again: it
 * is watched from now on, and note (the custody's, "" or why the proxy ended) names it. Who cannot
 * be found out is not watched.
 * Returns 1 when it has let go of it meanwhile, so that the time to try again is now; else 0.
 */
int port_watch_look(struct port_watch *w, const struct addr *vip, char note[STATE_NOTE_MAX]);

#endif
