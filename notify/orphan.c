/* orphan: the VIP that a dead keepalived has left behind. See orphan.h. */
#include "orphan.h"

#include <stdio.h>

#include "log.h"
#include "vip.h"

#define ADDRESSES_MAX 8 /* the VIP on so many interfaces at most is taken away */

/* keepalived died and left the VIP behind, and the other node has taken it as well by now. */
void
orphan_abandon(const struct site *site, char note[STATE_NOTE_MAX])
{
	struct vip_place place;

	for (unsigned i = 0; i < ADDRESSES_MAX; i++) {
		if (vip_query(&site->vip, &place, VIP_QUERY_LOOP_MS) != VIP_HERE)
			return;
		if (site->keep_vip) {
			log_warnx("%s: no keepalived is left, and %s is still on this machine: "
				  "left there (--keep-vip)",
				  site->vip.text, site->ip);
			snprintf(note, STATE_NOTE_MAX, "orphaned VIP left where it is (keep-vip)");
			return;
		}
		if (vip_remove(&site->vip, &place) == -1) {
			log_warn("%s: cannot take the orphaned %s away from interface %u",
				 site->vip.text, site->ip, place.ifindex);
			snprintf(note, STATE_NOTE_MAX, "orphaned VIP cannot be taken away");
			return;
		}
		log_warnx(
		    "%s: no keepalived is left: took the orphaned %s/%u away from interface %u",
		    site->vip.text, site->ip, place.prefix_len, place.ifindex);
	}
}
