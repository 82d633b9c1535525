/* listener: the sockets that clients connect to. See listener.h. */
#include "listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addr.h"
#include "log.h"
#include "sock.h"
#include "stats.h"
#include "timer.h"

/* Any IPv4, any IPv6, and a unix socket. */
#define SOCKETS_MAX 3
/* Connections accepted in one turn of the loop from one socket: the others get theirs too. */
#define ACCEPT_MAX 64
/* Without descriptors accepting pauses for so long. */
#define ACCEPT_PAUSE_MS 100

static struct {
	int fd;
	int tcp;
	struct addr addr;
	struct event *ev;
} sockets[SOCKETS_MAX];
static unsigned n_sockets;
static char text[ADDR_TEXT_MAX * SOCKETS_MAX];
static uint64_t max_conns;
static void (*on_accept)(int fd);
static struct timer pause_timer;
static int told_full, told_files;

static int
listener_add(const struct addr *a, char *why, size_t size)
{
	int fd = sock_listen(a, SOMAXCONN);
	size_t n = strlen(text);

	if (fd == -1) {
		snprintf(why, size, "cannot listen on %s: %s", a->text, strerror(errno));
		return -1;
	}
	sockets[n_sockets].fd = fd;
	sockets[n_sockets].tcp = a->u.sa.sa_family != AF_UNIX;
	sockets[n_sockets].addr = *a;
	n_sockets++;
	snprintf(text + n, sizeof(text) - n, "%s%s", n > 0 ? " " : "", a->text);
	return 0;
}

/* A socket file that nobody listens on any more is in the way: it goes. */
static int
unix_clear(const struct addr *a, char *why, size_t size)
{
	struct stat st;
	int fd, rc;

	if (lstat(a->u.un.sun_path, &st) == -1)
		return 0; /* nothing there; bind() names any other trouble */
	if (!S_ISSOCK(st.st_mode)) {
		snprintf(why, size, "cannot listen on %s: there is a file that is no socket",
			 a->text);
		return -1;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	rc = fd == -1 ? -1 : connect(fd, &a->u.sa, a->len);
	if (fd != -1)
		close(fd);
	if (rc == 0) {
		snprintf(why, size, "cannot listen on %s: %s", a->text, strerror(EADDRINUSE));
		return -1;
	}
	unlink(a->u.un.sun_path);
	return 0;
}

int
listener_open(const struct conf *conf, char *why, size_t size)
{
	struct addr a;
	const char *reason;

	if (conf->port == 0 && conf->unix_path == NULL) {
		snprintf(why, size, "nothing to listen on: port 0 and no unix socket");
		return -2;
	}
	if (conf->port != 0) {
		if (addr_parse(&a, conf->listen != NULL ? conf->listen : "0.0.0.0",
			       (uint16_t)conf->port, ADDR_NUMERIC, &reason) == -1) {
			snprintf(why, size, "listen: '%s': %s", conf->listen, reason);
			return -2;
		}
		if (listener_add(&a, why, size) == -1)
			return -1;
		/* Without an address: IPv6 too, where the machine has it. */
		if (conf->listen == NULL &&
		    addr_parse(&a, "::", (uint16_t)conf->port, ADDR_NUMERIC, &reason) == 0 &&
		    listener_add(&a, why, size) == -1 && errno != EAFNOSUPPORT &&
		    errno != EADDRNOTAVAIL)
			return -1;
	}
	if (conf->unix_path != NULL) {
		if (addr_unix(&a, conf->unix_path, &reason) == -1) {
			snprintf(why, size, "unix: '%s': %s", conf->unix_path, reason);
			return -2;
		}
		if (unix_clear(&a, why, size) == -1 || listener_add(&a, why, size) == -1)
			return -1;
	}
	return 0;
}

static void
accept_pause(struct timer *t, void *arg)
{
	(void)t;
	(void)arg;
	for (unsigned i = 0; i < n_sockets; i++)
		event_add(sockets[i].ev, NULL);
}

static void
accept_stop_for_a_while(void)
{
	if (!told_files)
		log_warn("accept: no descriptor left (raise the limit on open files); pausing");
	told_files = 1;
	for (unsigned i = 0; i < n_sockets; i++)
		event_del(sockets[i].ev);
	timer_set(&pause_timer, ACCEPT_PAUSE_MS);
}

/* memcached's own words when it is full (-o maxconns_fast). */
static void
accept_refuse(int fd)
{
	static const char full[] = "ERROR Too many open connections\r\n";

	if (!told_full)
		log_warnx("%llu clients: no more are taken (raise --max-conns)",
			  (unsigned long long)max_conns);
	told_full = 1;
	stats.rejected_connections++;
	if (write(fd, full, sizeof(full) - 1) == -1) {
		/* It is closed either way. */
	}
	close(fd);
}

static void
listener_on_accept(evutil_socket_t sock, short what, void *arg)
{
	const int on = 1;
	unsigned i = (unsigned)(uintptr_t)arg;

	(void)what;
	for (int n = 0; n < ACCEPT_MAX; n++) {
		int fd = accept4(sock, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd == -1) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM)
				accept_stop_for_a_while();
			return;
		}
		if (stats_now.curr_connections >= max_conns) {
			accept_refuse(fd);
			continue;
		}
		if (sockets[i].tcp)
			setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		on_accept(fd);
	}
}

void
listener_limit(uint64_t clients)
{
	max_conns = clients;
	stats_now.max_connections = clients;
	told_full = 0;
}

void
listener_start(struct event_base *base, void (*accept_cb)(int fd))
{
	on_accept = accept_cb;
	timer_setup(&pause_timer, accept_pause, NULL);
	for (unsigned i = 0; i < n_sockets; i++) {
		sockets[i].ev = event_new(base, sockets[i].fd, EV_READ | EV_PERSIST,
					  listener_on_accept, (void *)(uintptr_t)i);
		if (sockets[i].ev == NULL || event_add(sockets[i].ev, NULL) == -1)
			fatalx("cannot watch %s", sockets[i].addr.text);
	}
}

void
listener_close(void)
{
	timer_stop(&pause_timer);
	for (unsigned i = 0; i < n_sockets; i++) {
		if (sockets[i].ev != NULL)
			event_free(sockets[i].ev);
		close(sockets[i].fd);
		if (!sockets[i].tcp)
			unlink(sockets[i].addr.u.un.sun_path);
	}
	n_sockets = 0;
}

const char *
listener_text(void)
{
	return text;
}
