/* lookup: host names are looked up by a child process. See lookup.h. */
#include "lookup.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io.h"
#include "log.h"
#include "timer.h"

/* What the child writes, and nothing after it. */
struct answer {
	char why[256]; /* empty: addrs is good */
	struct farm_addrs addrs;
};

static struct io answers;
static struct timer patience;
static pid_t child;	/* -1: none could be made */
static uint8_t running; /* an answer is waited for */
static struct answer answer;
static size_t got; /* bytes of it */
static void (*on_done)(const struct farm_addrs *addrs, const char *why);

void
lookup_stop(void)
{
	if (!running)
		return;
	running = 0;
	if (child != -1)
		kill(child,
		     SIGKILL); /* it may hang in the resolver; lookup_start(): who reaps it */
	timer_stop(&patience);
	io_close(&answers);
}

static void
lookup_end(const struct farm_addrs *addrs, const char *why)
{
	lookup_stop();
	on_done(addrs, why);
}

static size_t
lookup_data(struct io *io, const struct io_window *w)
{
	size_t n = w->len < sizeof(answer) - got ? w->len : sizeof(answer) - got;

	(void)io;
	memcpy((char *)&answer + got, w->p, n);
	got += n;
	if (got == sizeof(answer) && running)
		lookup_end(answer.why[0] == '\0' ? &answer.addrs : NULL, answer.why);
	return w->len;
}

static void
lookup_event(struct io *io, enum io_event ev)
{
	(void)io;
	if ((ev == IO_EOF || ev == IO_ERROR) && running)
		lookup_end(NULL, "the look-up of host names has failed");
}

static const struct io_ops lookup_ops = {.event = lookup_event, .data = lookup_data};

static void
lookup_on_patience(struct timer *t, void *arg)
{
	(void)t;
	(void)arg;
	lookup_end(NULL, "the resolver does not answer for a host name");
}

/* In the child: none of the clients' connections is to stay open for its sake. */
static _Noreturn void
lookup_run(const struct conf *conf, int fd)
{
	const char *p = (const char *)&answer;
	size_t left = sizeof(answer);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (long i = sysconf(_SC_OPEN_MAX) - 1; i > STDERR_FILENO; i--)
		if (i != fd)
			close((int)i);
	memset(&answer, 0, sizeof(answer));
	if (farm_lookup(&answer.addrs, conf, answer.why, sizeof(answer.why)) == 0)
		answer.why[0] = '\0';
	while (left > 0) {
		ssize_t n = write(fd, p, left);
		if (n <= 0)
			_exit(1);
		p += n;
		left -= (size_t)n;
	}
	_exit(0);
}

void
lookup_start(const struct conf *conf, void (*done)(const struct farm_addrs *addrs, const char *why))
{
	sigset_t all, were;
	int ends[2];

	on_done = done;
	got = 0;
	timer_setup(&patience, lookup_on_patience, NULL);
	io_setup(&answers, &lookup_ops);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		fatal("cannot make a socket pair");
	signal(SIGCHLD, SIG_IGN); /* nobody waits for it */
	/* The handlers tell the loop, which is the parent's: the child hears no signal. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &were);
	child = fork();
	if (child == 0)
		lookup_run(conf, ends[1]);
	sigprocmask(SIG_SETMASK, &were, NULL);
	close(ends[1]);
	/* (Without a child the answer is the end-of-file that is there at once.) */
	running = 1;
	fcntl(ends[0], F_SETFL, O_NONBLOCK);
	io_open(&answers, ends[0]);
	timer_set(&patience, LOOKUP_MS);
}
