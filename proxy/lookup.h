/*
 * lookup: host names are looked up by a child process, so that a resolver that does not answer holds
 * up no client. (Before there are clients the proxy asks by itself: farm_lookup().)
 */
#ifndef MEMVIP_LOOKUP_H
#define MEMVIP_LOOKUP_H

#include "conf.h"
#include "farm.h"

/* No answer by then: given up. */
#define LOOKUP_MS 5000

/*
 * Looks up the servers of conf's lists. done follows once, never from inside this call: with the
 * addresses, which are valid during that call, or with NULL and why.
 */
void lookup_start(const struct conf *conf,
		  void (*done)(const struct farm_addrs *addrs, const char *why));

/* It is not wanted any more: done does not follow. */
void lookup_stop(void);

#endif
