/* stats: what the proxy counts. See stats.h. */
#include "stats.h"

struct stats stats, stats_before;
struct stats_command stats_command[STATS_COMMANDS];
struct stats_now stats_now;

void
stats_each(void (*each)(void *arg, const char *name, uint64_t value), void *arg)
{
#define X(name, metric, help) each(arg, #name, stats.name);
	STATS_COUNTERS(X)
#undef X
}

void
stats_server_each(const struct stats_server *s,
		  void (*each)(void *arg, const char *name, uint64_t value), void *arg)
{
#define X(name, metric, help) each(arg, #name, s->name);
	STATS_SERVER_COUNTERS(X)
#undef X
}

void
stats_reset(void)
{
#define X(name, metric, help) stats_before.name += stats.name;
	STATS_COUNTERS(X)
#undef X
	stats = (struct stats){0};
}

void
stats_server_reset(struct stats_server *s, struct stats_server *before)
{
#define X(name, metric, help) before->name += s->name;
	STATS_SERVER_COUNTERS(X)
#undef X
	*s = (struct stats_server){0};
}
