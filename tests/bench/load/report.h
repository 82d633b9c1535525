/*
 * report: what came of the load, in two lines on stdout: one to read, and one for programs, of
 * name=value with a space between:
 *
 *   ops ops_per_s       requests that were answered in the time measured
 *   gets sets hits      of these; values that came
 *   seconds             that were measured
 *   p50_us p99_us p999_us max_us
 *                       latency from the time when a request was due
 *   late_p99_us         from due to begun: what of that is the load's own, or the wait for room
 *   behind              requests of the schedule that did not even begin: the rate was not held
 *   cpu_NAME_ns         processor time of a process for an operation; 0 where there was none
 *   user_NAME           what part of that it spent as a user, 0 to 1
 *   cpu_load_ns         the load's own
 *   misses wrong errors broken
 *                       see tally.h; all of the run
 *   ok                  1: these four are 0
 */
#ifndef MEMVIP_LOAD_REPORT_H
#define MEMVIP_LOAD_REPORT_H

#include "run.h"

void report_run(const struct run *r);

#endif
