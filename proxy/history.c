/* history: the last changes of state of the servers. See history.h. */
#include "history.h"

#include <stdio.h>
#include <time.h>

static struct history kept[HISTORY_MAX];
static unsigned first, n;

void
history_add(const char *server, const char *from, const char *to, const char *why)
{
	struct history *h = &kept[(first + n) % HISTORY_MAX];
	struct timespec now;

	if (n < HISTORY_MAX)
		n++;
	else
		first = (first + 1) % HISTORY_MAX;
	clock_gettime(CLOCK_REALTIME, &now);
	h->unix_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	h->from = from;
	h->to = to;
	snprintf(h->server, sizeof(h->server), "%s", server);
	snprintf(h->why, sizeof(h->why), "%s", why != NULL ? why : "");
}

unsigned
history_count(void)
{
	return n;
}

const struct history *
history_at(unsigned i)
{
	return &kept[(first + i) % HISTORY_MAX];
}
