/* address_watch: the VIP in the kernel's address table. See address_watch.h. */
#include "address_watch.h"

#include <string.h>
#include <unistd.h>

#include "log.h"
#include "mono.h"

#define LOOK_MS 100 /* the kernel did not say where the VIP is: asked again after that */

int
address_watch_open(struct address_watch *w, const struct addr *vip)
{
	memset(w, 0, sizeof(*w));
	w->vip = vip;
	w->fd = vip_watch_open();
	return w->fd == -1 ? -1 : 0;
}

enum vip_state
address_watch_query(struct address_watch *w)
{
	enum vip_state state;

	w->again_ms = 0;
	if (w->fd == -1 && (w->fd = vip_watch_open()) == -1)
		w->again_ms = mono_ms() + LOOK_MS; /* better by the clock than blind */
	state = vip_query(w->vip, NULL, VIP_QUERY_LOOP_MS);
	if (state != VIP_UNKNOWN) {
		w->unknown_said = 0;
		return state;
	}
	if (!w->unknown_said)
		log_warn("%s: cannot ask the kernel for the VIP, trying again in %d ms",
			 w->vip->text, LOOK_MS);
	w->unknown_said = 1;
	w->again_ms = mono_ms() + LOOK_MS;
	return VIP_UNKNOWN;
}

int
address_watch_read(struct address_watch *w)
{
	int rc = vip_watch_read(w->fd, w->vip);

	if (rc != -1)
		return rc;
	if (!w->broke_said)
		log_warn("%s: the watch on the address table broke, opening it anew", w->vip->text);
	w->broke_said = 1;
	close(w->fd);
	w->fd = vip_watch_open();
	if (w->fd != -1)
		return 1;
	w->again_ms = mono_ms() + LOOK_MS;
	return 0;
}
