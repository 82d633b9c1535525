/*
 * state: what is known of one custody (one listening address and port), in a file of the run
 * directory, for status and for the hook that finds no custodian, or a frozen one.
 *
 * Written by the custodian while it lives, else by who holds the lock. The file names its boot
 * and gives every pid with its start time, so that an old one misleads nobody.
 */
#ifndef MEMVIP_STATE_H
#define MEMVIP_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"
#include "args.h"
#include "ident.h"
#include "order.h"

#define STATE_NOTE_MAX	256
#define STATE_PHASE_MAX 16

/* Phases beside the custodian's own, custody_state_name(). */
#define STATE_STOPPED "stopped" /* by memvip-notify stop: until the next hook or sync */

struct state {
	char listen[ADDR_TEXT_MAX]; /* "192.168.58.100:12000" */
	char conf[ORDER_PATH_MAX];
	struct word word; /* what keepalived said last; WORD_NONE: nothing yet */
	int64_t said_s;	  /* when, time(2) */
	char phase[STATE_PHASE_MAX];
	char note[STATE_NOTE_MAX]; /* what went wrong last, "" when all is well */
	int64_t since_s;	   /* in this phase since, time(2) */
	uint64_t restarts;	   /* of the proxy, by this custodian */
	struct ident custodian, proxy, keepalived;
};

/* dir: the run directory; key: which custody, see rundir.h. Returns 0, or -1 with errno set. */
int state_write(int dir, const char *key, const struct state *s);

/*
 * Returns 0, or -1 with errno set and *s empty: ENOENT when there is none, ESTALE when it is of
 * another boot, EBADMSG when it is damaged.
 */
int state_read(int dir, const char *key, struct state *s);

/* Removes the file, if it is there. */
void state_remove(int dir, const char *key);

/* The file's text, and back: no I/O. boot: this boot's id. Returns as above. */
#define STATE_TEXT_MAX 4096
int state_format(const struct state *s, const char *boot, char *buf, size_t size);
int state_parse(struct state *s, const char *boot, char *text);

#endif
