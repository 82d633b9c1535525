/* memvip-vip-check: may this node hold the VIP? A vrrp_script for keepalived. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "boot.h"
#include "conf.h"
#include "frozen.h"
#include "holddown.h"
#include "holder.h"
#include "keepalived.h"
#include "log.h"
#include "memory.h"
#include "mono.h"
#include "probe.h"
#include "statedir.h"
#include "vip.h"

/* keepalived only tells 0 from the rest; scripts may want to know more. */
enum verdict { YES = 0, NO = 1, USAGE = 2, UNSURE = 3 };

#define STALE_PAUSE_MS	20  /* between two looks at a port that ought to be closed */
#define PEER_TIMEOUT_MS 250 /* does the other node serve? */

struct check {
	struct conf conf;
	struct addr vip;
	uint64_t deadline_ms; /* the modes' own: leaves time to write down what they found */
	int dir;	      /* run directory, -1: none */
	int looking;	      /* on a terminal: a person looks, nothing is written or logged */
	char why[1024];	      /* one line, without newline */
};

static int why(struct check *c, enum verdict v, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int
why(struct check *c, enum verdict v, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->why, sizeof(c->why), fmt, ap);
	va_end(ap);
	return (int)v;
}

static int
remaining_ms(const struct check *c)
{
	uint64_t now = mono_ms();

	return now < c->deadline_ms ? (int)(c->deadline_ms - now) : 0;
}

static void
pause_ms(unsigned ms)
{
	struct timespec ts = {0, (long)ms * 1000000};

	nanosleep(&ts, NULL);
}

static int
mode_vip(struct check *c)
{
	char ip[ADDR_TEXT_MAX];

	addr_ip(&c->vip, ip, sizeof(ip));
	switch (vip_query(&c->vip, NULL, remaining_ms(c))) {
	case VIP_HERE:
		return why(c, YES, "%s is here", ip);
	case VIP_ABSENT:
		return why(c, NO, "%s is not here", ip);
	case VIP_UNKNOWN:
		break;
	}
	return why(c, UNSURE, "cannot ask the kernel for %s: %s", ip, strerror(errno));
}

static int
mode_keepalived(struct check *c)
{
	pid_t pid;

	switch (keepalived_find(&pid)) {
	case 1:
		return why(c, YES, "keepalived runs (pid %d)", (int)pid);
	case 0:
		return why(c, NO, "no keepalived runs in this network namespace");
	default:
		return why(c, UNSURE, "cannot look for keepalived: %s", strerror(errno));
	}
}

/*
 * Adds the servers that are written as numbers, or those that are not, to the n probes. Returns
 * how many there are then, or -1 with c->why set.
 */
static int
servers_add(struct check *c, struct probe *probes, int n, enum addr_how how)
{
	const struct conf_list *lists[] = {&c->conf.servers, &c->conf.backups};

	for (unsigned l = 0; l < 2; l++) {
		for (unsigned i = 0; i < lists[l]->n; i++) {
			const char *text = lists[l]->value[i], *bad;
			struct addr_server s;
			int numeric = addr_parse_server(&s, text, 11211, ADDR_NUMERIC, &bad) == 0;

			if (numeric != (how == ADDR_NUMERIC))
				continue;
			if (!numeric &&
			    addr_parse_server(&s, text, 11211, ADDR_RESOLVE, &bad) == -1)
				return why(c, UNSURE, "%s: %s", text, bad), -1;
			probes[n++].to = s.addr;
		}
	}
	return n;
}

static int
mode_servers(struct check *c)
{
	static struct probe probes[PROBES_MAX];
	unsigned all = c->conf.servers.n + c->conf.backups.n;
	int n = servers_add(c, probes, 0, ADDR_NUMERIC), found = -1;

	if (all == 0)
		return why(c, USAGE, "no server is configured");
	/* A resolver that hangs must not keep those from being asked that need none. */
	if (n > 0)
		found =
		    probe_any(probes, (unsigned)n, &question_version,
			      c->deadline_ms - (n < (int)all ? (uint64_t)remaining_ms(c) / 2 : 0));
	if (found == -1 && n < (int)all) {
		if ((n = servers_add(c, probes, n, ADDR_RESOLVE)) == -1)
			return UNSURE;
		found = probe_any(probes, (unsigned)n, &question_version, c->deadline_ms);
	}
	if (found != -1)
		return why(c, YES, "%s answers", probes[found].to.text);
	why(c, NO, "no memcached answers");
	for (int i = 0; i < n; i++) {
		size_t at = strlen(c->why);

		snprintf(c->why + at, sizeof(c->why) - at, "; %s", probes[i].why);
	}
	return NO;
}

/* The VIP is not here: nobody may listen on it here, but a proxy has a moment to end. */
static int
still_serves(struct check *c, struct holder *h)
{
	for (;;) {
		if (holder_find(&c->vip, h) != 1 || h->wild)
			return 0;
		if (remaining_ms(c) <= 2 * STALE_PAUSE_MS)
			return 1;
		pause_ms(STALE_PAUSE_MS);
		if (vip_query(&c->vip, NULL, remaining_ms(c)) != VIP_ABSENT)
			return 0; /* back again: then it may listen */
	}
}

static int
peer_serves(const struct check *c)
{
	struct probe p = {.to = c->vip};
	uint64_t by = mono_ms() + PEER_TIMEOUT_MS;

	return probe_any(&p, 1, &question_stats_servers,
			 by < c->deadline_ms ? by : c->deadline_ms) == 0;
}

static int
without_vip(struct check *c, struct holddown *hold)
{
	struct holder h;
	uint64_t now = boot_ms();

	if (still_serves(c, &h)) {
		if (holder_name(&h))
			return why(c, NO, "the VIP is not here, but %s[%d] still listens on %s",
				   h.comm, (int)h.pid, c->vip.text);
		return why(c, NO,
			   "the VIP is not here, but a process of uid %u still listens on %s",
			   h.uid, c->vip.text);
	}
	switch (holddown_judge(hold, now)) {
	case HOLDDOWN_HELD:
		return why(c, NO, "held down for %.1f s more after failing with the VIP",
			   (double)(hold->until_ms - now) / 1000);
	case HOLDDOWN_WHILE_PEER_SERVES:
		if (peer_serves(c))
			return why(c, NO,
				   "failed with the VIP, and the other node serves it: held down "
				   "for %.1f s "
				   "more",
				   (double)(hold->peer_until_ms - now) / 1000);
		break;
	case HOLDDOWN_FREE:
		break;
	}
	return why(c, YES, "the VIP is not here, and nothing is left of it");
}

static int
mode_service(struct check *c)
{
	struct holddown hold, was;
	struct probe p = {.to = c->vip};
	uint64_t start = mono_ms();
	pid_t custodian;
	int v = mode_vip(c);

	if (v == UNSURE)
		return v;
	holddown_load(&hold, c->dir, &c->vip);
	if (v == NO)
		return without_vip(c, &hold);
	was = hold;
	if (frozen_custodian(c->conf.run_dir, &c->vip, &custodian)) {
		/* The FAULT that this leads to has a hook that replaces it. */
		v = why(c, NO, "the VIP is here, but memvip-notify's custodian[%d] is frozen",
			(int)custodian);
		holddown_failed(&hold, boot_ms());
	} else if (probe_any(&p, 1, &question_stats_servers, c->deadline_ms) == 0) {
		v = why(c, YES, "the VIP is here and %s answers (%llu ms)", c->vip.text,
			(unsigned long long)(mono_ms() - start));
		if (hold.fails > 0)
			holddown_answered(&hold, boot_ms());
	} else {
		/* A VIP that left meanwhile took its proxy with it: that is no failure. */
		if (vip_query(&c->vip, NULL, remaining_ms(c) + STALE_PAUSE_MS) == VIP_ABSENT)
			return why(c, YES, "the VIP has just left");
		v = why(c, NO, "the VIP is here, but no memvip-proxy answers: %s", p.why);
		holddown_failed(&hold, boot_ms());
	}
	if (!c->looking && memcmp(&hold, &was, sizeof(hold)) != 0)
		(void)holddown_save(&hold, c->dir, &c->vip);
	return v;
}

struct mode {
	const char *name;
	int (*run)(struct check *c);
	int needs_vip;
	const char *help;
};

static const struct mode modes[] = {
    {"service", mode_service, 1, "may this node hold the VIP? (default; for vrrp_script)"},
    {"servers", mode_servers, 0, "does a memcached answer? (for a vrrp_script with a weight)"},
    {"vip", mode_vip, 1, "is the VIP here?"},
    {"keepalived", mode_keepalived, 0, "does keepalived run?"},
};
#define MODES_N (sizeof(modes) / sizeof(modes[0]))

static volatile sig_atomic_t verdict_by_deadline = UNSURE;

/* Something hangs that no timeout reaches: a full disk's queue, a resolver, syslog. */
static void
on_deadline(int sig)
{
	static const char text[] = "memvip-vip-check: something hangs: the deadline has passed\n";

	(void)sig;
	if (verdict_by_deadline == UNSURE && write(STDERR_FILENO, text, sizeof(text) - 1) == -1)
		_exit(UNSURE);
	_exit(verdict_by_deadline);
}

static void
deadline_set(uint64_t ms)
{
	struct itimerval it = {{0, 0}, {(time_t)(ms / 1000), (suseconds_t)(ms % 1000) * 1000}};

	setitimer(ITIMER_REAL, &it, NULL);
}

/* Signals may have been inherited blocked or ignored; SIGTERM must end this, and never by exit 0. */
static void
signals_set(void)
{
	struct sigaction sa = {.sa_handler = on_deadline};
	sigset_t none;

	sigemptyset(&none);
	sigaction(SIGALRM, &sa, NULL);
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* A socket that got the number of a closed stdout would be written to. */
static void
stdio_fill(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd != -1)
		close(fd);
}

static void
help(void)
{
	puts("usage: memvip-vip-check [options] [mode]\n\nmodes:");
	for (size_t i = 0; i < MODES_N; i++)
		printf("  %-12s %s\n", modes[i].name, modes[i].help);
	puts("\noptions:");
	conf_help(CONF_CHECK, stdout);
	puts("\nexit: 0 yes, 1 no, 2 usage or configuration, 3 could not find out");
}

/* Which mode the operands name; NULL with c->why set when that is not one. */
static const struct mode *
mode_find(struct check *c, int n, char **operands)
{
	const char *name = n > 0 ? operands[0] : "service";

	for (size_t i = 0; i < MODES_N && n <= 1; i++)
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	if (n > 1)
		why(c, USAGE, "'%.64s': one mode at most, after the options", operands[1]);
	else
		why(c, USAGE, "'%.64s': no such mode (service, servers, vip, keepalived)", name);
	return NULL;
}

/* Reads the file, and what the mode needs of it. Returns 0, or USAGE with c->why set. */
static int
configure(struct check *c, const struct mode *mode)
{
	struct conf *conf = &c->conf;
	const char *file = conf->file != NULL ? conf->file : CONF_FILE_DEFAULT;
	/* Without the default file the command line may say all that is needed. */
	int optional = conf->file == NULL && access(file, F_OK) == -1;

	if (!optional && conf_file(conf, CONF_CHECK, file) == -1)
		return why(c, USAGE, "%s", conf->err);
	if (!mode->needs_vip)
		return 0;
	if (conf->listen == NULL && optional)
		return why(c, USAGE, "no VIP: neither -l nor %s is there", file);
	if (conf->listen == NULL)
		return why(c, USAGE, "%s: no listen line, so no VIP", file);
	if (conf->port == 0)
		return why(c, USAGE, "port: 0 has nothing to check");
	if (conf_vip(conf, &c->vip) == -1)
		return why(c, USAGE, "%s", conf->err);
	if (strcmp(conf->listen, "0.0.0.0") == 0 || strcmp(conf->listen, "::") == 0)
		return why(c, USAGE, "listen: %s is every address, not a VIP", conf->listen);
	return 0;
}

static const char *const answers[] = {[YES] = "yes", [NO] = "no", [UNSURE] = "unsure"};

/* Tells the person, or the log when there is news for it. mode: NULL after a bad command line. */
static void
report(struct check *c, const struct mode *mode, int v)
{
	if (v == USAGE) {
		fprintf(stderr, "memvip-vip-check: %s\n", c->why);
		if (!c->looking && memory_error(c->dir, c->why))
			log_warnx("%s", c->why);
		return;
	}
	if (c->looking || c->conf.verbose > 0)
		printf("%s: %s\n", answers[v], c->why);
	if (!c->looking &&
	    memory_verdict(c->dir, mode->name, mode->needs_vip ? &c->vip : NULL, v == YES))
		log_warnx("%s: %s: %s", mode->name, answers[v], c->why);
}

int
main(int argc, char **argv)
{
	static struct check c;
	const struct mode *mode = NULL;
	uint64_t start_ms = mono_ms(), elapsed_ms, ms, margin;
	int operand, v = USAGE, err = 0;

	stdio_fill();
	signals_set();
	umask(022); /* keepalived's own would take even the owner's right to enter a directory */
	conf_init(&c.conf);
	deadline_set(c.conf.check_timeout_ms);
	c.looking = isatty(STDOUT_FILENO);
	c.dir = -1;
	log_init("memvip-vip-check", LOG_DEST_SYSLOG, 0);

	if ((operand = conf_args(&c.conf, CONF_CHECK, argc, argv)) == -1) {
		why(&c, USAGE, "%s", c.conf.err);
	} else if (c.conf.help) {
		help();
		return 0;
	} else if (c.conf.version) {
		puts("memvip-vip-check " VERSION);
		return 0;
	} else if ((mode = mode_find(&c, argc - operand, argv + operand)) != NULL) {
		v = configure(&c, mode);
	}

	ms = c.conf.check_timeout_ms;
	elapsed_ms = mono_ms() - start_ms;
	deadline_set(ms > elapsed_ms ? ms - elapsed_ms : 1);
	margin = ms / 10 < 50 ? ms / 10 : 50;
	c.deadline_ms = start_ms + ms - margin;
	c.dir = statedir_open(c.conf.run_dir, c.looking ? STATEDIR_LOOK : STATEDIR_MAKE, &err);
	if (err != 0)
		log_warnx("cannot write to %s: %s: the hold-down is kept in /dev/shm, where "
			  "memvip-notify does not clear it",
			  c.conf.run_dir, strerror(err));
	if (v == 0)
		v = mode->run(&c);
	verdict_by_deadline = v;
	report(&c, mode, v);
	conf_free(&c.conf);
	return fflush(stdout) == 0 ? v : (v != YES ? v : UNSURE);
}
