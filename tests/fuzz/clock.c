/* clock: timers in a time of their own. See clock.h. */
#include "clock.h"

#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "fuzz.h"
#include "timer.h"

#define TIMERS_MAX 1024

uint64_t timer_now_ms, timer_now_us, clock_ms;

static struct timer *armed[TIMERS_MAX];
static unsigned n_armed;

/* In place of what the C library would say; see tests/fuzz.mk. */
int fuzz_clock_gettime(clockid_t id, struct timespec *ts);
time_t fuzz_time(time_t *out);
ssize_t fuzz_getrandom(void *buf, size_t n, unsigned flags);

int
fuzz_clock_gettime(clockid_t id, struct timespec *ts)
{
	(void)id;
	ts->tv_sec = (time_t)(1000 + clock_ms / 1000);
	ts->tv_nsec = (long)(clock_ms % 1000) * 1000000;
	return 0;
}

time_t
fuzz_time(time_t *out)
{
	time_t now = CLOCK_START_S + (time_t)(clock_ms / 1000);

	if (out != NULL)
		*out = now;
	return now;
}

ssize_t
fuzz_getrandom(void *buf, size_t n, unsigned flags)
{
	(void)flags;
	memset(buf, 0x5a, n);
	return (ssize_t)n;
}

void
clock_reset(void)
{
	clock_ms = 0;
	n_armed = 0;
}

unsigned
clock_armed(void)
{
	return n_armed;
}

void
timer_init(struct event_base *base)
{
	(void)base;
	timer_refresh();
}

void
timer_refresh(void)
{
	/* As mono_ms() has it. */
	timer_now_ms = 1000 * 1000 + clock_ms;
	timer_now_us = timer_now_ms * 1000;
}

void
timer_setup(struct timer *t, void (*fire)(struct timer *t, void *arg), void *arg)
{
	t->fire = fire;
	t->arg = arg;
	t->armed = 0;
}

void
timer_stop(struct timer *t)
{
	unsigned i = 0;

	if (!t->armed)
		return;
	t->armed = 0;
	while (i < n_armed && armed[i] != t)
		i++;
	MUST(i < n_armed);
	for (n_armed--; i < n_armed; i++)
		armed[i] = armed[i + 1];
}

void
timer_set(struct timer *t, uint64_t delay_ms)
{
	timer_stop(t);
	MUST(n_armed < TIMERS_MAX);
	t->due_ms = timer_now_ms + delay_ms;
	t->armed = 1;
	armed[n_armed++] = t;
}

/* The one that is due first; of several the one that was set first. */
static struct timer *
first(void)
{
	struct timer *best = NULL;

	for (unsigned i = 0; i < n_armed; i++)
		if (best == NULL || armed[i]->due_ms < best->due_ms)
			best = armed[i];
	return best;
}

uint64_t
clock_next_ms(void)
{
	struct timer *t = first();

	if (t == NULL)
		return UINT64_MAX;
	return t->due_ms > 1000 * 1000 ? t->due_ms - 1000 * 1000 : 0;
}

int
clock_step(uint64_t until_ms)
{
	struct timer *t = first();
	uint64_t next = clock_next_ms();

	if (t == NULL || next > until_ms) {
		if (until_ms > clock_ms)
			clock_ms = until_ms;
		return 0;
	}
	if (next > clock_ms)
		clock_ms = next;
	timer_stop(t);
	timer_refresh();
	t->fire(t, t->arg);
	return 1;
}

void
clock_leap(uint64_t ms)
{
	clock_ms += ms;
}
