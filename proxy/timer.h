/*
 * timer: one-shot timers in monotonic milliseconds, and the time of the current turn of the loop.
 */
#ifndef MEMVIP_TIMER_H
#define MEMVIP_TIMER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdint.h>

struct timer {
	struct event ev;
	void (*fire)(struct timer *t, void *arg);
	void *arg;
	uint64_t due_ms;
	uint8_t armed;
};

void timer_init(struct event_base *base);

/* arg is handed to fire. The timer must be stopped before its memory goes. */
void timer_setup(struct timer *t, void (*fire)(struct timer *t, void *arg), void *arg);

/* Fires once, delay_ms from now; a timer that was armed is moved. */
void timer_set(struct timer *t, uint64_t delay_ms);
void timer_stop(struct timer *t);

/* mono_ms() as of the last timer_refresh(): cheap enough for the hot path. */
extern uint64_t timer_now_ms;
/* The same moment in microseconds. */
extern uint64_t timer_now_us;

/* Reads the clock; called where work begins: a look has found something (ready), a timer has fired. */
void timer_refresh(void);

#endif
