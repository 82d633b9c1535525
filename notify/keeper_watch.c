/* keeper_watch: the keepalived that holds the VIP. See keeper_watch.h. */
#include "keeper_watch.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "log.h"
#include "mono.h"

#define KEEPER_LOOK_MS 200 /* without pidfds: how often keepalived is looked for */

void
keeper_watch_init(struct keeper_watch *w, const char *custody)
{
	memset(w, 0, sizeof(*w));
	w->custody = custody;
	w->fd = -1;
}

void
keeper_watch_forget(struct keeper_watch *w)
{
	if (w->fd != -1)
		close(w->fd);
	w->fd = -1;
	memset(&w->id, 0, sizeof(w->id));
}

int
keeper_watch_alive(const struct keeper_watch *w)
{
	struct pollfd p = {w->fd, POLLIN, 0};

	if (w->id.pid == 0)
		return 0;
	if (w->fd != -1)
		return poll(&p, 1, 0) == 0;
	return ident_alive(&w->id);
}

int
keeper_watch_adopt(struct keeper_watch *w, const struct ident *id)
{
	int fd = ident_open(id);

	if (fd == -1 && errno == ESRCH)
		return 0;
	if (fd == -1 && errno != ENOSYS)
		log_warn("%s: keepalived[%d] is watched in /proc, there is no pidfd for it",
			 w->custody, (int)id->pid);
	keeper_watch_forget(w);
	w->id = *id;
	w->fd = fd;
	log_debug("%s: watching keepalived[%d]", w->custody, (int)id->pid);
	return 1;
}

int
keeper_watch_offer(struct keeper_watch *w, const struct order *o)
{
	if (o->keepalived.pid == 0 || ident_equal(&o->keepalived, &w->id))
		return 0;
	if (keeper_watch_alive(w) &&
	    (!o->by_ancestry || o->keepalived.start_ticks < w->id.start_ticks))
		return 0;
	return keeper_watch_adopt(w, &o->keepalived);
}

int
keeper_watch_ended(struct keeper_watch *w, int revents)
{
	/* Asked again: since poll(2) another one may have come to be watched. */
	if ((revents == 0 && w->fd != -1) || w->id.pid == 0 || keeper_watch_alive(w))
		return 0;
	log_info("%s: keepalived[%d] has ended", w->custody, (int)w->id.pid);
	keeper_watch_forget(w);
	return 1;
}

uint64_t
keeper_watch_due_ms(const struct keeper_watch *w)
{
	return w->id.pid != 0 && w->fd == -1 ? mono_ms() + KEEPER_LOOK_MS : UINT64_MAX;
}
