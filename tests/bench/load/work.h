/* work: what the load is made of. Filled by main from the command line, then never changed. */
#ifndef MEMVIP_LOAD_WORK_H
#define MEMVIP_LOAD_WORK_H

#include <stdint.h>

#include "addr.h"
#include "item.h"

#define WORK_CONNS_MAX 60000
#define WORK_DEPTH_MAX 1024
#define WORK_MULTI_MAX 1000

struct work {
	struct addr to;
	struct items items;
	unsigned conns; /* connections that work */
	unsigned idle;	/* connections that are only there */
	unsigned depth; /* requests on their way on a connection at most */
	unsigned multi; /* keys of a get */
	unsigned get_percent;
	uint64_t rate;	      /* operations/s of all connections together; 0: as answers come */
	uint64_t patience_ns; /* an answer that takes longer does not come */
};

#endif
