/* reload: the configuration is read again. See reload.h. */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "client.h"
#include "fill.h"
#include "flush.h"
#include "io.h"
#include "listener.h"
#include "log.h"
#include "lookup.h"
#include "options.h"
#include "req.h"
#include "req_write.h"
#include "server.h"
#include "sweep.h"
#include "timer.h"

/* Past --timeout, by which a server that is silent is out: then it has to be quiet. */
#define QUIET_MS 1000

static struct conf *conf;
static struct farm *farm;
static struct gate *gate;
static int argc;
static char **argv;
static char *file; /* where the configuration is, from whatever folder */

static enum { IDLE, LOOKUP, QUIET, CLOSING, STARTING } step;
static struct conf next;	 /* from LOOKUP on: what is to be; in STARTING: what was */
static struct farm next_farm;	 /* in QUIET and CLOSING */
static struct farm_addrs before; /* in STARTING: where the servers of next are */
static char text[768];		 /* what has changed */
static char refusal[512];	 /* in STARTING: why it cannot be; empty: nothing is wrong */
static struct timer bound;
static uint64_t since_ms; /* of clients waiting */
static uint8_t closed;	  /* CLOSING is over, or has taken too long */
static uint8_t again;	  /* asked once more meanwhile */

void
reload_init(struct conf *c, struct farm *f, struct gate *g, int n, char **words)
{
	char *cwd;

	conf = c;
	farm = f;
	gate = g;
	argc = n;
	argv = words;
	if (conf->file == NULL || conf->file[0] == '/')
		return;
	cwd = getcwd(NULL, 0);
	if (cwd != NULL && asprintf(&file, "%s/%s", cwd, conf->file) == -1)
		file = NULL;
	free(cwd);
}

static void
reload_refuse(const char *why)
{
	log_warnx("SIGHUP: refused, nothing has changed: %s", why);
	conf_free(&next);
	step = IDLE;
}

/* What has changed, in words. Returns 1 when the lists have, 0 when only limits, -1: it may not. */
static int
reload_compare(void)
{
	struct conf_change ch = {.next = 0};
	size_t at = 0;
	int lists = 0;

	text[0] = '\0';
	while (conf_differs(conf, &next, CONF_PROXY, &ch)) {
		if (ch.fixed) {
			snprintf(text, sizeof(text),
				 "%s: cannot change while it runs (%s -> %s), a restart takes it",
				 ch.name, ch.was, ch.is);
			return -1;
		}
		lists |= ch.servers;
		if (at < sizeof(text))
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%s %s -> %s",
					       at > 0 ? ", " : "", ch.name, ch.was, ch.is);
	}
	return lists;
}

/* The limits are conf's from here on. */
static void
reload_limits(void)
{
	log_set_verbose((int)conf->verbose);
	listener_limit(options_raise_files(conf, farm->n));
	client_changed();
	fill_changed();
	req_write_changed(conf);
	for (unsigned i = 0; i < farm->n; i++)
		server_limits(&farm->servers[i], conf);
}

/* ---- other lists ---- */

/* Fills and sweeps rest, or go on. */
static void
reload_let_work(int on)
{
	for (unsigned i = 0; i < farm->n; i++) {
		struct server *s = &farm->servers[i];
		fill_server(s, on && replica_usable(&s->replica) &&
				   s->replica.state != REPLICA_CURRENT);
	}
	if (on)
		sweep_start(farm);
	else
		sweep_stop();
}

static void
reload_on_bound(struct timer *t, void *arg)
{
	(void)t;
	(void)arg;
	if (step == CLOSING) {
		closed = 1; /* the start looks at the markers as after a crash */
		return;
	}
	farm_free(&next_farm);
	reload_refuse("what was under way did not come to its end; try again");
	reload_let_work(1);
	gate_open(gate, GATE_RELOADING);
}

static void
reload_on_addrs(const struct farm_addrs *addrs, const char *why)
{
	char wrong[256];

	if (addrs == NULL) {
		reload_refuse(why);
		return;
	}
	if (farm_resolve(&next_farm, &next, addrs, wrong, sizeof(wrong)) == -1) {
		farm_free(&next_farm);
		reload_refuse(wrong);
		return;
	}
	step = QUIET;
	since_ms = timer_now_ms;
	gate_close(gate, GATE_RELOADING);
	reload_let_work(0);
	timer_setup(&bound, reload_on_bound, NULL);
	timer_set(&bound, conf->timeout_ms + QUIET_MS);
}

static void
reload_lists(void)
{
	struct farm_addrs addrs;
	char why[256];

	if (!farm_is_literal(&next)) {
		step = LOOKUP;
		lookup_start(&next, reload_on_addrs);
	} else if (farm_lookup(&addrs, &next, why, sizeof(why)) == -1) {
		reload_refuse(why);
	} else {
		reload_on_addrs(&addrs, NULL);
	}
}

/* next_farm takes farm's place, and starts with next as its configuration. */
static void
reload_swap(void)
{
	struct conf was = *conf;

	timer_stop(&bound);
	farm_succeed(&next_farm, farm);
	farm_stop(farm);
	do
		io_turn();
	while (flush_turn());
	fill_stop();
	farm_free(farm);
	*farm = next_farm;
	*conf = next;
	next = was;
	fill_init(farm, conf);
	reload_limits();
	farm_start(farm, conf, gate);
	sweep_start(farm);
	gate_open(gate, GATE_RELOADING); /* GATE_STARTING is closed */
	step = STARTING;
}

/* The new farm may not have its servers: back to the old lists, whose markers are as we left them. */
static void
reload_go_back(void)
{
	char why[256];

	log_warnx("SIGHUP: refused, back to the lists as they were: %s", refusal);
	if (farm_resolve(&next_farm, &next, &before, why, sizeof(why)) == -1)
		fatalx("the lists as they were: %s", why);
	refusal[0] = text[0] = '\0';
	reload_let_work(0);
	gate_close(gate, GATE_RELOADING);
	reload_swap();
}

static void
reload_done(void)
{
	conf_free(&next);
	step = IDLE;
	if (text[0] != '\0')
		log_info("SIGHUP: changed: %s; clients have waited for %llu ms", text,
			 (unsigned long long)(timer_now_ms - since_ms));
}

int
reload_turn(void)
{
	if (step == QUIET && req_unanswered() == 0 && flush_is_idle() && farm_is_quiet(farm)) {
		step = CLOSING;
		closed = 0;
		timer_set(&bound, conf->timeout_ms);
		epoch_close(&farm->epoch);
		return 1;
	}
	if (step == CLOSING && closed) {
		refusal[0] = '\0';
		farm_addrs(farm, &before);
		reload_swap();
		return 1;
	}
	if (step == STARTING && refusal[0] != '\0') {
		reload_go_back();
		return 1;
	}
	if (step == STARTING && (gate->closed & GATE_STARTING) == 0)
		reload_done();
	if (step == IDLE && again) {
		again = 0;
		reload_ask();
		return 1;
	}
	return 0;
}

int
reload_closed(void)
{
	closed = 1;
	return step == CLOSING;
}

int
reload_refused(const char *why)
{
	/* The lists as they were have been ours: that they are not is no question of a file. */
	if (step != STARTING || text[0] == '\0')
		return 0;
	snprintf(refusal, sizeof(refusal), "%s", why);
	return 1;
}

void
reload_stop(void)
{
	again = 0;
	if (step == LOOKUP)
		lookup_stop();
	if (step == QUIET || step == CLOSING) {
		timer_stop(&bound);
		farm_free(&next_farm);
		gate_open(gate, GATE_RELOADING);
	}
	if (step != IDLE)
		conf_free(&next);
	step = IDLE;
}

void
reload_free(void)
{
	free(file);
}

/* ---- all of it ---- */

void
reload_ask(void)
{
	int lists;

	if (step != IDLE) {
		again = 1;
		return;
	}
	if (options_read(&next, file, argc, argv) == -1) {
		snprintf(text, sizeof(text), "%s", next.err);
		reload_refuse(text);
		return;
	}
	lists = reload_compare();
	if (lists == -1) {
		reload_refuse(text);
	} else if (lists == 1) {
		reload_lists();
	} else if (text[0] == '\0') {
		log_info("SIGHUP: the configuration is as it was");
		conf_free(&next);
	} else {
		struct conf was = *conf;
		*conf = next;
		next = was;
		reload_limits();
		log_info("SIGHUP: changed: %s", text);
		conf_free(&next);
	}
}
