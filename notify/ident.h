/*
 * ident: a process by pid and start time. A pid alone may have become somebody else's; nothing
 * here signals or waits for a process before its start time was seen to be the same.
 */
#ifndef MEMVIP_IDENT_H
#define MEMVIP_IDENT_H

#include <stdint.h>
#include <sys/types.h>

struct ident {
	pid_t pid;	      /* 0: nobody */
	uint64_t start_ticks; /* clock ticks after boot, proc(5): stat, field 22 */
};

/* Who is pid now? Returns 0, or -1 with errno set and *out nobody (ESRCH: no such process). */
int ident_of(pid_t pid, struct ident *out);

/* True while that very process lives; a zombie does not. Nobody does not. */
int ident_alive(const struct ident *id);

int ident_equal(const struct ident *a, const struct ident *b);

/*
 * A descriptor (close-on-exec) that becomes readable when the process ends. Returns it, or -1
 * with errno set: ESRCH when it has ended, ENOSYS when the kernel has none (pidfd_open(2): Linux
 * 5.3); then look with ident_alive() now and then.
 */
int ident_open(const struct ident *id);

/* Sends a signal to that very process. Returns 0, or -1 with errno set (ESRCH: it has ended). */
int ident_signal(const struct ident *id, int sig);

/* Waits until it has ended, timeout_ms at most. Returns 1 when it has, else 0. */
int ident_wait(const struct ident *id, int timeout_ms);

#endif
