/* talk: a connection on which lines are asked and answered, with one deadline for all of it. */
#ifndef MEMVIP_TALK_H
#define MEMVIP_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

/* A line: a marker that names all the servers there can be. */
#define TALK_LINE_MAX (16 * 1024 + 64)

struct talk {
	int fd;		      /* -1: closed */
	uint64_t deadline_ms; /* mono_ms() */
	size_t len, used;     /* of buf: what has come, and what of it the last line was */
	char buf[TALK_LINE_MAX];
};

/* Connects. Returns 0, or -1 with errno set (ETIMEDOUT). */
int talk_open(struct talk *t, const struct addr *to, int timeout_ms);

/* Says it, at once and whole (a few bytes). Returns 0, or -1 with errno set. */
int talk_say(struct talk *t, const char *text);

/*
 * The next line, without its end; valid until the next call. NULL with errno set: ETIMEDOUT,
 * ECONNRESET at the end of the connection, EPROTO for a line that is too long.
 */
char *talk_line(struct talk *t);

void talk_close(struct talk *t); /* keeps errno */

#endif
