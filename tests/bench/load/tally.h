/* tally: what came of the load, and the first complaints in words. */
#ifndef MEMVIP_LOAD_TALLY_H
#define MEMVIP_LOAD_TALLY_H

#include <stdint.h>

struct tally {
	/* Counted anew where the measuring begins. */
	uint64_t gets, sets; /* answered */
	uint64_t hits;	     /* values that came */
	/* From the first byte to the last: any of these fails the run. */
	uint64_t misses; /* keys without a value */
	uint64_t wrong;	 /* a wrong, short or foreign value; an answer to something else */
	uint64_t errors; /* ERROR, CLIENT_ERROR, SERVER_ERROR */
	uint64_t broken; /* connections that ended, or fell silent */
};

extern struct tally tally;

/* One line on stderr, for the first few. */
__attribute__((format(printf, 1, 2))) void tally_complain(const char *fmt, ...);

#endif
