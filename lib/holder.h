/* holder: which process of this network namespace listens on a TCP address? */
#ifndef MEMVIP_HOLDER_H
#define MEMVIP_HOLDER_H

#include "addr.h"
#include "proc.h"

struct holder {
	uint64_t inode; /* of the socket */
	unsigned uid;	/* who owns it */
	int wild;	/* it listens on the port of every address, not on this one alone */
	pid_t pid; /* 0: not looked for, or not to be found (no privileges, other pid namespace) */
	char comm[PROC_COMM_MAX]; /* "" with pid 0 */
};

/*
 * Looks in the kernel's table (/proc/net/tcp, tcp6) for a socket that listens on where; one on
 * that very address before one on the wildcard address. Fills *out, without pid.
 * Returns 1, 0 when nobody listens there, -1 with errno set when the table cannot be read.
 */
int holder_find(const struct addr *where, struct holder *out);

/*
 * Finds the process that has the socket h->inode open and fills in pid and comm. Walks all
 * descriptors of all processes: for a log line, not for every second.
 * Returns 1, or 0 when it is not to be found.
 */
int holder_name(struct holder *h);

enum holder_row { HOLDER_NONE, HOLDER_EXACT, HOLDER_WILD, HOLDER_END };

/*
 * Judges one row of the table: no I/O. END: a row that does not listen; the kernel lists all
 * listening sockets first, so none follows.
 */
enum holder_row holder_scan(const char *row, const struct addr *where, struct holder *out);

#endif
