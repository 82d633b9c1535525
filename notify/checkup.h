/* checkup: check-setup: all that would keep this node from working, each with what to do. */
#ifndef MEMVIP_CHECKUP_H
#define MEMVIP_CHECKUP_H

#include "site.h"

/*
 * Says it on stdout. keepalived_conf: NULL for keepalived's own. name: one instance or file; "": all
 * that are known. Bounded: some seconds for each. Returns the exit status: 0 when nothing has failed,
 * else 1.
 */
int checkup_run(const struct site_options *o, const char *keepalived_conf, const char *name);

#endif
