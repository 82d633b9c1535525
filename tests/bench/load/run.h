/*
 * run: the load from its first connection to its last answer.
 *
 *   connect ─► every key set ─► idle connections ask once ─► warm-up ─► measured ─► drained
 *              (if wanted)      (if wanted)
 */
#ifndef MEMVIP_LOAD_RUN_H
#define MEMVIP_LOAD_RUN_H

#include <stdint.h>

#include "cputime.h"
#include "hist.h"
#include "tally.h"
#include "work.h"

#define RUN_PIDS_MAX 8

struct run {
	const struct work *work;
	int prepare;	  /* set every key first */
	int idle_asks;	  /* each idle connection gets a key first */
	uint64_t warm_ns; /* goes before, is not counted */
	uint64_t measure_ns;
	uint64_t operations; /* ends it earlier; UINT64_MAX: no */
	struct cputime cpu[RUN_PIDS_MAX];
	unsigned n_cpu;

	/* What came of it, in the time that is measured. */
	uint64_t ns;
	struct tally counted;
	uint64_t own_cpu_ns;  /* that the load took itself */
	uint64_t behind;      /* requests of the schedule that were due and did not begin */
	struct hist latency;  /* of each request that was due in the time measured */
	struct hist lateness; /* from due to begun: the load's own, and the wait for room */
};

/*
 * Runs it. SIGTERM and SIGINT end the measuring early. Says "going" on stdout when the measuring
 * begins. Returns 0, or -1 when something was wrong in any phase: see the tally, and stderr.
 */
int run_load(struct run *r);

#endif
