/*
 * net: the network between the proxy and its servers, within this process: what the proxy takes for
 * a TCP socket is one end of a pair, the other end is a memd's. Stands in for socket(2), bind(2),
 * connect(2), getsockopt(2) and getsockname(2); see tests/fuzz.mk.
 */
#ifndef MEMVIP_TEST_FUZZ_NET_H
#define MEMVIP_TEST_FUZZ_NET_H

#include <stdint.h>

/* Ends what a run has left. */
void net_reset(void);

/* A pair of connected descriptors, for a client. */
void net_pair(int *ours, int *proxys);

#endif
