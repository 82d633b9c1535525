/* history: the last changes of state of the servers, with their wall-clock times, for /status. */
#ifndef MEMVIP_HISTORY_H
#define MEMVIP_HISTORY_H

#include <stdint.h>

/* So many are kept; an older one goes for each that is added. */
#define HISTORY_MAX	 32
#define HISTORY_NAME_MAX 120

struct history {
	uint64_t unix_ms; /* wall time, since 1970 */
	char server[HISTORY_NAME_MAX];
	const char *from, *to; /* constant texts */
	char why[128];	       /* cut when longer; "" for none */
};

/* server and why (NULL: none) are copied, from and to are kept by reference. */
void history_add(const char *server, const char *from, const char *to, const char *why);

unsigned history_count(void);
/* The i-th, 0 the oldest, i < history_count(). Valid until the next history_add(). */
const struct history *history_at(unsigned i);

#endif
