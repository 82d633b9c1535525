/* op: one request: a set of one key, or a get of some keys whose numbers follow each other. */
#ifndef MEMVIP_LOAD_OP_H
#define MEMVIP_LOAD_OP_H

#include <stdint.h>

struct op {
	uint64_t due_ns; /* when it was to be sent: latency counts from here */
	uint32_t key;	 /* the first key's number */
	uint32_t n_keys;
	uint8_t is_get;
};

#endif
