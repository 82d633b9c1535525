/* proc: what /proc (proc(5)) says about one process. */
#ifndef MEMVIP_PROC_H
#define MEMVIP_PROC_H

#include <stdint.h>
#include <sys/types.h>

#define PROC_COMM_MAX 64 /* the kernel's own are 16 bytes; kernel threads may show more */

struct proc_info {
	pid_t pid;
	pid_t ppid;
	char state;	      /* 'R', 'S', 'D', 'T', 'Z', ... */
	uint64_t start_ticks; /* clock ticks after boot: with pid the identity of a process */
	char comm[PROC_COMM_MAX];
};

/* Reads /proc/PID/stat. Returns 0, or -1 with errno set (ENOENT or ESRCH: no such process). */
int proc_read(pid_t pid, struct proc_info *out);

/*
 * Parses one /proc/PID/stat line: no I/O. A comm may hold blanks and parentheses.
 * Returns 0, or -1 when it is not such a line.
 */
int proc_scan(const char *line, struct proc_info *out);

/* True when a process that proc_read() has found no longer runs anything: a zombie. */
int proc_is_dead(const struct proc_info *p);

/*
 * Calls each(pid, arg) for every process in /proc, in ascending order as the kernel lists them,
 * until it returns other than 0. Returns that value, 0 at the end, or -1 with errno set when
 * /proc cannot be read.
 */
int proc_each(int (*each)(pid_t pid, void *arg), void *arg);

/*
 * Is that process in the network namespace of the calling one? Works without privileges.
 * Returns 1, 0, or -1 with errno set.
 */
int proc_same_netns(pid_t pid);

#endif
