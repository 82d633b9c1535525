/* stats: what the proxy counts. See stats.h. */
#include "stats.h"

struct stats stats;
struct stats_now stats_now;

void
stats_each(void (*each)(void *arg, const char *name, uint64_t value), void *arg)
{
#define X(name, help) each(arg, #name, stats.name);
	STATS_COUNTERS(X)
#undef X
}

void
stats_server_each(const struct stats_server *s,
		  void (*each)(void *arg, const char *name, uint64_t value), void *arg)
{
#define X(name, help) each(arg, #name, s->name);
	STATS_SERVER_COUNTERS(X)
#undef X
}
