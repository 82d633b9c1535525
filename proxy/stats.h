/*
 * stats: what the proxy counts. Each counter is declared once, with its name as `stats` shows it
 * and the help text that the man page and the metrics use.
 */
#ifndef MEMVIP_STATS_H
#define MEMVIP_STATS_H

#include <stdint.h>

/* Counters of the whole proxy: they only grow, until `stats reset`. */
#define STATS_COUNTERS(X)                                                            \
	X(total_connections, "client connections accepted")                          \
	X(rejected_connections, "client connections refused: -n reached")            \
	X(cmd_get, "keys asked for with get, gets")                                  \
	X(cmd_set, "storage commands")                                               \
	X(cmd_flush, "flush_all commands")                                           \
	X(cmd_touch, "keys touched with touch, gat, gats")                           \
	X(cmd_delete, "delete commands")                                             \
	X(cmd_arith, "incr and decr commands")                                       \
	X(get_hits, "keys found")                                                    \
	X(get_misses, "keys not found")                                              \
	X(bytes_read, "bytes read from clients")                                     \
	X(bytes_written, "bytes written to clients")                                 \
	X(client_errors, "commands answered with ERROR or CLIENT_ERROR")             \
	X(server_errors, "commands answered with SERVER_ERROR")                      \
	X(clients_slow, "clients closed for want of memory: too slow")               \
	X(retries, "reads asked again of the other copy")                            \
	X(hedges, "reads asked of the follower too, since the leader took its time") \
	X(hedge_hits, "of them, answered by the follower first")                     \
	X(mirrored, "hits told to the follower, so that it keeps the item")

/* Counters of one server. */
#define STATS_SERVER_COUNTERS(X)                                 \
	X(timeouts, "times it was silent past the timeout")      \
	X(failures, "times it was put out of use")               \
	X(mismatches, "answers that differed from the leader's") \
	X(refused, "copies that it did not take: size, memory")

struct stats {
#define X(name, help) uint64_t name;
	STATS_COUNTERS(X)
#undef X
};

struct stats_server {
#define X(name, help) uint64_t name;
	STATS_SERVER_COUNTERS(X)
#undef X
};

/* What is so now. */
struct stats_now {
	uint64_t curr_connections; /* clients */
};

/* The one instance of the proxy. */
extern struct stats stats;
extern struct stats_now stats_now;

/* Called for each counter of *s, in the order above. */
void stats_each(void (*each)(void *arg, const char *name, uint64_t value), void *arg);
void stats_server_each(const struct stats_server *s,
		       void (*each)(void *arg, const char *name, uint64_t value), void *arg);

#endif
