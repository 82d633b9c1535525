/* status: what there is to see, as one JSON object. See status.h. */
#include "status.h"

#include <time.h>
#include <unistd.h>

#include "budget.h"
#include "history.h"
#include "json.h"
#include "report.h"
#include "stats.h"
#include "timer.h"

static uint64_t
wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* RFC 3339, UTC. */
static void
status_time(FILE *out, const char *key, uint64_t unix_ms)
{
	char text[40];
	time_t s = (time_t)(unix_ms / 1000);
	struct tm tm;
	size_t n;

	gmtime_r(&s, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03uZ", (unsigned)(unix_ms % 1000));
	json_pair(out, key, text);
}

static void
status_server(FILE *out, struct farm *farm, const struct server *s)
{
	uint64_t for_ms = timer_now_ms - s->replica.since_ms;

	fputc('{', out);
	json_pair(out, "name", s->addr.text);
	json_pair(out, "state", replica_state_name(s->replica.state));
	json_pair(out, "role", farm_role(farm, s));
	status_time(out, "since", wall_ms() - for_ms);
	json_number(out, "since_s", for_ms / 1000);
	json_pair(out, "version", s->version);
	json_number(out, "epoch", s->claim.marked_epoch);
	json_number(out, "in_flight", server_in_flight(s));
	json_number(out, "dirty", dirty_count(&s->dirty));
	json_number(out, "fill_done", s->fill_done);
	fprintf(out, "\"fill_total\":%llu}", (unsigned long long)s->fill_total);
}

static void
status_transition(FILE *out, const struct history *h)
{
	fputc('{', out);
	status_time(out, "time", h->unix_ms);
	json_pair(out, "server", h->server);
	json_pair(out, "from", h->from);
	json_pair(out, "to", h->to);
	fputs("\"why\":", out);
	json_text(out, h->why);
	fputc('}', out);
}

void
status_write(FILE *out, struct farm *farm, const struct conf *conf)
{
	fputc('{', out);
	json_pair(out, "name", farm->epoch.owner);
	json_pair(out, "version", VERSION);
	json_number(out, "pid", (uint64_t)getpid());
	status_time(out, "started", report_started() * 1000);
	json_number(out, "uptime_s", report_uptime_ms() / 1000);
	json_number(out, "epoch", farm->epoch.number);
	fputs("\"servers\":[", out);
	for (unsigned i = 0; i < farm->n; i++) {
		fputs(i > 0 ? "," : "", out);
		status_server(out, farm, &farm->servers[i]);
	}
	fputs("],\"transitions\":[", out);
	for (unsigned i = 0; i < history_count(); i++) {
		fputs(i > 0 ? "," : "", out);
		status_transition(out, history_at(i));
	}
	fputs("],\"limits\":{", out);
	json_number(out, "max_value", conf->max_value);
	json_number(out, "max_memory", conf->max_memory);
	json_number(out, "dirty_limit", conf->dirty_limit);
	fprintf(out, "\"max_conns\":%llu},\"clients\":{",
		(unsigned long long)stats_now.max_connections);
	json_number(out, "current", stats_now.curr_connections);
	json_number(out, "accepted", stats.total_connections + stats_before.total_connections);
	fprintf(
	    out, "\"refused\":%llu},\"buffered\":%llu}\n",
	    (unsigned long long)(stats.rejected_connections + stats_before.rejected_connections),
	    (unsigned long long)budget_used());
}
