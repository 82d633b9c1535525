/* memvip-proxy: the order of start-up and of the end, nothing else. */
#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "blob.h"
#include "client.h"
#include "conf.h"
#include "farm.h"
#include "fill.h"
#include "flush.h"
#include "gate.h"
#include "io.h"
#include "life.h"
#include "listener.h"
#include "log.h"
#include "metrics.h"
#include "options.h"
#include "priv.h"
#include "reload.h"
#include "report.h"
#include "req.h"
#include "spare.h"
#include "submit.h"
#include "sweep.h"
#include "timer.h"

/* How often memory that a burst has left behind is looked for. */
#define TIDY_MS 500
/* Past --drain: for the servers to take their last markers. */
#define LAST_MS 50

enum { EXIT_CANNOT = 1, EXIT_USAGE = 2 };

static const char ident[] = "memvip-proxy";
static struct conf conf;
static struct farm farm;
static struct gate gate = {.opened = client_gate_opened};
static struct timer drain_timer, tidy_timer;
static int draining, closing, ended, exit_status;

/* Says why and exits. Under a custodian stderr leads nowhere: then syslog hears it too. */
static _Noreturn void
die(int status, const char *why)
{
	fprintf(stderr, "%s: %s\n", ident, why);
	if (conf.life_fd != 0) {
		openlog(ident, LOG_PID, LOG_DAEMON);
		syslog(LOG_ERR, "%s", why);
	}
	exit(status);
}

/* ---- start ---- */

static void
read_options(int argc, char **argv)
{
	int first;

	first = options_read(&conf, NULL, argc, argv);
	if (first == -1)
		die(EXIT_USAGE, conf.err);
	if (conf.help) {
		printf("Usage: memvip-proxy [-c FILE] [options]\n"
		       "One address in front of two memcached servers; see memvip-proxy(8).\n\n");
		conf_help(CONF_PROXY, stdout);
		exit(0);
	}
	if (conf.version) {
		printf("memvip-proxy %s\n", VERSION);
		exit(0);
	}
	if (first < argc) {
		char why[256];
		snprintf(why, sizeof(why), "'%.200s': takes no operands", argv[first]);
		die(EXIT_USAGE, why);
	}
}

/* Opened while we may, written when the process id is known. Returns a descriptor or -1. */
static int
open_pidfile(void)
{
	char why[512];
	int fd;

	if (conf.pidfile == NULL)
		return -1;
	fd = open(conf.pidfile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd == -1) {
		snprintf(why, sizeof(why), "pidfile: '%.400s': %s", conf.pidfile, strerror(errno));
		die(EXIT_CANNOT, why);
	}
	return fd;
}

static void
write_pidfile(int fd)
{
	if (fd == -1)
		return;
	if (dprintf(fd, "%ld\n", (long)getpid()) < 0)
		log_warn("pidfile: cannot write to %s", conf.pidfile);
	close(fd);
}

/* The sockets are open: nothing that is still to be done needs a privilege. */
static void
drop_privileges(void)
{
	struct priv_ids ids;
	const char *why;
	char line[256];
	int asked = priv_lookup(&ids, conf.user, conf.group, &why);

	if (asked == -1) {
		snprintf(line, sizeof(line), "user %s, group %s: %s",
			 conf.user != NULL ? conf.user : "-", conf.group != NULL ? conf.group : "-",
			 why);
		die(EXIT_USAGE, line);
	}
	priv_bound();
	if ((asked && priv_drop(&ids, &why) == -1) || priv_shed(&why) == -1) {
		snprintf(line, sizeof(line), "user %s: %s: %s", conf.user != NULL ? conf.user : "-",
			 why, strerror(errno));
		die(EXIT_CANNOT, line);
	}
}

/* As magent does. The sockets listen already: the parent may tell its caller that all is well. */
static void
go_to_background(void)
{
	int null;

	fflush(NULL);
	switch (fork()) {
	case -1:
		die(EXIT_CANNOT, "cannot fork");
	case 0:
		break;
	default:
		_exit(0);
	}
	setsid();
	if (chdir("/") == -1)
		log_warn("cannot leave the working folder for /");
	null = open("/dev/null", O_RDWR);
	if (null != -1) {
		dup2(null, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		dup2(null, STDERR_FILENO);
		if (null > STDERR_FILENO)
			close(null);
	}
}

static void
on_tidy(struct timer *t, void *arg)
{
	(void)arg;
	blob_tidy();
	spare_tidy();
	log_tick();
	timer_set(t, TIDY_MS);
}

/* ---- end ---- */

/* Is nothing under way to any server: no command, no repair, no copy? */
static int
is_quiet(void)
{
	return req_unanswered() == 0 && farm_is_quiet(&farm);
}

/* Nothing more will be written: the markers may say so. */
static void
close_farm(void)
{
	closing = 1;
	epoch_close(&farm.epoch);
	io_turn();
}

static void
on_drained(struct timer *t, void *arg)
{
	(void)arg;
	if (!closing && is_quiet()) { /* a client does not read its answers: its own loss */
		close_farm();
		timer_set(t, LAST_MS);
		return;
	}
	if (closing) {
		ended = 1;
		return;
	}
	log_warnx(
	    "%u commands were not answered within --drain (%llu ms): ending without them; the "
	    "next start looks at the servers as after a crash",
	    req_unanswered(), (unsigned long long)conf.drain_ms);
	ended = 1;
}

/* No new client, no new command; what was started is finished, for a while at most. */
static void
drain(const char *why)
{
	if (draining)
		return;
	draining = 1;
	log_info("ending: %s", why);
	listener_close();
	metrics_close();
	client_drain();
	reload_stop();
	sweep_stop();
	for (unsigned i = 0; i < farm.n; i++)
		fill_server(&farm.servers[i], 0);
	timer_setup(&drain_timer, on_drained, NULL);
	timer_set(&drain_timer, conf.drain_ms);
}

static void
on_closed(void)
{
	if (!reload_closed())
		ended = 1;
}

/* The servers are another proxy's: not a word more to them, and none to the clients. */
static void
on_give_up(int why_status, const char *why)
{
	if (why_status == EPOCH_REFUSED && reload_refused(why))
		return;
	log_warnx("%s", why);
	listener_close();
	metrics_close();
	exit_status = why_status;
	ended = 1;
}

static void
on_signal(evutil_socket_t sig, short what, void *arg)
{
	(void)what;
	(void)arg;
	timer_refresh();
	if (sig == SIGHUP && draining)
		log_info("SIGHUP: it is ending, the configuration is not read again");
	else if (sig == SIGHUP)
		reload_ask();
	else if (sig == SIGUSR1)
		log_toggle();
	else
		drain(sig == SIGTERM ? "SIGTERM" : "SIGINT");
}

static void
on_life_ended(void)
{
	drain("the custodian has gone or ends us");
}

static const int sigs[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1};
#define N_SIGS (sizeof(sigs) / sizeof(sigs[0]))

/* how: SIG_BLOCK, SIG_UNBLOCK. Whoever sees the port may end it in order: until it can, it waits. */
static void
hold_signals(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < N_SIGS; i++)
		sigaddset(&set, sigs[i]);
	sigprocmask(how, &set, NULL);
}

static void
watch_signals(struct event_base *base)
{
	static struct event evs[N_SIGS];

	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < N_SIGS; i++)
		if (evsignal_assign(&evs[i], base, sigs[i], on_signal, NULL) == -1 ||
		    event_add(&evs[i], NULL) == -1)
			fatalx("cannot watch signals");
}

static void
run(struct event_base *base)
{
	while (!ended) {
		event_base_loop(base, EVLOOP_ONCE);
		do
			io_turn();
		while (flush_turn() || client_turn() || reload_turn() || (!ended && io_look()));
		if (draining && !closing && is_quiet() && !client_owed())
			close_farm();
	}
	reload_stop();
	sweep_stop();
	client_close_all();
	farm_stop(&farm);
	do
		io_turn();
	while (flush_turn());
	flush_stop();
	fill_stop();
	farm_free(&farm);
}

int
main(int argc, char **argv)
{
	struct event_base *base;
	struct farm_addrs addrs;
	char why[512];
	int pidfile;

	log_init(ident, LOG_DEST_STDERR, 0);
	read_options(argc, argv);
	reload_init(&conf, &farm, &gate, argc, argv);
	log_set_verbose((int)conf.verbose);
	if (farm_lookup(&addrs, &conf, why, sizeof(why)) == -1 ||
	    farm_resolve(&farm, &conf, &addrs, why, sizeof(why)) == -1)
		die(EXIT_USAGE, why);
	if (conf.test_config) {
		printf("memvip-proxy: the configuration is good\n");
		return 0;
	}
	if (conf.foreground) /* whoever starts one in the background waits for that */
		hold_signals(SIG_BLOCK);
	listener_limit(options_raise_files(&conf, farm.n));
	switch (listener_open(&conf, why, sizeof(why))) {
	case 0:
		break;
	case -1:
		die(EXIT_CANNOT, why);
	default:
		die(EXIT_USAGE, why);
	}
	metrics_open(&conf, &farm);
	pidfile = open_pidfile();
	drop_privileges();
	if (!conf.foreground)
		go_to_background();
	if (!conf.foreground || conf.life_fd != 0)
		log_to(LOG_DEST_SYSLOG);
	write_pidfile(pidfile);

	base = event_base_new();
	if (base == NULL)
		fatalx("cannot make an event loop");
	timer_init(base);
	io_init(base);
	watch_signals(base);
	hold_signals(SIG_UNBLOCK);
	report_init();
	submit_init(&farm, &conf);
	fill_init(&farm, &conf);
	client_init(&conf, &farm, &gate);
	flush_init(&farm, &gate);
	farm.epoch.fill = fill_server;
	farm.epoch.give_up = on_give_up;
	farm.epoch.closed = on_closed;
	farm_start(&farm, &conf, &gate);
	sweep_start(&farm);
	listener_start(base, client_accept);
	metrics_start(base);
	timer_setup(&tidy_timer, on_tidy, NULL);
	timer_set(&tidy_timer, TIDY_MS);
	if (conf.life_fd != 0 && life_start((int)conf.life_fd, on_life_ended) == -1)
		fatal("life-fd %llu", (unsigned long long)conf.life_fd);
	log_info("serving on %s", listener_text());

	run(base);
	if (conf.pidfile != NULL)
		unlink(conf.pidfile);
	io_end();
	event_base_free(base);
	reload_free();
	conf_free(&conf);
	log_info("ended");
	return exit_status;
}
