/* servers: what the proxy says of its servers ("stats servers"), for status. */
#ifndef MEMVIP_SERVERS_H
#define MEMVIP_SERVERS_H

#include <stddef.h>
#include <stdint.h>

#include "addr.h"

#define SERVERS_MAX 128 /* both lists, full */

struct server {
	char name[ADDR_TEXT_MAX]; /* "192.168.58.135:11211", as configured */
	char state[16];		  /* current|suspect|filling|proving|fencing|connecting|down */
	char role[16];		  /* leader|follower|none; "": not told */
	uint64_t fill_done, fill_total;
};

/*
 * Asks the proxy at vip. Returns how many servers it has named (at most max), or -1 with a line
 * in err when it gave no whole answer within timeout_ms.
 */
int servers_ask(const struct addr *vip, struct server *servers, unsigned max, int timeout_ms,
		char *err, size_t err_size);

/*
 * Takes one line of the answer, without its line end: no I/O. Returns 1, 0 for END, -1 for what is
 * neither STAT nor END.
 */
int servers_line(const char *line, struct server *servers, unsigned *n, unsigned max);

#endif
