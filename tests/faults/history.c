/*
 * history: clients that read and write shared keys of one memcached (or of anything that speaks
 * its text protocol), and judge each answer by what was acknowledged before. See judge.h.
 *
 * It ends after --seconds, or when told so; then every key is read once more, the servers behind
 * (--primary, --backup) are compared, and one line "counts: name=value ..." says what came of it.
 * Exit: 0 it ran to its end (whatever the counts), 1 it could not, 2 usage.
 *
 * Unless it runs --alone, lines on standard input say what goes on around it:
 *   note TEXT      for the histories
 *   tolerate on    errors and broken connections are expected from now on
 *   tolerate off
 *   hurry          who waits for an answer for long has lost the connection
 *   settle         what has had no answer so far will not take effect any more
 *   vanish on      any key may vanish from now on: somebody else empties a server
 *   vanish off
 *   report         the counts so far
 *   sync TEXT      says "sync TEXT": all of the lines before are heeded
 *
 * With two --from addresses the clients are of two sides, 0 and 1 in turn, which may reach
 * different proxies; see halves.h:
 *   part           the servers are about to be parted: side 1 ends its connections and waits
 *   parted         ... they are: side 1 goes on, with what its half holds
 *   leave N        side N's clients can reach nobody: they end their connections and wait
 *   hold           whoever loses the connection waits
 *   joined N       side N's half is the one that counts; all go on, with new connections
 *
 *   stop           (or the end of the input)
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "halves.h"
#include "log.h"
#include "mono.h"
#include "num.h"
#include "op.h"
#include "pair.h"
#include "session.h"
#include "story.h"

#define CLIENTS_MAX 256
#define HURRY_US    300000
#define FINAL_US    10000000 /* for what is on its way, and for the last reads */

struct history {
	struct session_rules rules;
	struct op_world world;
	struct halves halves;
	struct judge_ids ids;
	struct pair_side primary, backup;
	unsigned sides;
	struct session session[CLIENTS_MAX + 1];
	uint64_t clients, seconds, seed, rate, patience_ms, compare_ms;
	char control[512];
	size_t control_len;
	int control_open, stopping;
};

static const char usage[] =
    "usage: history --to HOST:PORT [--primary HOST:PORT]... [--backup HOST:PORT]...\n"
    "    [--from HOST [--from HOST]]\n"
    "    [--seconds N] [--seed N] [--clients N] [--keys N] [--counters N] [--rate OPS/S]\n"
    "    [--depth N] [--big PERCENT] [--big-size BYTES] [--ballast PERCENT]\n"
    "    [--patience MS] [--compare MS] [--alone]\n";

static _Noreturn void
wrong(const char *name, const char *value, const char *why)
{
	fprintf(stderr, "history: --%s %s: %s\n", name, value, why);
	exit(2);
}

static void
to_address(struct addr *a, const char *name, const char *value, uint16_t port)
{
	const char *why;

	if (addr_parse(a, value, port, ADDR_NUMERIC, &why) == -1)
		wrong(name, value, why);
}

static void
from_address(struct history *h, const char *value)
{
	if (h->sides == SESSION_SIDES)
		wrong("from", value, "too many sides");
	to_address(&h->rules.from[h->sides++], "from", value, 0);
}

static void
to_side(struct pair_side *side, const char *name, const char *value)
{
	if (side->n == PAIR_SERVERS_MAX)
		wrong(name, value, "too many servers");
	to_address(&side->server[side->n++], name, value, 11211);
}

static void
options(struct history *h, int argc, char **argv)
{
	uint64_t keys = 50, counters = 8, depth = 4, big = 0, big_size = 49152, ballast = 0;
	struct {
		const char *name;
		uint64_t *number, min, max;
	} const numbers[] = {
	    {"seconds", &h->seconds, 1, 1000000},	 {"seed", &h->seed, 0, UINT32_MAX},
	    {"clients", &h->clients, 1, CLIENTS_MAX},	 {"keys", &keys, 1, 1000000},
	    {"counters", &counters, 0, 1000000},	 {"rate", &h->rate, 1, 1000000},
	    {"depth", &depth, 1, SESSION_DEPTH_MAX},	 {"big", &big, 0, 100},
	    {"big-size", &big_size, 64, ITEM_VALUE_MAX}, {"ballast", &ballast, 0, 90},
	    {"patience", &h->patience_ms, 1, 600000},	 {"compare", &h->compare_ms, 0, 600000},
	};
	enum { NUMBERS = sizeof(numbers) / sizeof(numbers[0]) };
	struct option longs[NUMBERS + 6] = {{0}};
	const char *why;
	int c, i;

	for (i = 0; i < NUMBERS; i++)
		longs[i] = (struct option){numbers[i].name, required_argument, NULL, i + 1};
	longs[i] = (struct option){"to", required_argument, NULL, 't'};
	longs[i + 1] = (struct option){"primary", required_argument, NULL, 'p'};
	longs[i + 2] = (struct option){"backup", required_argument, NULL, 'b'};
	longs[i + 3] = (struct option){"alone", no_argument, NULL, 'a'};
	longs[i + 4] = (struct option){"from", required_argument, NULL, 'f'};
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (c == 't') {
			to_address(&h->rules.to, "to", optarg, 11211);
		} else if (c == 'p') {
			to_side(&h->primary, "primary", optarg);
		} else if (c == 'b') {
			to_side(&h->backup, "backup", optarg);
		} else if (c == 'f') {
			from_address(h, optarg);
		} else if (c == 'a') {
			h->control_open = 0;
		} else if (c >= 1 && c <= NUMBERS) {
			if (num_parse(optarg, numbers[c - 1].min, numbers[c - 1].max,
				      numbers[c - 1].number, &why) == -1)
				wrong(numbers[c - 1].name, optarg, why);
		} else {
			fputs(usage, stderr);
			exit(2);
		}
	}
	if (optind != argc || h->rules.to.len == 0 || (h->primary.n == 0) != (h->backup.n == 0)) {
		fputs(usage, stderr);
		exit(2);
	}
	if (counters >= keys)
		wrong("counters", "", "fewer than keys");
	h->rules.depth = (unsigned)depth;
	h->rules.pace_us = h->clients * 1000000 / h->rate;
	h->rules.patience_us = h->patience_ms * 1000;
	h->world.ballast_percent = (unsigned)ballast;
	h->world.items = (struct item_rules){.seed = h->seed,
					     .keys = (unsigned)keys,
					     .counters = (unsigned)counters,
					     .big_percent = (unsigned)big,
					     .big_size = (unsigned)big_size};
}

static void
report(const struct history *h, const char *what, const struct pair_counts *pair)
{
	const struct judge_counts *judged = judge_counts(h->halves.judge[0]);

	printf("%s:", what);
#define X(name) printf(" " #name "=%llu", (unsigned long long)h->world.name);
	OP_COUNTS(X)
#undef X
#define X(name) printf(" " #name "=%llu", (unsigned long long)judged->name);
	JUDGE_COUNTS(X)
#undef X
#define X(name) printf(" " #name "=%llu", (unsigned long long)h->halves.name);
	HALVES_COUNTS(X)
#undef X
#define X(name) printf(" gone_" #name "=%llu", (unsigned long long)h->halves.gone.name);
	JUDGE_COUNTS(X)
#undef X
	if (pair != NULL) {
#define X(name) printf(" " #name "=%llu", (unsigned long long)pair->name);
		PAIR_COUNTS(X)
#undef X
	}
	printf("\n");
	fflush(stdout);
}

/* ---- what goes on around ---- */

static void
told(const char *line)
{
	puts(line);
	fflush(stdout);
}

/* Lets every client do it that is of that side, or of any (SESSION_SIDES). */
static void
each_of(struct history *h, unsigned side, void (*it)(struct session *s, const char *why),
	const char *why)
{
	for (unsigned i = 0; i < h->clients; i++)
		if (side == SESSION_SIDES || h->session[i].side == side)
			it(&h->session[i], why);
}

static void
hold(struct history *h, int held)
{
	for (unsigned side = 0; side < SESSION_SIDES; side++)
		h->rules.held[side] = held;
}

static void
hurry(struct history *h)
{
	for (unsigned i = 0; i < h->clients; i++)
		session_give_up(&h->session[i], HURRY_US);
}

static void
settle(struct history *h)
{
	judge_settle(h->halves.judge[0], mono_us());
	if (halves_are_two(&h->halves))
		judge_settle(h->halves.judge[1], mono_us());
}

static void
vanish(struct history *h, int may)
{
	judge_may_vanish(h->halves.judge[0], may, mono_us());
	if (halves_are_two(&h->halves))
		judge_may_vanish(h->halves.judge[1], may, mono_us());
}

static void
leave(struct history *h, unsigned side)
{
	h->rules.held[side] = 1;
	each_of(h, side, session_break, "cut off");
}

static void
part(struct history *h)
{
	h->rules.held[1] = 1;
	each_of(h, 1, session_break, "the servers are about to be parted");
	halves_part(&h->halves);
	for (unsigned i = 0; i < h->clients; i++)
		h->session[i].judge = h->halves.judge[h->session[i].side];
}

static void
parted(struct history *h)
{
	halves_parted(&h->halves, mono_us());
	h->rules.held[1] = 0;
}

/* Connections that have outlived the cut may be to either proxy. */
static void
joined(struct history *h, unsigned side)
{
	each_of(h, SESSION_SIDES, session_break, "the servers are together again");
	halves_join(&h->halves, side);
	for (unsigned i = 0; i < h->clients; i++)
		h->session[i].judge = h->halves.judge[0];
	hold(h, 0);
}

static void
control_line(struct history *h, const char *line)
{
	uint64_t now_us = mono_us();

	if (strncmp(line, "sync ", 5) != 0)
		story_note(h->world.story, line, now_us);
	if (strcmp(line, "tolerate on") == 0)
		h->world.tolerant = 1;
	else if (strcmp(line, "tolerate off") == 0)
		h->world.tolerant = 0;
	else if (strcmp(line, "hurry") == 0)
		hurry(h);
	else if (strcmp(line, "settle") == 0)
		settle(h);
	else if (strcmp(line, "vanish on") == 0)
		vanish(h, 1);
	else if (strcmp(line, "vanish off") == 0)
		vanish(h, 0);
	else if (strcmp(line, "part") == 0)
		part(h);
	else if (strcmp(line, "parted") == 0)
		parted(h);
	else if (strcmp(line, "leave 0") == 0 || strcmp(line, "leave 1") == 0)
		leave(h, (unsigned)(line[6] - '0'));
	else if (strcmp(line, "hold") == 0)
		hold(h, 1);
	else if (strcmp(line, "joined 0") == 0 || strcmp(line, "joined 1") == 0)
		joined(h, (unsigned)(line[7] - '0'));
	else if (strcmp(line, "report") == 0)
		report(h, "so far", NULL);
	else if (strncmp(line, "sync ", 5) == 0)
		told(line);
	else if (strcmp(line, "stop") == 0)
		h->stopping = 1;
	else if (strncmp(line, "note ", 5) != 0)
		fprintf(stderr, "history: not a command: %s\n", line);
}

static void
control(struct history *h)
{
	ssize_t n = read(STDIN_FILENO, h->control + h->control_len,
			 sizeof(h->control) - 1 - h->control_len);
	char *nl;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || h->control_len + (size_t)n == sizeof(h->control) - 1) {
		h->control_open = 0;
		h->stopping = 1;
		return;
	}
	h->control_len += (size_t)n;
	h->control[h->control_len] = '\0';
	while ((nl = strchr(h->control, '\n')) != NULL) {
		*nl = '\0';
		control_line(h, h->control);
		h->control_len -= (size_t)(nl + 1 - h->control);
		memmove(h->control, nl + 1, h->control_len + 1);
	}
}

/* ---- the run ---- */

/* Waits for what comes next and lets every session have its turn. */
static void
turn(struct history *h, unsigned sessions)
{
	struct pollfd fds[CLIENTS_MAX + 2];
	uint64_t due_us = mono_us() + 100000, now_us;
	int n;

	for (unsigned i = 0; i < sessions; i++) {
		uint64_t t = session_turn(&h->session[i]);

		due_us = t < due_us ? t : due_us;
	}
	for (unsigned i = 0; i < sessions; i++)
		fds[i] = (struct pollfd){.fd = h->session[i].fd,
					 .events = session_events(&h->session[i])};
	fds[sessions] =
	    (struct pollfd){.fd = h->control_open ? STDIN_FILENO : -1, .events = POLLIN};
	now_us = mono_us();
	n = poll(fds, sessions + 1, due_us > now_us ? (int)((due_us - now_us + 999) / 1000) : 0);
	now_us = mono_us();
	if (now_us > due_us && (now_us - due_us) / 1000 > h->world.lag_ms)
		h->world.lag_ms = (now_us - due_us) / 1000;
	if (n <= 0)
		return;
	for (unsigned i = 0; i < sessions; i++)
		session_ready(&h->session[i], fds[i].revents);
	if (fds[sessions].revents != 0)
		control(h);
}

static unsigned
on_the_way(const struct history *h, unsigned sessions)
{
	unsigned n = 0;

	for (unsigned i = 0; i < sessions; i++)
		n += h->session[i].pending;
	return n;
}

/* Every key is read once more, over a session of its own. Returns 0 or -1. */
static int
read_all(struct history *h)
{
	unsigned last = (unsigned)h->clients, next = 0;
	struct session *s = &h->session[last];
	uint64_t until_us = mono_us() + FINAL_US;
	struct op op;

	session_start(s, last, &h->rules, &h->world, h->halves.judge[0], h->seed);
	session_stop(s);
	while (next < h->world.items.keys || s->pending > 0) {
		if (mono_us() > until_us) {
			fprintf(stderr, "history: the last reads were not answered\n");
			return -1;
		}
		op_get(&op, next);
		if (next < h->world.items.keys && session_ask(s, &op) == 0)
			next++;
		else
			turn(h, last + 1);
	}
	return 0;
}

static int
run(struct history *h)
{
	unsigned clients = (unsigned)h->clients;
	uint64_t until_us = mono_us() + h->seconds * 1000000;
	int going = 0;

	for (unsigned i = 0; i < clients; i++) {
		session_start(&h->session[i], i, &h->rules, &h->world, h->halves.judge[0], h->seed);
		h->session[i].side = h->sides != 0 ? i % h->sides : 0;
	}
	while (!h->stopping && mono_us() < until_us) {
		turn(h, clients);
		if (!going && h->world.hits > 0) {
			going = 1;
			told("going");
		}
	}
	for (unsigned i = 0; i < clients; i++)
		session_stop(&h->session[i]);
	until_us = mono_us() + FINAL_US;
	while (on_the_way(h, clients) > 0 && mono_us() < until_us)
		turn(h, clients);
	settle(h);
	judge_final(h->halves.judge[0]);
	return read_all(h);
}

int
main(int argc, char **argv)
{
	static struct history h = {.clients = 8,
				   .seconds = 10,
				   .seed = 1,
				   .rate = 3000,
				   .patience_ms = 5000,
				   .compare_ms = 4000,
				   .ids = {.next = 1},
				   .control_open = 1};
	struct pair_counts pair = {0};
	int failed;

	log_init("history", LOG_DEST_STDERR, 0);
	options(&h, argc, argv);
	printf("seed %llu\n", (unsigned long long)h.seed);
	fflush(stdout);
	if (h.control_open)
		fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK);
	h.world.story = story_new(h.world.items.keys, stderr, mono_us());
	halves_setup(&h.halves, judge_new(h.world.items.keys, h.world.story, &h.ids));
	failed = run(&h);
	if (h.primary.n != 0 && pair_compare(&h.world.items, &h.primary, &h.backup,
					     (unsigned)h.compare_ms, &pair, stderr) == -1)
		failed = -1;
	report(&h, "counts", h.primary.n != 0 ? &pair : NULL);
	for (unsigned i = 0; i <= h.clients; i++)
		session_free(&h.session[i]);
	halves_free(&h.halves);
	story_free(h.world.story);
	return failed == -1 ? 1 : 0;
}
