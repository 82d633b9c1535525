/* report: two lines. See report.h. */
#include "report.h"

#include <inttypes.h>
#include <stdio.h>

#include "tally.h"

static double
per_op(const struct run *r, uint64_t ns)
{
	uint64_t ops = r->counted.gets + r->counted.sets;

	return ops > 0 ? (double)ns / (double)ops : 0;
}

static double
user_part(const struct cputime *c)
{
	uint64_t all = c->user + c->system;

	return all > 0 ? (double)c->user / (double)all : 0;
}

static double
us(const struct hist *h, double part)
{
	return (double)hist_at(h, part) / 1000;
}

static double
ops_per_s(const struct run *r)
{
	return r->ns > 0 ? (double)(r->counted.gets + r->counted.sets) * 1e9 / (double)r->ns : 0;
}

static void
report_human(const struct run *r)
{
	const struct work *w = r->work;

	printf("%u connections, %u deep, %u %% get", w->conns, w->depth, w->get_percent);
	if (w->multi > 1)
		printf(" of %u keys", w->multi);
	if (w->idle > 0)
		printf(", %u idle connections", w->idle);
	printf(", %zu bytes: %.0f op/s", w->items.value_size, ops_per_s(r));
	if (w->rate > 0)
		printf(" of %" PRIu64 " asked", w->rate);
	printf("; p50 %.3f ms, p99 %.3f, p99.9 %.3f", us(&r->latency, 0.5) / 1000,
	       us(&r->latency, 0.99) / 1000, us(&r->latency, 0.999) / 1000);
	for (unsigned i = 0; i < r->n_cpu; i++)
		printf("; %s %.2f us/op (%.0f %% user)", r->cpu[i].name,
		       per_op(r, r->cpu[i].ns) / 1000, user_part(&r->cpu[i]) * 100);
	printf("; load %.2f us/op\n", per_op(r, r->own_cpu_ns) / 1000);
}

static void
report_machine(const struct run *r)
{
	const struct tally *t = &r->counted;

	printf("ops=%" PRIu64 " ops_per_s=%.0f gets=%" PRIu64 " sets=%" PRIu64 " hits=%" PRIu64
	       " seconds=%.3f",
	       t->gets + t->sets, ops_per_s(r), t->gets, t->sets, t->hits, (double)r->ns / 1e9);
	printf(" p50_us=%.1f p99_us=%.1f p999_us=%.1f max_us=%.1f late_p99_us=%.1f behind=%" PRIu64,
	       us(&r->latency, 0.5), us(&r->latency, 0.99), us(&r->latency, 0.999),
	       (double)r->latency.max_ns / 1000, us(&r->lateness, 0.99), r->behind);
	for (unsigned i = 0; i < r->n_cpu; i++)
		printf(" cpu_%s_ns=%.0f user_%s=%.3f", r->cpu[i].name, per_op(r, r->cpu[i].ns),
		       r->cpu[i].name, user_part(&r->cpu[i]));
	printf(" cpu_load_ns=%.0f misses=%" PRIu64 " wrong=%" PRIu64 " errors=%" PRIu64
	       " broken=%" PRIu64,
	       per_op(r, r->own_cpu_ns), tally.misses, tally.wrong, tally.errors, tally.broken);
	printf(" ok=%d\n", tally.misses + tally.wrong + tally.errors + tally.broken == 0);
}

void
report_run(const struct run *r)
{
	report_human(r);
	report_machine(r);
	fflush(stdout);
}
