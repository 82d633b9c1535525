/*
 * vip: is this address on one of this machine's interfaces? The kernel's address table is the
 * truth (rtnetlink(7)); a dump that was cut short or interrupted is UNKNOWN, never ABSENT.
 */
#ifndef MEMVIP_VIP_H
#define MEMVIP_VIP_H

#include <stddef.h>

#include "addr.h"

enum vip_state {
	VIP_ABSENT,
	VIP_HERE,
	VIP_UNKNOWN /* the kernel could not be asked, or its answer was partial */
};

/* Where an address sits: needed to take it away again. */
struct vip_place {
	unsigned ifindex;
	unsigned char prefix_len; /* bits */
	unsigned char tentative;  /* IPv6 duplicate address detection still runs */
};

/* Patience for vip_query(): of a command, and of a process that has others to serve meanwhile. */
#define VIP_QUERY_MS	  500
#define VIP_QUERY_LOOP_MS 200

/*
 * Asks the kernel (RTM_GETADDR dump) whether ip's address is here; the port is ignored. place may
 * be NULL. Bounded: gives up as UNKNOWN after timeout_ms. errno is set with UNKNOWN.
 */
enum vip_state vip_query(const struct addr *ip, struct vip_place *place, int timeout_ms);

/*
 * A netlink socket that becomes readable when any IPv4 or IPv6 address comes or goes.
 * Returns the descriptor (close-on-exec, non-blocking), or -1 with errno set.
 */
int vip_watch_open(void);

/*
 * Reads what is pending on the watch. Returns 1 when something that may concern ip was said, or
 * messages were lost (ENOBUFS): ask vip_query() then; 0 when nothing concerned it; -1 with errno
 * set when the socket is of no more use.
 */
int vip_watch_read(int fd, const struct addr *ip);

/* Takes the address away from the interface (RTM_DELADDR). Returns 0, or -1 with errno set. */
int vip_remove(const struct addr *ip, const struct vip_place *place);

enum vip_scan { VIP_SCAN_MORE, VIP_SCAN_DONE, VIP_SCAN_BAD };

/*
 * Looks through one netlink datagram of a dump with sequence number seq: no I/O. Sets *found (and
 * *place) when ip is in it. MORE: the dump goes on. DONE: it has ended. BAD: truncated,
 * interrupted (NLM_F_DUMP_INTR), an error, or not netlink at all.
 */
enum vip_scan vip_scan(const void *buf, size_t len, unsigned seq, const struct addr *ip, int *found,
		       struct vip_place *place);

#endif
