/*
 * stats: what the proxy counts. Each counter is declared once, with its name as `stats` shows it
 * the one of the metrics, and the help text of those.
 */
#ifndef MEMVIP_STATS_H
#define MEMVIP_STATS_H

#include <stdint.h>

/*
 * Counters of the whole proxy: they only grow, until `stats reset`. X(name, metric, help): metric is
 * called memvip_<metric>_total; "" for what the metrics have by command.
 */
#define STATS_COUNTERS(X)                                                                      \
	X(total_connections, "client_connections", "client connections accepted")              \
	X(rejected_connections, "client_connections_refused",                                  \
	  "client connections refused: -n reached")                                            \
	X(cmd_get, "", "keys asked for with get, gets")                                        \
	X(cmd_set, "", "storage commands")                                                     \
	X(cmd_flush, "", "flush_all commands")                                                 \
	X(cmd_touch, "", "keys touched with touch, gat, gats")                                 \
	X(cmd_delete, "", "delete commands")                                                   \
	X(cmd_arith, "", "incr and decr commands")                                             \
	X(get_hits, "", "keys found")                                                          \
	X(get_misses, "", "keys not found")                                                    \
	X(bytes_read, "client_read_bytes", "bytes read from clients")                          \
	X(bytes_written, "client_written_bytes", "bytes written to clients")                   \
	X(client_errors, "client_errors", "commands answered with ERROR or CLIENT_ERROR")      \
	X(server_errors, "server_errors", "commands answered with SERVER_ERROR")               \
	X(clients_slow, "clients_slow", "clients closed for want of memory: too slow")         \
	X(retries, "retries", "reads asked again of the other copy")                           \
	X(hedges, "hedges", "reads asked of the follower too, since the leader took its time") \
	X(hedge_hits, "hedge_hits", "hedged reads that were answered by the follower first")   \
	X(mirrored, "mirrored", "hits told to the follower, so that it keeps the item")        \
	X(sleeps, "sleeps", "moments slept under load, so that more is done at one time")

/* Counters of one server; memvip_server_<metric>_total. */
#define STATS_SERVER_COUNTERS(X)                                                                  \
	X(timeouts, "timeouts", "times it was silent past the timeout")                           \
	X(failures, "failures", "times it was put out of use")                                    \
	X(mismatches, "mismatches", "answers that differed from the leader's, and were repaired") \
	X(refused, "copies_refused", "copies that it did not take: size, memory")

struct stats {
#define X(name, metric, help) uint64_t name;
	STATS_COUNTERS(X)
#undef X
};

struct stats_server {
#define X(name, metric, help) uint64_t name;
	STATS_SERVER_COUNTERS(X)
#undef X
};

/* What became of the keys that were asked for by one command. `stats reset` does not touch it. */
struct stats_command {
	uint64_t count, hits, misses, errors;
};

/* More than there are in enum req_cmd, which is the index. */
#define STATS_COMMANDS 64
extern struct stats_command stats_command[STATS_COMMANDS];

/*
 * How long answers took. Bucket 0: up to 64 us, each next one up to twice as long as the one before it;
 * so many that no time is too long.
 */
#define STATS_LATENCY_FIRST_BIT 6
#define STATS_LATENCY_BUCKETS	(64 - STATS_LATENCY_FIRST_BIT + 1)
struct stats_latency {
	uint64_t count[STATS_LATENCY_BUCKETS];
	uint64_t sum_us;
};

/* On the hot path: no branch, no division. */
static inline void
stats_latency_add(struct stats_latency *l, uint64_t us)
{
	uint64_t below = us - (us > 0); /* a bucket's upper end belongs to it */

	l->sum_us += us;
	l->count[63 - __builtin_clzll(below | ((1u << STATS_LATENCY_FIRST_BIT) - 1)) -
		 (STATS_LATENCY_FIRST_BIT - 1)]++;
}

/* What is so now. */
struct stats_now {
	uint64_t curr_connections; /* clients */
	uint64_t max_connections;  /* how many there may be */
};

/* The one instance of the proxy. */
extern struct stats stats;
/* What was counted before the last `stats reset`: the metrics' counters go on. */
extern struct stats stats_before;
extern struct stats_now stats_now;

/* Called for each counter of *s, in the order above. */
void stats_each(void (*each)(void *arg, const char *name, uint64_t value), void *arg);
void stats_server_each(const struct stats_server *s,
		       void (*each)(void *arg, const char *name, uint64_t value), void *arg);

/* Sets the counters to 0 and adds them to those of before. */
void stats_reset(void);
void stats_server_reset(struct stats_server *s, struct stats_server *before);

#endif
