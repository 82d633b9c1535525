/* address_watch: the VIP in the kernel's address table, watched for its coming and going. */
#ifndef MEMVIP_ADDRESS_WATCH_H
#define MEMVIP_ADDRESS_WATCH_H

#include <stdint.h>

#include "vip.h"

struct address_watch {
	const struct addr *vip; /* not ours */
	int fd;			/* vip_watch_open()'s, ours; -1: it broke */
	uint64_t again_ms;	/* mono_ms(): when to ask again; 0: the kernel tells of a change */
	int unknown_said, broke_said;
};

/* Returns 0, or -1 with errno set. */
int address_watch_open(struct address_watch *w, const struct addr *vip);

/*
 * Where is it now? UNKNOWN is told to the log. again_ms is set after that, and as long as a watch that
 * broke cannot be opened anew; else it is off.
 */
enum vip_state address_watch_query(struct address_watch *w);

/*
 * Reads what came on fd. Returns 1 when it is to be asked now, else 0. A watch that broke is opened
 * anew; where that fails again_ms is set.
 */
int address_watch_read(struct address_watch *w);

#endif
