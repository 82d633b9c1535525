/* report: what `stats` answers. See report.h. */
#include "report.h"

#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "budget.h"
#include "mono.h"
#include "stats.h"

static uint64_t started_ms, started_unix;

void
report_init(void)
{
	started_ms = mono_ms();
	started_unix = (uint64_t)time(NULL);
}

uint64_t
report_uptime_ms(void)
{
	return mono_ms() - started_ms;
}

uint64_t
report_started(void)
{
	return started_unix;
}

static void
stat_number(struct buf *out, const char *name, uint64_t v)
{
	buf_printf(out, "STAT %s %llu\r\n", name, (unsigned long long)v);
}

static void
stat_time(struct buf *out, const char *name, const struct timeval *tv)
{
	buf_printf(out, "STAT %s %ld.%06ld\r\n", name, (long)tv->tv_sec, (long)tv->tv_usec);
}

static void
each_counter(void *arg, const char *name, uint64_t v)
{
	stat_number(arg, name, v);
}

static void
report_process(struct buf *out)
{
	struct rusage ru;

	stat_number(out, "pid", (uint64_t)getpid());
	stat_number(out, "uptime", report_uptime_ms() / 1000);
	stat_number(out, "time", (uint64_t)time(NULL));
	buf_printf(out, "STAT version %s\r\n", VERSION);
	stat_number(out, "pointer_size", 8 * sizeof(void *));
	if (getrusage(RUSAGE_SELF, &ru) == 0) {
		stat_time(out, "rusage_user", &ru.ru_utime);
		stat_time(out, "rusage_system", &ru.ru_stime);
	}
	stat_number(out, "curr_connections", stats_now.curr_connections);
	stat_number(out, "bytes_buffered", budget_used());
	stats_each(each_counter, out);
}

struct server_out {
	struct buf *out;
	const char *name;
};

static void
each_server_counter(void *arg, const char *name, uint64_t v)
{
	struct server_out *so = arg;

	buf_printf(so->out, "STAT server.%s.%s %llu\r\n", so->name, name, (unsigned long long)v);
}

static void
report_server(struct buf *out, struct farm *farm, const struct server *s)
{
	struct server_out so = {out, s->addr.text};

	buf_printf(out, "STAT server.%s.state %s\r\n", so.name,
		   replica_state_name(s->replica.state));
	buf_printf(out, "STAT server.%s.role %s\r\n", so.name, farm_role(farm, s));
	buf_printf(out, "STAT server.%s.version %s\r\n", so.name,
		   s->version[0] != '\0' ? s->version : "unknown");
	each_server_counter(&so, "epoch", s->claim.marked_epoch);
	each_server_counter(&so, "dirty", dirty_count(&s->dirty));
	each_server_counter(&so, "fill_done", s->fill_done);
	each_server_counter(&so, "fill_total", s->fill_total);
	each_server_counter(&so, "since_s", (mono_ms() - s->replica.since_ms) / 1000);
	each_server_counter(&so, "in_flight", server_in_flight(s));
	stats_server_each(&s->stats, each_server_counter, &so);
}

void
report_stats(struct buf *out, struct farm *farm, const char *what, size_t len)
{
	int servers = len == 7 && memcmp(what, "servers", 7) == 0;

	if (len == 5 && memcmp(what, "reset", 5) == 0) {
		stats_reset();
		for (unsigned i = 0; i < farm->n; i++)
			stats_server_reset(&farm->servers[i].stats, &farm->servers[i].stats_before);
		buf_add_str(out, "RESET\r\n");
		return;
	}
	if (len > 0 && !servers) {
		buf_add_str(out, "CLIENT_ERROR only stats, stats servers and stats reset are "
				 "answered by memvip\r\n");
		return;
	}
	if (!servers)
		report_process(out);
	for (unsigned i = 0; i < farm->n; i++)
		report_server(out, farm, &farm->servers[i]);
	buf_add_str(out, "END\r\n");
}
