/*
 * load: clients for a memcached, or for anything that speaks its text protocol, and what it costs
 * to serve them. One thread; every answer is judged; see report.h for what it prints.
 *
 *   load [options] HOST:PORT|SOCKET      load --help
 *
 * Exit: 0 all answers were right, 1 not, or it could not be measured, 2 usage.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "num.h"
#include "report.h"
#include "run.h"

static const char usage[] =
    "usage: load [options] HOST:PORT|SOCKET\n"
    "  --connections N   that work (50); 0: none, with --idle\n"
    "  --depth N         requests on their way on each at most (1)\n"
    "  --rate OPS/S      of all together, each due at its time; 0: as answers come (0)\n"
    "  --get PERCENT     the rest are sets (90)\n"
    "  --multi N         keys of a get (1)\n"
    "  --keys N          (10000)\n"
    "  --key-size BYTES  (16), --prefix TEXT of the keys (key-)\n"
    "  --value-size SIZE (100)\n"
    "  --idle N          connections that are only there (0)\n"
    "  --idle-asks       each of these gets one key first\n"
    "  --prepare         set every key first\n"
    "  --warm MS         not counted (500)\n"
    "  --ms MS           how long is measured (5000)\n"
    "  --operations N    at most (no limit)\n"
    "  --patience MS     an answer that takes longer does not come (10000)\n"
    "  --pid NAME=PID    a process whose processor time is told (repeatable)\n";

static _Noreturn void
wrong(const char *name, const char *value, const char *why)
{
	fprintf(stderr, "load: --%s %s: %s\n", name, value, why);
	exit(2);
}

static void
to_pid(struct run *r, char *value)
{
	char *eq = strchr(value, '=');
	const char *why;
	uint64_t pid;

	if (eq == NULL || eq == value ||
	    strspn(value, "abcdefghijklmnopqrstuvwxyz_") != (size_t)(eq - value))
		wrong("pid", value, "not NAME=PID, the name in small letters");
	if (r->n_cpu == RUN_PIDS_MAX)
		wrong("pid", value, "too many processes");
	*eq = '\0';
	if (num_parse(eq + 1, 1, INT32_MAX, &pid, &why) == -1)
		wrong("pid", eq + 1, why);
	if (cputime_of(&r->cpu[r->n_cpu++], value, (pid_t)pid) == -1)
		wrong("pid", eq + 1, "no such process");
}

static void
to_address(struct work *w, const char *text)
{
	const char *why;
	int failed = text[0] == '/' ? addr_unix(&w->to, text, &why)
				    : addr_parse(&w->to, text, 11211, ADDR_RESOLVE, &why);

	if (failed) {
		fprintf(stderr, "load: %s: %s\n", text, why);
		exit(2);
	}
}

/* What does not go together. */
static void
check(const struct run *r)
{
	const struct work *w = r->work;

	if (strlen(w->items.prefix) + ITEM_DIGITS > w->items.key_size)
		wrong("prefix", w->items.prefix, "the key has no room for it and 8 digits");
	if (strpbrk(w->items.prefix, " \r\n\t") != NULL)
		wrong("prefix", w->items.prefix, "no key may hold that");
	if (w->conns + w->idle == 0)
		wrong("connections", "0", "there is nothing to do");
	if (w->conns == 0 && (r->prepare || w->rate != 0))
		wrong("connections", "0", "somebody has to work");
	if (w->multi > w->items.keys)
		wrong("multi", "", "more than there are keys");
}

static void
options(struct run *r, struct work *w, int argc, char **argv)
{
	uint64_t conns = 50, depth = 1, get = 90, multi = 1, keys = 10000, key_size = 16,
		 value_size = 100, idle = 0, warm = 500, ms = 5000, patience = 10000;
	struct {
		const char *name;
		uint64_t *number, min, max;
	} const numbers[] = {
	    {"connections", &conns, 0, WORK_CONNS_MAX},
	    {"depth", &depth, 1, WORK_DEPTH_MAX},
	    {"rate", &w->rate, 0, 10000000},
	    {"get", &get, 0, 100},
	    {"multi", &multi, 1, WORK_MULTI_MAX},
	    {"keys", &keys, 1, ITEM_KEYS_MAX},
	    {"key-size", &key_size, ITEM_DIGITS, ITEM_KEY_MAX},
	    {"idle", &idle, 0, WORK_CONNS_MAX},
	    {"warm", &warm, 0, 600000},
	    {"ms", &ms, 1, 86400000},
	    {"operations", &r->operations, 1, UINT64_MAX - 1},
	    {"patience", &patience, 1, 600000},
	};
	enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };
	struct option longs[NUMBERS + 7] = {{0}};
	const char *why;
	int c, i;

	for (i = 0; i < NUMBERS; i++)
		longs[i] = (struct option){numbers[i].name, required_argument, NULL, i + 1};
	longs[i++] = (struct option){"value-size", required_argument, NULL, 'v'};
	longs[i++] = (struct option){"prefix", required_argument, NULL, 'x'};
	longs[i++] = (struct option){"pid", required_argument, NULL, 'p'};
	longs[i++] = (struct option){"idle-asks", no_argument, &r->idle_asks, 1};
	longs[i++] = (struct option){"prepare", no_argument, &r->prepare, 1};
	longs[i] = (struct option){"help", no_argument, NULL, 'h'};
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 'v') {
			if (num_parse_size(optarg, 0, ITEM_VALUE_MAX, &value_size, &why) == -1)
				wrong("value-size", optarg, why);
		} else if (c == 'x') {
			w->items.prefix = optarg;
		} else if (c == 'p') {
			to_pid(r, optarg);
		} else if (c >= 1 && c <= NUMBERS) {
			if (num_parse(optarg, numbers[c - 1].min, numbers[c - 1].max,
				      numbers[c - 1].number, &why) == -1)
				wrong(numbers[c - 1].name, optarg, why);
		} else if (c != 0) {
			fputs(usage, c == 'h' ? stdout : stderr);
			exit(c == 'h' ? 0 : 2);
		}
	}
	if (optind != argc - 1) {
		fputs(usage, stderr);
		exit(2);
	}
	to_address(w, argv[optind]);
	w->conns = (unsigned)conns;
	w->idle = (unsigned)idle;
	w->depth = (unsigned)depth;
	w->multi = (unsigned)multi;
	w->get_percent = (unsigned)get;
	w->patience_ns = patience * 1000000;
	w->items.keys = (unsigned)keys;
	w->items.key_size = key_size;
	w->items.value_size = value_size;
	r->warm_ns = warm * 1000000;
	r->measure_ns = ms * 1000000;
	check(r);
}

int
main(int argc, char **argv)
{
	static struct work work = {.items = {.prefix = "key-"}};
	static struct run run = {.work = &work, .operations = UINT64_MAX};
	int failed;

	log_init("load", LOG_DEST_STDERR, 0);
	options(&run, &work, argc, argv);
	failed = run_load(&run);
	report_run(&run);
	return failed == -1 ? 1 : 0;
}
