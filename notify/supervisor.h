/*
 * supervisor: the custody's table at work on one proxy. Each event that it is told of is looked up
 * in custody.c; it carries the action out, tells the log and the state file, and answers hooks.
 *
 * It waits for nothing: whoever has the loop polls the descriptors of child, address, keeper and
 * port, reads what it wants to know in the struct, and calls what is below. What goes wrong then is
 * the next event, or told to the log.
 */
#ifndef MEMVIP_SUPERVISOR_H
#define MEMVIP_SUPERVISOR_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "address_watch.h"
#include "child.h"
#include "custody.h"
#include "keeper_watch.h"
#include "order.h"
#include "port_watch.h"
#include "site.h"
#include "state.h"

struct supervisor {
	struct site site;
	enum custody_state state;
	struct child child;
	struct address_watch address;
	struct keeper_watch keeper;
	struct port_watch port;
	struct state pub;     /* what the state file says */
	struct state pub_was; /* as it was written last */
	int dir;	      /* the run directory; the caller's */

	uint64_t timer_ms; /* mono_ms(); 0: off. The one of the table */
	uint64_t since_ms; /* the state, mono_ms() */
	uint64_t retry_ms; /* the pause that runs, in WAITING */
	unsigned failures; /* starts that failed in a row */
	unsigned seeks;
	int again;		   /* the next start is a restart */
	int stopped;		   /* it ends because memvip-notify stop said so */
	char said[CHILD_LINE_MAX]; /* the last words of the proxy that died last */
	int write_said;
};

/*
 * Idle, and keepalived watched. site and was (what the state file knew) are copied; dir, and *s
 * where it is, are there until the end. Returns 0, or -1 with errno set.
 */
int supervisor_begin(struct supervisor *s, const struct site *site, const struct state *was,
		     int dir, const struct ident *keepalived);

/* In state GONE: the last word in the state file. */
void supervisor_end(struct supervisor *s);

/* Something has happened: does what the table says, and what follows from it at once. */
void supervisor_happen(struct supervisor *s, enum custody_event event);

/* Asks after keepalived and the VIP; what is true is what happens. */
void supervisor_look(struct supervisor *s);

void supervisor_hear(struct supervisor *s); /* child.err_fd: what the proxy says */
void supervisor_reap(struct supervisor *s); /* SIGCHLD: has it ended? */
/* What poll(2) said of address.fd, keeper.fd and port.fd. */
void supervisor_watched(struct supervisor *s, const struct pollfd *address,
			const struct pollfd *keeper, const struct pollfd *port);
void supervisor_tick(struct supervisor *s); /* does what is due */

/* When that is: mono_ms(), keepalived's look in /proc counted in; UINT64_MAX: nothing is due. */
uint64_t supervisor_due_ms(const struct supervisor *s);

/* Carries a hook's order out. Returns 1 when the proxy was told to read its configuration again. */
int supervisor_order(struct supervisor *s, const struct order *o);

/* Nothing is under way that would change the answer in a moment? */
int supervisor_settled(const struct supervisor *s);

/* The answer of now, "ok TEXT" or "bad TEXT". reread: what supervisor_order() returned. */
void supervisor_answer(const struct supervisor *s, int reread, char *buf, size_t size);

#endif
