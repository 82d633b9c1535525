/* report: how one custody stands, asked of everybody who knows, and whether that is well. */
#ifndef MEMVIP_REPORT_H
#define MEMVIP_REPORT_H

#include <net/if.h>

#include "servers.h"
#include "site.h"
#include "state.h"
#include "vip.h"

struct report {
	const struct site *site;
	struct state st; /* as the state file has it; phase "" when there is none */

	enum vip_state vip;
	char interface[IF_NAMESIZE]; /* where the VIP is, "" */

	struct ident keepalived; /* pid 0: none lives */
	int custodian_alive, custodian_frozen, proxy_alive;

	struct server servers[SERVERS_MAX];
	int servers_n;			   /* -1: the proxy was not asked, or gave no answer */
	unsigned fill_left_s[SERVERS_MAX]; /* seconds until it is full; UINT32_MAX: not known */

	int well;
	char why[320]; /* not well: why */
};

/* Asks; bounded, about a second at worst. */
void report_make(struct report *r, const struct site *site);

/* What to call it: the instance, else the file's name without its suffix. */
void report_name(const struct report *r, char *buf, size_t size);

#endif
