/*
 * explore: visits every state that a model can reach, breadth first, so that the way to the first
 * violation found is a shortest one. It knows nothing of what a state means.
 */
#ifndef MEMVIP_EXPLORE_H
#define MEMVIP_EXPLORE_H

#include <stddef.h>

enum explore_result { EXPLORE_HOLDS, EXPLORE_VIOLATED, EXPLORE_TOO_BIG };

struct explore_model {
	size_t size; /* of a state, in bytes; states are equal when their bytes are */

	/* Calls explore_next() for each state that may follow. */
	void (*successors)(const void *state);

	/* What is wrong with the state, or NULL. The search ends there. */
	const char *(*violation)(const void *state);

	/* One line about the state, for the trace. The text is valid until the next call. */
	const char *(*describe)(const void *state);
};

struct explore_figures {
	size_t states;
	size_t steps; /* transitions, those to known states too */
	size_t depth; /* of the state that was reached last */
};

/*
 * At most limit states are kept. On a violation the way to it is printed to stdout. Ends the
 * process when memory is out.
 */
enum explore_result explore_run(const struct explore_model *model, const void *start, size_t limit,
				struct explore_figures *figures);

/* From successors(): next may follow; what says how, as printf does (put together for a trace only). */
void explore_next(const void *next, const char *what, ...) __attribute__((format(printf, 2, 3)));

#endif
