/*
 * custodian: the process that keeps one proxy where the VIP is. It waits for events (the kernel's
 * address table, keepalived's end, the proxy's, hooks that ask) and does what the table in custody.c
 * says. One for each address and port: it holds the lock while it lives.
 */
#ifndef MEMVIP_CUSTODIAN_H
#define MEMVIP_CUSTODIAN_H

#include "order.h"
#include "site.h"
#include "state.h"

/*
 * Starts it, detached, for a caller that holds the lock: it takes lock_fd and dir (the run directory)
 * over, the caller closes its own. The order gives it its first keepalived; it is not carried out,
 * the caller asks for that by the control socket, which is there when this returns. was: what the
 * state file knew. Returns 0, or -1 with errno set and nothing started.
 */
int custodian_start(const struct site *site, const struct order *order, const struct state *was,
		    int dir, int lock_fd);

#endif
