/*
 * cputime: the processor time that a process takes, all of its threads together.
 *
 * From its CPU clock (clock_getcpuclockid(3)), in ns. The share that it spent as a user comes from
 * /proc/PID/stat (proc(5)), in clock ticks. On a kernel with CONFIG_IRQ_TIME_ACCOUNTING neither
 * has what soft interrupts took in the process's turn.
 */
#ifndef MEMVIP_LOAD_CPUTIME_H
#define MEMVIP_LOAD_CPUTIME_H

#include <stdint.h>
#include <sys/types.h>
#include <time.h>

struct cputime {
	const char *name;
	pid_t pid;
	clockid_t clock;
	uint64_t began_ns, ns;		   /* between start and stop */
	uint64_t began_user, began_system; /* ticks */
	uint64_t user, system;		   /* ticks between start and stop */
};

/* Sets up c for a process. Returns 0, or -1: there is none. name is kept by reference. */
int cputime_of(struct cputime *c, const char *name, pid_t pid);

/* Return 0, or -1: it is gone. */
int cputime_start(struct cputime *c);
int cputime_stop(struct cputime *c);

#endif
