/* prom: what there is to see, in Prometheus' text format. See prom.h. */
#include "prom.h"

#include <inttypes.h>
#include <string.h>

#include "budget.h"
#include "report.h"
#include "stats.h"

/* The buckets of a latency that are shown: up to 2^21 us, 2.1 s; the others are in +Inf. */
#define SHOWN_BUCKETS 16

static const char *const command_names[STATS_COMMANDS] = {
    [REQ_GET] = "get",	       [REQ_GETS] = "gets",	[REQ_GAT] = "gat",
    [REQ_GATS] = "gats",       [REQ_SET] = "set",	[REQ_ADD] = "add",
    [REQ_REPLACE] = "replace", [REQ_APPEND] = "append", [REQ_PREPEND] = "prepend",
    [REQ_CAS] = "cas",	       [REQ_DELETE] = "delete", [REQ_INCR] = "incr",
    [REQ_DECR] = "decr",       [REQ_TOUCH] = "touch",	[REQ_FLUSH_ALL] = "flush_all",
    [REQ_MG] = "mg",	       [REQ_MS] = "ms",		[REQ_MD] = "md",
    [REQ_MA] = "ma",	       [REQ_ME] = "me",
};

static void
prom_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP memvip_%s %s\n# TYPE memvip_%s %s\n", name, help, name, type);
}

/* {NAME="value", as the format wants it escaped, without the closing brace. */
static void
prom_label(FILE *out, const char *before, const char *name, const char *value)
{
	fprintf(out, "%s%s=\"", before, name);
	for (; *value != '\0'; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '"' || *value == '\\')
			fprintf(out, "\\%c", *value);
		else
			fputc(*value, out);
	}
	fputc('"', out);
}

/* A metric without labels. */
static void
prom_one(FILE *out, const char *name, const char *type, const char *help, uint64_t v)
{
	prom_head(out, name, type, help);
	fprintf(out, "memvip_%s %" PRIu64 "\n", name, v);
}

/* memvip_server_NAME{server="…" of one server, up to the closing brace. */
static void
prom_server(FILE *out, const struct server *s, const char *name)
{
	fprintf(out, "memvip_server_%s", name);
	prom_label(out, "{", "server", s->addr.text);
}

static void
prom_counter(FILE *out, const char *name, const char *help, uint64_t v)
{
	char full[64];

	if (name[0] == '\0')
		return; /* see prom_commands() */
	snprintf(full, sizeof(full), "%s_total", name);
	prom_one(out, full, "counter", help, v);
}

/* ---- the proxy ---- */

static void
prom_process(FILE *out, const struct conf *conf)
{
	uint64_t up_ms = report_uptime_ms();

	prom_head(out, "build_info", "gauge", "the program: always 1");
	fputs("memvip_build_info", out);
	prom_label(out, "{", "version", VERSION);
	fputs("} 1\n", out);
	prom_one(out, "start_time_seconds", "gauge", "when the proxy was started, since 1970",
		 report_started());
	prom_head(out, "uptime_seconds", "gauge", "how long the proxy has been running");
	fprintf(out, "memvip_uptime_seconds %" PRIu64 ".%03u\n", up_ms / 1000,
		(unsigned)(up_ms % 1000));
	prom_one(out, "clients", "gauge", "clients that are connected", stats_now.curr_connections);
	prom_one(out, "clients_limit", "gauge", "clients at most: --max-conns",
		 stats_now.max_connections);
	prom_one(out, "buffered_bytes", "gauge", "memory that holds commands, values and answers",
		 budget_used());
	prom_one(out, "buffered_limit_bytes", "gauge", "what may be buffered: --max-memory",
		 conf->max_memory);
#define X(name, metric, help) prom_counter(out, metric, help, stats.name + stats_before.name);
	STATS_COUNTERS(X)
#undef X
}

#define COMMAND_FIGURES(X)                                                    \
	X(count, "commands_total", "commands, each key of a get for itself")  \
	X(hits, "command_hits_total", "commands whose key was there")         \
	X(misses, "command_misses_total", "commands whose key was not there") \
	X(errors, "command_errors_total",                                     \
	  "commands answered with ERROR, CLIENT_ERROR or SERVER_ERROR")

static void
prom_commands(FILE *out)
{
#define X(field, name, help)                                                     \
	prom_head(out, name, "counter", help);                                   \
	for (unsigned i = 0; i < STATS_COMMANDS; i++)                            \
		if (command_names[i] != NULL) {                                  \
			fputs("memvip_" name, out);                              \
			prom_label(out, "{", "command", command_names[i]);       \
			fprintf(out, "} %" PRIu64 "\n", stats_command[i].field); \
		}
	COMMAND_FIGURES(X)
#undef X
}

/* ---- the servers ---- */

static void
prom_states(FILE *out, struct farm *farm)
{
	static const char *const roles[] = {"leader", "follower", "none"};

	prom_head(out, "server_state", "gauge", "1 for the state that the server is in");
	for (unsigned i = 0; i < farm->n; i++)
		for (unsigned k = REPLICA_DOWN; k <= REPLICA_CURRENT; k++) {
			prom_server(out, &farm->servers[i], "state");
			prom_label(out, ",", "state", replica_state_name((enum replica_state)k));
			fprintf(out, "} %d\n", farm->servers[i].replica.state == k);
		}
	prom_head(out, "server_role", "gauge", "1 for the role that the server has");
	for (unsigned i = 0; i < farm->n; i++) {
		const char *role = farm_role(farm, &farm->servers[i]);

		for (unsigned k = 0; k < sizeof(roles) / sizeof(roles[0]); k++) {
			prom_server(out, &farm->servers[i], "role");
			prom_label(out, ",", "role", roles[k]);
			fprintf(out, "} %d\n", strcmp(role, roles[k]) == 0);
		}
	}
}

#define SERVER_GAUGES(X)                                                                  \
	X("epoch", "the epoch in the marker that it keeps", s->claim.marked_epoch)        \
	X("in_flight", "operations without an answer", server_in_flight(s))               \
	X("dirty_keys", "keys that it lacks, or that are still to be copied to it",       \
	  dirty_count(&s->dirty))                                                         \
	X("fill_done_keys", "keys looked at in this fill, or the last one", s->fill_done) \
	X("fill_listed_keys", "keys listed in this fill, or the last one", s->fill_total)

static void
prom_latency(FILE *out, const struct server *s)
{
	uint64_t count[STATS_LATENCY_BUCKETS] = {0}, sum_us = 0, n = 0;

	for (unsigned i = 0; i < s->n_conns; i++) {
		const struct stats_latency *l = &s->conns[i].latency;

		sum_us += l->sum_us;
		for (unsigned k = 0; k < STATS_LATENCY_BUCKETS; k++)
			count[k] += l->count[k];
	}
	for (unsigned k = 0; k < STATS_LATENCY_BUCKETS; k++) {
		n += count[k];
		if (k >= SHOWN_BUCKETS)
			continue;
		prom_server(out, s, "latency_seconds_bucket");
		fprintf(out, ",le=\"%.6f\"} %" PRIu64 "\n",
			(double)(UINT64_C(1) << (k + STATS_LATENCY_FIRST_BIT)) / 1e6, n);
	}
	prom_server(out, s, "latency_seconds_bucket");
	fprintf(out, ",le=\"+Inf\"} %" PRIu64 "\n", n);
	prom_server(out, s, "latency_seconds_sum");
	fprintf(out, "} %" PRIu64 ".%06" PRIu64 "\n", sum_us / 1000000, sum_us % 1000000);
	prom_server(out, s, "latency_seconds_count");
	fprintf(out, "} %" PRIu64 "\n", n);
}

static void
prom_servers(FILE *out, struct farm *farm)
{
	const struct server *end = farm->servers + farm->n, *s;

	prom_states(out, farm);
#define X(name, help, value)                                        \
	prom_head(out, "server_" name, "gauge", help);              \
	for (s = farm->servers; s < end; s++) {                     \
		prom_server(out, s, name);                          \
		fprintf(out, "} %" PRIu64 "\n", (uint64_t)(value)); \
	}
	SERVER_GAUGES(X)
#undef X
#define X(name, metric, help)                                                          \
	prom_head(out, "server_" metric "_total", "counter", help);                    \
	for (s = farm->servers; s < end; s++) {                                        \
		prom_server(out, s, metric "_total");                                  \
		fprintf(out, "} %" PRIu64 "\n", s->stats.name + s->stats_before.name); \
	}
	STATS_SERVER_COUNTERS(X)
#undef X
	prom_head(out, "server_latency_seconds", "histogram",
		  "how long operations took at the server, the proxy's own among them");
	for (s = farm->servers; s < end; s++)
		prom_latency(out, s);
}

void
prom_write(FILE *out, struct farm *farm, const struct conf *conf)
{
	prom_process(out, conf);
	prom_commands(out);
	prom_servers(out, farm);
}
