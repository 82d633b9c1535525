/*
 * fence: is anything of our earlier connections left at a server? A frozen memcached that goes on
 * executes what was queued on connections that are long closed, and it may do so after a flush_all
 * on a new one. So nothing starts on a server before `stats conns` lists none of the local
 * addresses from which unanswered commands were sent. Those that cannot be knocked at are waited for
 * with patience only (SERVER_FENCE_PATIENCE_MS).
 */
#ifndef MEMVIP_FENCE_H
#define MEMVIP_FENCE_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

struct fence {
	struct addr *old; /* local addresses of lost connections, each once */
	uint8_t *listed;  /* by the listing that runs */
	unsigned n, room;
	unsigned seen; /* how many the listing that runs has named */
	int knocks[8]; /* descriptors, see fence_knock() */
	unsigned n_knocks;
};

static inline int
fence_clear(const struct fence *f)
{
	return f->n == 0;
}

/* Remembers the local address of a connection that is about to be closed with commands unanswered. */
void fence_note(struct fence *f, int fd);

/* Has the connection the local address of one that was lost? Then the two cannot be told apart. */
int fence_names(const struct fence *f, int fd);

/* Remembers addresses that another proxy has named, joined by commas. */
void fence_note_list(struct fence *f, const char *list);

/* A listing begins; one STAT line of it (without \r\n); it has ended. */
void fence_list_begin(struct fence *f);
void fence_list_line(struct fence *f, const char *line, size_t len);
/* Returns 1 when none was listed: the fence is clear then. */
int fence_list_end(struct fence *f);

/*
 * A reset that was lost on the way (a partition) leaves the server with a connection that will
 * never end by itself. A SYN from the same address makes the two kernels find out (RFC 9293
 * section 3.5.1: the stale side answers, and is reset). The knock itself may get through and be
 * listed, so it is to be ended before the next listing.
 */
void fence_knock(struct fence *f, const struct addr *server);

/* Ends the knocks. Returns 1 when there were any. */
int fence_rest(struct fence *f);
/* Ends the knocks and forgets all addresses. */
void fence_forget(struct fence *f);

#endif
