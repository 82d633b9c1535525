/* port_watch: the foreign process that holds the proxy's port. See port_watch.h. */
#include "port_watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "holder.h"
#include "ident.h"
#include "log.h"

void
port_watch_init(struct port_watch *w)
{
	memset(w, 0, sizeof(*w));
	w->fd = -1;
}

void
port_watch_forget(struct port_watch *w)
{
	if (w->fd != -1)
		close(w->fd);
	w->fd = -1;
	w->pid = 0;
}

int
port_watch_look(struct port_watch *w, const struct addr *vip, char note[STATE_NOTE_MAX])
{
	struct holder h;
	struct ident id;
	pid_t was = w->pid;
	int found = holder_find(vip, &h), named = found == 1 && holder_name(&h);

	if (found == 1 && !named)
		snprintf(note, STATE_NOTE_MAX, "%s is held by an unknown process of uid %u",
			 vip->text, h.uid);
	if (named)
		snprintf(note, STATE_NOTE_MAX, "%s is held by %s[%d]", vip->text, h.comm,
			 (int)h.pid);
	if (named && h.pid == was)
		return 0;
	if (found == 1 && strcmp(w->said, note) != 0)
		log_warnx("%s", note);
	memcpy(w->said, note, sizeof(w->said));
	port_watch_forget(w);
	if (named && ident_of(h.pid, &id) == 0) {
		w->pid = h.pid;
		w->fd = ident_open(&id);
		if (w->fd != -1 || errno == ENOSYS)
			return 0;
	}
	return named || was != 0; /* it has just gone: no pause */
}
