/*
 * child: the proxy as the custodian's child process, and what it tells.
 *
 * It is run as  PROXY -D -c FILE --life-fd 3.  Descriptor 3 is one end of a socket pair: the proxy
 * writes "ready\n" to it once it listens, and ends when it reads end-of-file, so when the custodian
 * is gone. What it writes to stderr comes back here, a line at a time.
 */
#ifndef MEMVIP_CHILD_H
#define MEMVIP_CHILD_H

#include <stdint.h>
#include <sys/types.h>

#include "ident.h"

#define CHILD_LINE_MAX 256

/* Exit codes of memvip-proxy that mean something. */
#define CHILD_EXIT_REFUSED    2
#define CHILD_EXIT_SUPERSEDED 75

struct child {
	struct ident id;     /* pid 0: there is none */
	int life_fd, err_fd; /* -1: none, or at their end */
	uint64_t started_ms; /* mono_ms() */
	int term_sent, kill_sent;
	char line[CHILD_LINE_MAX]; /* an unfinished line of stderr */
	unsigned line_len;
	char last[CHILD_LINE_MAX]; /* the last whole one, "" when there was none */
	uint64_t last_ms;	   /* when it came */
};

void child_init(struct child *c);

/*
 * Starts it; the caller's signal mask, its signal handlers and its other descriptors (which are
 * close-on-exec) do not reach it. Returns 0, or -1 with errno set when not even a process could be made; that the
 * program cannot be executed is told by its end.
 */
int child_start(struct child *c, const char *proxy, const char *conf);

/* Reads what came on life_fd. Returns 1 when the proxy listens now. */
int child_read_life(struct child *c);

/* Reads what came on err_fd; calls line(text, arg) for each whole line. */
void child_read_err(struct child *c, void (*line)(const char *text, void *arg), void *arg);

/* Signals it, if there is one. */
void child_signal(struct child *c, int sig);

/*
 * Has it ended? Returns 1, once, with its pid and wait(2) status set, all that it had said read
 * (by way of line) and its descriptors closed; else 0.
 */
int child_reap(struct child *c, pid_t *pid, int *status, void (*line)(const char *text, void *arg),
	       void *arg);

/* "exited 1", "was killed by signal 9". */
void child_status_text(int status, char *buf, size_t size);

#endif
