/* ready: which connections have something to read, or room to write. See ready.h. */
#include "ready.h"

#include <event2/event_struct.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "moderation.h"
#include "stats.h"
#include "timer.h"

/* What one look finds at most. */
#define FOUND_MAX 64
/* A sleep may last so much longer; the kernel's own (50 us) is as long as the sleep. */
#define SLACK_NS 5000UL

static struct event event;
static int fd_of_all = -1;
static void (*on_ready)(struct ready *r, unsigned events);
static uint32_t look_number;
static unsigned looks_left;
static struct moderation moderation;

/* Returns how many were there. */
static int
look(void)
{
	struct epoll_event found[FOUND_MAX];
	int n = epoll_wait(fd_of_all, found, FOUND_MAX, 0);

	if (n <= 0)
		return 0;
	timer_refresh();
	moderation_found(&moderation, (unsigned)n, timer_now_us);
	look_number++;
	for (int i = 0; i < n; i++) {
		struct ready *r = found[i].data.ptr;
		unsigned what = 0;

		/* Whoever was before may have closed it, and have begun another one in its place. */
		if (r->since == look_number)
			continue;
		if (found[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP))
			what |= READY_READ;
		if (found[i].events & (EPOLLOUT | EPOLLERR | EPOLLHUP))
			what |= READY_WRITE;
		what &= r->events;
		if (what != 0)
			on_ready(r, what);
	}
	return n;
}

/* Libevent has nothing before it that is older. */
static void
on_event(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	/* One alone: there is little to do, and nothing more is likely to be there at once. */
	looks_left = look() > 1 || moderation.on ? READY_LOOKS : 0;
}

void
ready_took(size_t bytes, int full)
{
	moderation_read(&moderation, bytes, full);
}

void
ready_init(struct event_base *base, void (*on)(struct ready *r, unsigned events))
{
	on_ready = on;
	prctl(PR_SET_TIMERSLACK, SLACK_NS, 0UL, 0UL, 0UL);
	fd_of_all = epoll_create1(EPOLL_CLOEXEC);
	if (fd_of_all == -1 ||
	    event_assign(&event, base, fd_of_all, EV_READ | EV_PERSIST, on_event, NULL) == -1 ||
	    event_add(&event, NULL) == -1)
		fatal("cannot watch connections");
}

void
ready_end(void)
{
	event_del(&event);
	close(fd_of_all);
	fd_of_all = -1;
}

int
ready_want(struct ready *r, int fd, unsigned events)
{
	struct epoll_event e = {.data.ptr = r};
	int how = r->events == 0 ? EPOLL_CTL_ADD : events == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;

	if (events == r->events)
		return 0;
	if (events & READY_READ)
		e.events |= EPOLLIN;
	if (events & READY_WRITE)
		e.events |= EPOLLOUT;
	if (r->events == 0)
		r->since = look_number;
	r->events = (uint8_t)events;
	return epoll_ctl(fd_of_all, how, fd, &e);
}

int
ready_look(void)
{
	int n;

	if (looks_left == 0)
		return 0;
	looks_left--;
	if (moderation_sleeps(&moderation)) {
		const struct timespec moment = {0, MODERATION_SLEEP_US * 1000};
		nanosleep(&moment, NULL);
		stats.sleeps++;
	}
	n = look();
	if (n <= 1 && !moderation.on)
		looks_left = 0;
	return n > 0;
}
