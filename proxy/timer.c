/* timer: one-shot timers in monotonic milliseconds. See timer.h. */
#include "timer.h"

#include "mono.h"

uint64_t timer_now_ms, timer_now_us;

static struct event_base *timer_base;

void
timer_init(struct event_base *base)
{
	timer_base = base;
	timer_refresh();
}

void
timer_refresh(void)
{
	timer_now_us = mono_us();
	timer_now_ms = timer_now_us / 1000;
}

static void
timer_on(evutil_socket_t fd, short what, void *arg)
{
	struct timer *t = arg;

	(void)fd;
	(void)what;
	timer_refresh();
	t->armed = 0;
	t->fire(t, t->arg);
}

void
timer_setup(struct timer *t, void (*fire)(struct timer *t, void *arg), void *arg)
{
	t->fire = fire;
	t->arg = arg;
	t->armed = 0;
	event_assign(&t->ev, timer_base, -1, 0, timer_on, t);
}

void
timer_set(struct timer *t, uint64_t delay_ms)
{
	struct timeval tv = {(time_t)(delay_ms / 1000), (suseconds_t)(delay_ms % 1000 * 1000)};

	t->due_ms = timer_now_ms + delay_ms;
	t->armed = 1;
	event_add(&t->ev, &tv);
}

void
timer_stop(struct timer *t)
{
	if (!t->armed)
		return;
	t->armed = 0;
	event_del(&t->ev);
}
