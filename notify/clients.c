/* clients: the hooks that wait for the custodian's answer. See clients.h. */
#include "clients.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"
#include "log.h"
#include "mono.h"

#define ANSWER_MS   2500 /* a hook is answered by then, settled or not */
#define ACCEPTS_MAX 16	 /* in one turn */

void
clients_init(struct clients *cs, const char *custody, int listen_fd)
{
	memset(cs, 0, sizeof(*cs));
	cs->custody = custody;
	cs->listen_fd = listen_fd;
}

unsigned
clients_poll(const struct clients *cs, struct pollfd *listener, struct pollfd *at)
{
	*listener = (struct pollfd){cs->n < CLIENTS_MAX ? cs->listen_fd : -1, POLLIN, 0};
	for (unsigned i = 0; i < cs->n; i++)
		at[i] = (struct pollfd){cs->at[i].fd, POLLIN, 0};
	return cs->n;
}

uint64_t
clients_due_ms(const struct clients *cs)
{
	uint64_t next = UINT64_MAX;

	for (unsigned i = 0; i < cs->n; i++)
		if (cs->at[i].deadline_ms < next)
			next = cs->at[i].deadline_ms;
	return next;
}

static void
client_drop(struct clients *cs, unsigned i)
{
	close(cs->at[i].fd);
	cs->at[i] = cs->at[--cs->n];
}

void
clients_accept(struct clients *cs)
{
	for (unsigned i = 0; i < ACCEPTS_MAX && cs->n < CLIENTS_MAX; i++) {
		int fd = ctl_accept(cs->listen_fd);

		if (fd == -1)
			return;
		memset(&cs->at[cs->n], 0, sizeof(cs->at[0]));
		cs->at[cs->n].fd = fd;
		cs->at[cs->n].deadline_ms = mono_ms() + ANSWER_MS;
		cs->n++;
	}
}

struct client *
clients_read(struct clients *cs, unsigned i, struct order *o)
{
	struct client *cl = &cs->at[i];
	char text[ORDER_TEXT_MAX];
	ssize_t n = ctl_recv(cl->fd, text, sizeof(text));

	if (n == -1 && errno == EAGAIN)
		return NULL;
	if (n > 0 && !cl->asked && order_parse(o, text) == 0) {
		cl->asked = 1;
		cl->what = o->what;
		cl->deleted = order_deletes(o);
		return cl;
	}
	if (n > 0)
		log_warnx("%s: an order that is none on the control socket", cs->custody);
	client_drop(cs, i);
	return NULL;
}

void
clients_answer(struct clients *cs, int settled,
	       void (*answer)(void *arg, const struct client *cl, char *buf, size_t size),
	       void *arg)
{
	char text[CTL_ANSWER_MAX];
	uint64_t now = mono_ms();

	for (unsigned i = cs->n; i-- > 0;) {
		const struct client *cl = &cs->at[i];
		int late = cl->deadline_ms <= now;

		if (cl->asked && (late || (cl->what != ARGS_STOP && settled))) {
			answer(arg, cl, text, sizeof(text));
			(void)ctl_send(cl->fd, text);
			client_drop(cs, i);
		} else if (late) {
			client_drop(cs, i);
		}
	}
}

void
clients_end(struct clients *cs)
{
	while (cs->n > 0) {
		const struct client *cl = &cs->at[cs->n - 1];

		if (cl->asked && cl->what == ARGS_STOP)
			(void)ctl_send(cl->fd, "ok stopped, until the next hook or sync");
		else if (cl->asked && cl->deleted)
			(void)ctl_send(cl->fd, "ok ended: the instance was deleted");
		client_drop(cs, cs->n - 1);
	}
}
