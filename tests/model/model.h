/*
 * model: what may happen next in a world, and what must never have happened.
 */
#ifndef MEMVIP_MODEL_H
#define MEMVIP_MODEL_H

#include "explore.h"
#include "world.h"

/* Both serve the one search that runs: what is explored, and what is left out of the design. */
void model_start(struct world *w, const struct scenario *scenario, unsigned mutations);

extern const struct explore_model model;

#endif
