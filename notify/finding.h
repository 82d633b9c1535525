/*
 * finding: what check-setup has found, a line each, and what to do about it.
 *
 *     ok       port        192.168.58.100:12000 is free
 *     FAILED   memcached   192.168.58.135:11211: Connection refused
 *              do:         systemctl start memcached
 */
#ifndef MEMVIP_FINDING_H
#define MEMVIP_FINDING_H

#include <stdio.h>

enum verdict { VERDICT_OK, VERDICT_WARNING, VERDICT_FAILED };

struct findings {
	FILE *out;
	unsigned n[VERDICT_FAILED + 1]; /* how many of each */
};

#define FINDING_PRINTF(at) __attribute__((format(printf, at, (at) + 1)))

/* A headline over the lines that follow. */
void finding_about(struct findings *f, const char *fmt, ...) FINDING_PRINTF(2);

/* subject: one word, "memcached". Control characters in the text are shown as '?'. */
void finding(struct findings *f, enum verdict v, const char *subject, const char *fmt, ...)
    FINDING_PRINTF(4);

/* What to do about the last one, which was not ok. May be called again for a further line. */
void finding_do(struct findings *f, const char *fmt, ...) FINDING_PRINTF(2);

/* The last line: how it stands. */
void finding_sum(struct findings *f);

#endif
