/* custodian: the process that keeps one proxy where the VIP is. See custodian.h. */
#include "custodian.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clients.h"
#include "ctl.h"
#include "log.h"
#include "mono.h"
#include "supervisor.h"
#include "title.h"

struct custodian {
	struct supervisor supervisor;
	struct clients clients;
	int signal_fd;
};

/* ---- descriptors into events ---- */

enum { AT_SIGNAL, AT_ADDRESS, AT_KEEPALIVED, AT_HOLDER, AT_LIFE, AT_ERR, AT_LISTEN, AT_CLIENTS };

static void
signals_read(struct custodian *c)
{
	struct signalfd_siginfo si;
	int stop = 0, child = 0;

	while (read(c->signal_fd, &si, sizeof(si)) == sizeof(si)) {
		if (si.ssi_signo == SIGCHLD)
			child = 1;
		else if (si.ssi_signo == SIGUSR1)
			log_toggle();
		else
			stop = 1;
	}
	/* The stop first: whoever ends the whole group wants no new proxy in the place of the old. */
	if (stop)
		supervisor_happen(&c->supervisor, CUSTODY_STOP);
	if (child)
		supervisor_reap(&c->supervisor);
}

static void
answer(void *arg, const struct client *cl, char *buf, size_t size)
{
	supervisor_answer(arg, cl->reread, buf, size);
}

static unsigned
poll_fill(const struct custodian *c, struct pollfd *p)
{
	memset(p, 0, sizeof(*p) * AT_CLIENTS);
	p[AT_SIGNAL].fd = c->signal_fd;
	p[AT_ADDRESS].fd = c->supervisor.address.fd;
	p[AT_KEEPALIVED].fd = c->supervisor.keeper.fd;
	p[AT_HOLDER].fd = c->supervisor.port.fd;
	p[AT_LIFE].fd = c->supervisor.child.life_fd;
	p[AT_ERR].fd = c->supervisor.child.err_fd;
	for (unsigned i = 0; i < AT_LISTEN; i++)
		p[i].events = POLLIN;
	return AT_CLIENTS + clients_poll(&c->clients, &p[AT_LISTEN], p + AT_CLIENTS);
}

/* Milliseconds until something is due, for poll(2); -1: nothing is. */
static int
poll_timeout(const struct custodian *c)
{
	uint64_t next = supervisor_due_ms(&c->supervisor), now = mono_ms();

	if (clients_due_ms(&c->clients) < next)
		next = clients_due_ms(&c->clients);
	if (next == UINT64_MAX)
		return -1;
	return next > now ? (int)(next - now) : 0;
}

static void
turn(struct custodian *c)
{
	struct supervisor *s = &c->supervisor;
	struct pollfd p[AT_CLIENTS + CLIENTS_MAX];
	unsigned n = poll_fill(c, p);
	struct client *cl;
	struct order o;

	if (poll(p, n, poll_timeout(c)) == -1 && errno != EINTR)
		fatal("%s: poll", s->site.vip.text);
	/* First what the proxy said, then whether it lives: "ready" comes before its end. */
	if (p[AT_LIFE].revents != 0 && child_read_life(&s->child))
		supervisor_happen(s, CUSTODY_PROXY_READY);
	if (p[AT_ERR].revents != 0)
		supervisor_hear(s);
	if (p[AT_SIGNAL].revents != 0)
		signals_read(c);
	supervisor_watched(s, &p[AT_ADDRESS], &p[AT_KEEPALIVED], &p[AT_HOLDER]);
	supervisor_tick(s);
	/* From the end: a client that goes is replaced by the last one. */
	for (unsigned i = n - AT_CLIENTS; i-- > 0;)
		if (p[AT_CLIENTS + i].revents != 0 &&
		    (cl = clients_read(&c->clients, i, &o)) != NULL)
			cl->reread = supervisor_order(s, &o);
	if (p[AT_LISTEN].revents != 0)
		clients_accept(&c->clients);
	clients_answer(&c->clients, supervisor_settled(s), answer, s);
}

/* ---- birth and end ---- */

static void
signals_open(struct custodian *c)
{
	sigset_t set;

	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_SETMASK, &set, NULL);
	c->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static _Noreturn void
custodian_run(const struct site *site, const struct order *order, const struct state *was, int dir,
	      int listen_fd)
{
	static struct custodian c; /* some 20 KiB, for the one time that this function is entered */
	char title[ADDR_TEXT_MAX + 32];
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	for (int fd = STDIN_FILENO; null_fd != -1 && fd <= STDERR_FILENO; fd++)
		dup2(null_fd, fd);
	if (null_fd != -1)
		close(null_fd);
	if (chdir("/") == -1)
		log_warn("/");
	log_to(LOG_DEST_SYSLOG);
	snprintf(title, sizeof(title), "memvip-notify: custodian of %s", site->vip.text);
	title_set(title);

	signals_open(&c);
	/* Listens in its own name, so that a hook can see by the socket who it is (SO_PEERCRED). */
	if (c.signal_fd == -1 || listen(listen_fd, SOMAXCONN) == -1 ||
	    supervisor_begin(&c.supervisor, site, was, dir, &order->keepalived) == -1)
		fatal("%s: cannot begin", site->vip.text);
	clients_init(&c.clients, c.supervisor.site.vip.text, listen_fd);
	supervisor_look(&c.supervisor);

	while (c.supervisor.state != CUSTODY_GONE)
		turn(&c);
	supervisor_end(&c.supervisor);
	ctl_remove(dir, site->key);
	clients_end(&c.clients);
	exit(0);
}

int
custodian_start(const struct site *site, const struct order *order, const struct state *was,
		int dir, int lock_fd)
{
	int listen_fd = ctl_listen(dir, site->key), saved;
	pid_t pid;

	fflush(NULL); /* or it would be written twice */
	pid = listen_fd != -1 ? fork() : -1;
	if (pid == -1) {
		saved = errno;
		if (listen_fd != -1)
			close(listen_fd);
		errno = saved;
		return -1;
	}
	if (pid == 0) {
		/*
		 * A session of its own: keepalived signals the hook's process group. And a second
		 * fork: not its leader, and nobody's child. lock_fd stays open, that is the lock.
		 */
		(void)lock_fd;
		if (setsid() == -1 || (pid = fork()) == -1)
			_exit(1);
		if (pid != 0)
			_exit(0);
		custodian_run(site, order, was, dir, listen_fd);
	}
	close(listen_fd);
	while (waitpid(pid, &saved, 0) == -1 && errno == EINTR)
		;
	if (WIFEXITED(saved) && WEXITSTATUS(saved) == 0)
		return 0;
	errno = EAGAIN;
	return -1;
}
