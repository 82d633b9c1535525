/* status: a report in words. See status.h. */
#include "status.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "json.h"

#define BAR_WIDTH 20

/* ---- for a person ---- */

/* "10:38:52 (3 min ago)", with the day when it was another one. */
static void
print_time(FILE *out, int64_t at_s)
{
	time_t now = time(NULL), at = (time_t)at_s;
	int64_t ago = (int64_t)now - at_s;
	struct tm then, today;
	char text[32];

	localtime_r(&at, &then);
	localtime_r(&now, &today);
	strftime(text, sizeof(text),
		 then.tm_yday == today.tm_yday && then.tm_year == today.tm_year
		     ? "%H:%M:%S"
		     : "%Y-%m-%d %H:%M:%S",
		 &then);
	if (ago < 0)
		fprintf(out, "%s", text); /* the clock was set back */
	else if (ago < 120)
		fprintf(out, "%s (%" PRId64 " s ago)", text, ago);
	else if (ago < 7200)
		fprintf(out, "%s (%" PRId64 " min ago)", text, ago / 60);
	else if (ago < 172800)
		fprintf(out, "%s (%" PRId64 " h ago)", text, ago / 3600);
	else
		fprintf(out, "%s (%" PRId64 " days ago)", text, ago / 86400);
}

static void
print_fill(const struct server *s, unsigned left_s, FILE *out)
{
	uint64_t done = s->fill_done < s->fill_total ? s->fill_done : s->fill_total;
	double part = (double)done / (double)s->fill_total;
	char bar[BAR_WIDTH + 1];

	memset(bar, '-', BAR_WIDTH);
	memset(bar, '#', (size_t)(part * BAR_WIDTH));
	bar[BAR_WIDTH] = '\0';
	fprintf(out, " [%s] %d %%", bar, (int)(part * 100));
	if (left_s != UINT32_MAX)
		fprintf(out, ", %u:%02u min left", left_s / 60, left_s % 60);
}

static void
print_servers(const struct report *r, FILE *out)
{
	for (int i = 0; i < r->servers_n; i++) {
		const struct server *s = &r->servers[i];

		fprintf(out, "  %-11s %-24s %-10s %-8s", i == 0 ? "servers" : "", s->name, s->state,
			s->role);
		if (s->fill_total > 0 && s->fill_done < s->fill_total)
			print_fill(s, r->fill_left_s[i], out);
		fputc('\n', out);
	}
}

void
status_print(const struct report *r, FILE *out)
{
	char name[ARGS_NAME_MAX];
	const struct state *st = &r->st;

	report_name(r, name, sizeof(name));
	fprintf(out, "%s: %s%s\n", name, r->well ? "all is well" : "NOT WELL: ", r->why);
	fprintf(out, "  %-11s %s\n", "file", r->site->conf);
	fprintf(out, "  %-11s %s, %s%s%s\n", "VIP", r->site->vip.text,
		r->vip == VIP_HERE     ? "here"
		: r->vip == VIP_ABSENT ? "not here"
				       : "unknown",
		r->interface[0] != '\0' ? " on " : "", r->interface);
	fprintf(out, "  %-11s ", "keepalived");
	if (r->keepalived.pid != 0)
		fprintf(out, "pid %d", (int)r->keepalived.pid);
	else
		fprintf(out, "not running");
	if (st->word.state != WORD_NONE) {
		fprintf(out, "; said %s (%s %s, priority %u) at ", word_state_name(st->word.state),
			st->word.group ? "GROUP" : "INSTANCE", st->word.name, st->word.priority);
		print_time(out, st->said_s);
	} else {
		fprintf(out, "; has said nothing yet");
	}
	fprintf(out, "\n  %-11s ", "custodian");
	if (r->custodian_alive) {
		fprintf(out, "pid %d, %s since ", (int)st->custodian.pid, st->phase);
		print_time(out, st->since_s);
	} else {
		fprintf(out, "none");
		if (strcmp(st->phase, STATE_STOPPED) == 0) {
			fprintf(out, ", stopped by hand at ");
			print_time(out, st->since_s);
		}
	}
	fprintf(out, "\n  %-11s ", "proxy");
	if (r->proxy_alive)
		fprintf(out, "pid %d", (int)st->proxy.pid);
	else
		fprintf(out, "none");
	fprintf(out, ", restarted %" PRIu64 " times\n", st->restarts);
	if (st->note[0] != '\0')
		fprintf(out, "  %-11s %s\n", "trouble", st->note);
	print_servers(r, out);
}

/* ---- for a script ---- */

static void
json_pid(FILE *out, const char *key, int alive, pid_t pid)
{
	if (alive)
		fprintf(out, "\"%s\":%d,", key, (int)pid);
	else
		fprintf(out, "\"%s\":null,", key);
}

static void
json_servers(const struct report *r, FILE *out)
{
	fprintf(out, "\"servers\":[");
	for (int i = 0; i < r->servers_n; i++) {
		const struct server *s = &r->servers[i];

		fprintf(out, "%s{", i > 0 ? "," : "");
		json_pair(out, "name", s->name);
		json_pair(out, "state", s->state);
		json_pair(out, "role", s->role);
		fprintf(out,
			"\"fill_done\":%" PRIu64 ",\"fill_total\":%" PRIu64 ",\"fill_left_s\":",
			s->fill_done, s->fill_total);
		if (r->fill_left_s[i] != UINT32_MAX)
			fprintf(out, "%u}", r->fill_left_s[i]);
		else
			fprintf(out, "null}");
	}
	fputc(']', out);
}

void
status_json(const struct report *r, FILE *out)
{
	static const char *const vip_names[] = {
	    [VIP_ABSENT] = "absent", [VIP_HERE] = "here", [VIP_UNKNOWN] = "unknown"};
	const struct state *st = &r->st;
	char name[ARGS_NAME_MAX];

	report_name(r, name, sizeof(name));
	fputc('{', out);
	json_pair(out, "name", name);
	fprintf(out, "\"well\":%s,", r->well ? "true" : "false");
	json_pair(out, "why", r->why);
	json_pair(out, "file", r->site->conf);
	json_pair(out, "listen", r->site->vip.text);
	json_pair(out, "vip", vip_names[r->vip]);
	json_pair(out, "interface", r->interface);
	json_pid(out, "keepalived", r->keepalived.pid != 0, r->keepalived.pid);
	json_pair(out, "said", word_state_name(st->word.state));
	json_pair(out, "said_by",
		  st->word.state == WORD_NONE ? ""
		  : st->word.group	      ? "GROUP"
					      : "INSTANCE");
	fprintf(out, "\"said_priority\":%u,\"said_at\":%" PRId64 ",", st->word.priority,
		st->said_s);
	json_pid(out, "custodian", r->custodian_alive, st->custodian.pid);
	fprintf(out, "\"custodian_frozen\":%s,", r->custodian_frozen ? "true" : "false");
	json_pair(out, "phase", st->phase);
	fprintf(out, "\"since\":%" PRId64 ",", st->since_s);
	json_pid(out, "proxy", r->proxy_alive, st->proxy.pid);
	fprintf(out, "\"restarts\":%" PRIu64 ",", st->restarts);
	json_pair(out, "trouble", st->note);
	json_servers(r, out);
	fputc('}', out);
}
