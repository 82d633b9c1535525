/*
 * clients: the hooks that have connected to the control socket and wait for the custodian's answer.
 * Each is answered and closed within a bound, settled or not; too many are left in the backlog.
 */
#ifndef MEMVIP_CLIENTS_H
#define MEMVIP_CLIENTS_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "order.h"

#define CLIENTS_MAX 128

/* A hook that waits for its answer. */
struct client {
	int fd;	   /* its connection, ours */
	int asked; /* its order has come */
	enum args_what what;
	int deleted; /* that order said DELETED */
	int reread;  /* the proxy was asked to read its configuration again; the caller sets it */
	uint64_t deadline_ms;
};

struct clients {
	const char *custody; /* what the log calls it; not ours */
	int listen_fd;	     /* the control socket; the caller's, open as long as this is used */
	struct client at[CLIENTS_MAX];
	unsigned n;
};

void clients_init(struct clients *cs, const char *custody, int listen_fd);

/*
 * Fills in what to poll(2) for: *listener, and one of at[CLIENTS_MAX] for each client, in their
 * order. Returns how many those are.
 */
unsigned clients_poll(const struct clients *cs, struct pollfd *listener, struct pollfd *at);

/* When the first of them is to be answered at the latest: mono_ms(); UINT64_MAX: there is none. */
uint64_t clients_due_ms(const struct clients *cs);

/* Takes the connections that wait. */
void clients_accept(struct clients *cs);

/*
 * Reads from client i. Returns it with its order in *o, good until the next call here, or NULL:
 * nothing has come yet, or it has gone and the last client has taken its place.
 */
struct client *clients_read(struct clients *cs, unsigned i, struct order *o);

/*
 * Gives those their answer whose time has come: who has waited long enough, and, when things have
 * settled, everybody but those who asked for a stop. answer(arg, ...) words it.
 */
void clients_answer(struct clients *cs, int settled,
		    void (*answer)(void *arg, const struct client *cl, char *buf, size_t size),
		    void *arg);

/*
 * The end: who wanted it is told so. The others are left without an answer, and will find that
 * there is no custodian.
 */
void clients_end(struct clients *cs);

#endif
