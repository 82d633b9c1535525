/* rng: numbers that a seed reproduces (splitmix64). */
#ifndef MEMVIP_FAULTS_RNG_H
#define MEMVIP_FAULTS_RNG_H

#include <stdint.h>

static inline uint64_t
rng_mix(uint64_t x)
{
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

static inline uint64_t
rng_next(uint64_t *state)
{
	return rng_mix(*state += 0x9e3779b97f4a7c15u);
}

/* 0 <= result < n, n > 0. */
static inline unsigned
rng_below(uint64_t *state, unsigned n)
{
	return (unsigned)(rng_next(state) % n);
}

#endif
