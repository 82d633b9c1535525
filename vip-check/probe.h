/* probe: asks servers one question each and takes the first good answer, by a deadline. */
#ifndef MEMVIP_PROBE_H
#define MEMVIP_PROBE_H

#include <stdint.h>

#include "addr.h"

#define PROBE_WHY_MAX	 160
#define PROBE_LINE_MAX	 512
#define PROBES_MAX	 128 /* both lists of servers, full */
#define PROBE_PAUSE_MS	 25  /* between a failure and the next try */
#define PROBE_CONNECT_MS 250 /* a SYN that was dropped is sent again by the kernel after 1 s */
#define PROBE_LINES_MAX	 20000

enum probe_verdict { PROBE_MORE, PROBE_GOOD, PROBE_BAD };

/* A question, and how each line of the answer (without its line end) is judged. */
struct question {
	const char *text;
	enum probe_verdict (*judge)(const char *line);
};

/* protocol.txt, "General-purpose statistics": STAT lines, then END; or that all connections are taken. */
extern const struct question question_stats_servers;
/* protocol.txt, "Other commands": VERSION. */
extern const struct question question_version;

struct probe {
	struct addr to;		 /* set by the caller, the rest by probe_any() */
	char why[PROBE_WHY_MAX]; /* why there was no good answer: "192.0.2.1:11211: silent" */
	uint64_t again_ms;	 /* when to try next; mono_ms() */
	uint64_t connect_by_ms;	 /* 0: connected */
	int fd;			 /* -1: none */
	unsigned len, lines;
	char line[PROBE_LINE_MAX];
};

/*
 * Asks all n servers at once (at most PROBES_MAX); one that refuses, is silent, or answers
 * nonsense is asked again, on a new connection, until deadline_ms (mono_ms()). Returns the index
 * of the first that answers well, or -1 when none did: then each why says what was wrong last.
 */
int probe_any(struct probe *p, unsigned n, const struct question *q, uint64_t deadline_ms);

#endif
