/*
 * halves: one history, or two while the servers are parted and each half goes on by itself; and what
 * the half that has to give way has acknowledged in vain.
 *
 *   whole ──halves_part──► parting ──halves_parted──► two ──halves_join──► whole
 */
#ifndef MEMVIP_FAULTS_HALVES_H
#define MEMVIP_FAULTS_HALVES_H

#include <stdint.h>

#include "judge.h"

#define HALVES_COUNTS(X) \
	X(parted)        \
	X(given_up)

struct halves {
	struct judge *judge[2]; /* of each half; both the same: whole */
	/* parted: how often. given_up: acknowledged writes of the half that gave way, since the cut. */
#define X(name) uint64_t name;
	HALVES_COUNTS(X)
#undef X
	/* What the halves that gave way were guilty of, told apart: nobody is to rely on it. */
	struct judge_counts gone;
	/* When they were parted. */
	struct judge_counts then;
	uint64_t acknowledged;
};

/* Takes j over. */
void halves_setup(struct halves *h, struct judge *j);
void halves_free(struct halves *h);

static inline int
halves_are_two(const struct halves *h)
{
	return h->judge[0] != h->judge[1];
}

/* Half 1 gets a history of its own; it must be idle until halves_parted(). */
void halves_part(struct halves *h);
void halves_parted(struct halves *h, uint64_t now_us);
/* Half n is the one that counts. Nothing of the other may be under way. */
void halves_join(struct halves *h, unsigned n);

#endif
