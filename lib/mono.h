/* mono: the monotonic clock. Wall time never decides a deadline. */
#ifndef MEMVIP_MONO_H
#define MEMVIP_MONO_H

#include <stdint.h>
#include <time.h>

/* Microseconds since an arbitrary start; never goes back. Stops while the machine is suspended. */
static inline uint64_t
mono_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/* The same in milliseconds. */
static inline uint64_t
mono_ms(void)
{
	return mono_us() / 1000u;
}

#endif
