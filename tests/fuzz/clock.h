/*
 * clock: proxy/timer.h in a time of its own, which passes only when the fuzzer says so. In place of
 * proxy/timer.c; what else asks for the time (clock_gettime(2), time(2)) is answered here too.
 */
#ifndef MEMVIP_TEST_FUZZ_CLOCK_H
#define MEMVIP_TEST_FUZZ_CLOCK_H

#include <stdint.h>

/* The wall clock when a run begins: some day. */
#define CLOCK_START_S 1700000000

/* Milliseconds since the run began; timer_now_ms is this one as of the last timer_refresh(). */
extern uint64_t clock_ms;

/* Back to the beginning; no timer is armed. */
void clock_reset(void);

/* When the next timer is due, UINT64_MAX: none is armed. */
uint64_t clock_next_ms(void);

/*
 * Goes on to the next timer that is due by then and fires it. Returns 1; or goes on to that time and
 * returns 0 when none is left.
 */
int clock_step(uint64_t until_ms);

/* Goes on by so much in one leap, as when the machine was stopped: timers fire late, afterwards. */
void clock_leap(uint64_t ms);

/* Timers that are armed. */
unsigned clock_armed(void);

#endif
