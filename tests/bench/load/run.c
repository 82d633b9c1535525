/* run: the phases, and the loop. See run.h. */
#include "run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "answer.h"
#include "clock.h"
#include "log.h"
#include "session.h"
#include "source.h"
#include "tally.h"

#define EVENTS	  512
#define LOOK_MS	  20 /* how often the end of a phase is looked for, where no answer tells */
#define CHECK_NS  500000000u
#define SPARE_FDS 64

/* run_load() runs once in a process. */
static struct run *run;
static struct source source;
static struct session *sessions; /* those that work, then the idle ones */
static uint64_t outstanding;
static uint64_t measure_from_ns = UINT64_MAX, measure_to_ns = UINT64_MAX;
static uint64_t ticked; /* requests of the schedule whose time has come */
static int epfd, timer;
static volatile sig_atomic_t told_to_stop;

static void
on_signal(int sig)
{
	(void)sig;
	told_to_stop = 1;
}

static int
is_measured(uint64_t ns)
{
	return ns >= measure_from_ns && ns < measure_to_ns;
}

/* ---- what the sessions ask ---- */

static int
on_next(struct session *s, uint64_t now_ns, struct op *op)
{
	/* The idle ones: one get each, while nobody else asks. */
	if (s->n >= run->work->conns) {
		if (!run->idle_asks || s->begun > 0)
			return -1;
		*op = (struct op){.due_ns = now_ns, .n_keys = 1, .is_get = 1};
	} else if (source_next(&source, s->n, s->begun, now_ns, op) == -1) {
		return -1;
	}
	outstanding++;
	if (is_measured(op->due_ns))
		hist_add(&run->lateness, now_ns - op->due_ns);
	return 0;
}

static void
on_answered(const struct op *op, uint64_t now_ns)
{
	outstanding--;
	tally.gets += op->is_get;
	tally.sets += !op->is_get;
	if (is_measured(op->due_ns))
		hist_add(&run->latency, now_ns - op->due_ns);
}

static void
on_broken(unsigned n_ops)
{
	outstanding -= n_ops;
}

/* ---- the loop ---- */

static int
all_broken(void)
{
	for (unsigned i = 0; i < run->work->conns + run->work->idle; i++)
		if (sessions[i].fd != -1)
			return 0;
	return 1;
}

static void
check_sessions(uint64_t now_ns)
{
	static uint64_t next_ns;

	if (now_ns < next_ns)
		return;
	next_ns = now_ns + CHECK_NS;
	for (unsigned i = 0; i < run->work->conns + run->work->idle; i++)
		session_check(&sessions[i], now_ns);
}

/* Lets begin what the schedule has become due for, and sets the timer to the next. */
static void
tick(uint64_t now_ns)
{
	static uint64_t armed_ns;
	struct itimerspec at = {{0, 0}, {0, 0}};
	uint64_t due_ns;

	while ((due_ns = source_due_ns(&source, ticked)) <= now_ns)
		session_go(&sessions[ticked++ % run->work->conns], now_ns);
	if (due_ns == armed_ns)
		return;
	armed_ns = due_ns;
	at.it_value.tv_sec = (time_t)(due_ns / 1000000000u);
	at.it_value.tv_nsec = (long)(due_ns % 1000000000u);
	if (timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL) == -1)
		fatal("timerfd_settime");
}

/* Waits for events and works them off. Returns the time. */
static uint64_t
turn(void)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(epfd, ev, EVENTS, LOOK_MS);
	uint64_t now_ns;

	if (n == -1 && errno != EINTR)
		fatal("epoll_wait");
	for (int i = 0; i < n; i++)
		if (ev[i].data.ptr != NULL)
			session_ready(ev[i].data.ptr, ev[i].events);
	now_ns = clock_ns();
	if (source_is_paced(&source) && now_ns < measure_to_ns)
		tick(now_ns);
	check_sessions(now_ns);
	return now_ns;
}

/* ---- the phases ---- */

static void
listen_to(struct session *s)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
				 .data.ptr = s};

	if (epoll_ctl(epfd, EPOLL_CTL_ADD, s->fd, &ev) == -1)
		fatal("epoll_ctl");
}

static void
open_all(void)
{
	unsigned n = run->work->conns + run->work->idle;
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
	struct rlimit fds;

	if (getrlimit(RLIMIT_NOFILE, &fds) == 0 && fds.rlim_cur < n + SPARE_FDS) {
		fds.rlim_cur = n + SPARE_FDS;
		if (fds.rlim_max < fds.rlim_cur)
			fds.rlim_max = fds.rlim_cur;
		if (setrlimit(RLIMIT_NOFILE, &fds) == -1)
			fatal("%u open files", n + SPARE_FDS);
	}
	epfd = epoll_create1(EPOLL_CLOEXEC);
	timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	sessions = calloc(n, sizeof(*sessions));
	if (epfd == -1 || timer == -1 || sessions == NULL ||
	    epoll_ctl(epfd, EPOLL_CTL_ADD, timer, &ev) == -1)
		fatal("cannot begin");
	for (unsigned i = 0; i < n; i++) {
		session_open(&sessions[i], i);
		listen_to(&sessions[i]);
	}
}

/* From now on this is asked. */
static uint64_t
begin(enum source_kind kind, uint64_t left)
{
	uint64_t now_ns = clock_ns();

	source_begin(&source, kind, left, now_ns);
	ticked = 0;
	for (unsigned i = 0; i < run->work->conns; i++)
		sessions[i].begun = 0;
	for (unsigned i = 0; i < run->work->conns && !source_is_paced(&source); i++)
		session_go(&sessions[i], now_ns);
	return now_ns;
}

/* Until all that was begun is answered, with a bound for the whole. Returns the time. */
static uint64_t
finish(void)
{
	uint64_t until_ns = clock_ns() + run->work->patience_ns, now_ns = clock_ns();

	while (outstanding > 0 && now_ns < until_ns)
		now_ns = turn();
	return now_ns;
}

static void
prepare(void)
{
	begin(SOURCE_EACH_KEY, UINT64_MAX);
	while (outstanding > 0 && !told_to_stop)
		turn();
}

static void
ask_idle(void)
{
	uint64_t now_ns = clock_ns();

	source_begin(&source, SOURCE_NOTHING, 0, now_ns);
	for (unsigned i = run->work->conns; i < run->work->conns + run->work->idle; i++)
		session_go(&sessions[i], now_ns);
	finish();
}

static uint64_t
own_cpu_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void
each_cpu(int (*what)(struct cputime *c))
{
	for (unsigned i = 0; i < run->n_cpu; i++)
		if (what(&run->cpu[i]) == -1) {
			tally_complain("process %d (%s) is gone", (int)run->cpu[i].pid,
				       run->cpu[i].name);
			tally.broken++;
		}
}

static void
measure(void)
{
	uint64_t now_ns = clock_ns(), until_ns = now_ns + run->warm_ns;

	if (run->warm_ns > 0)
		begin(SOURCE_MIX, UINT64_MAX);
	while (now_ns < until_ns && !told_to_stop && !all_broken())
		now_ns = turn();
	puts("going");
	fflush(stdout);
	tally.gets = tally.sets = tally.hits = 0;
	each_cpu(cputime_start);
	run->own_cpu_ns = own_cpu_ns();
	now_ns = measure_from_ns = clock_ns();
	if (run->warm_ns > 0)
		source.left = run->operations;
	else
		begin(SOURCE_MIX, run->operations);
	until_ns = now_ns + run->measure_ns;
	while (now_ns < until_ns && !told_to_stop && !all_broken() &&
	       (source.left > 0 || outstanding > 0))
		now_ns = turn();
	measure_to_ns = clock_ns();
	each_cpu(cputime_stop);
	run->own_cpu_ns = own_cpu_ns() - run->own_cpu_ns;
	run->ns = measure_to_ns - measure_from_ns;
	run->counted = tally;
}

/* Requests that were due and did not begin: late by as long as they have waited until now. */
static void
count_behind(void)
{
	const struct work *w = run->work;

	for (unsigned c = 0; c < w->conns && w->rate != 0 && source.left > 0; c++) {
		uint64_t n = sessions[c].begun, due_ns;

		for (; (due_ns = source_due_ns(&source, n * w->conns + c)) < measure_to_ns; n++) {
			if (!is_measured(due_ns))
				continue;
			hist_add(&run->latency, measure_to_ns - due_ns);
			run->behind++;
		}
	}
}

static void
drain(void)
{
	source.kind = SOURCE_NOTHING;
	finish();
	if (outstanding > 0) {
		tally_complain("%llu requests were not answered", (unsigned long long)outstanding);
		tally.broken++;
	}
}

int
run_load(struct run *r)
{
	static const struct session_ops ops = {on_next, on_answered, on_broken};
	const struct work *w = r->work;

	run = r;
	hist_clear(&r->latency);
	hist_clear(&r->lateness);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	/* The timer to the microsecond, not to the 50 that the kernel may add. */
	prctl(PR_SET_TIMERSLACK, 1);
	items_setup(&w->items);
	answer_setup(&w->items);
	source_setup(&source, w);
	session_init(w, &ops);
	open_all();
	if (r->prepare)
		prepare();
	if (r->idle_asks)
		ask_idle();
	measure();
	count_behind();
	drain();
	for (unsigned i = 0; i < w->conns + w->idle; i++)
		session_close(&sessions[i]);
	free(sessions);
	return tally.misses + tally.wrong + tally.errors + tally.broken > 0 ? -1 : 0;
}
