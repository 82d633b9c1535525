/* sock: a socket that listens. */
#ifndef MEMVIP_SOCK_H
#define MEMVIP_SOCK_H

#include "addr.h"

/*
 * Binds and listens, not blocking, closed on exec; TCP also while the address is not there yet
 * (ip(7), IP_FREEBIND). Returns the descriptor, the caller's, or -1 with errno set.
 */
int sock_listen(const struct addr *a, int backlog);

#endif
