/*
 * filter: what a packet filter's rules do to VRRP (IP protocol 112), by reading them. Rules can say
 * this in more ways than are known here: the answer is a guess, and for a person to judge. No I/O.
 */
#ifndef MEMVIP_FILTER_H
#define MEMVIP_FILTER_H

#include <stddef.h>

enum filter_verdict {
	FILTER_OPEN,	/* nothing that drops by default */
	FILTER_ALLOWED, /* something drops by default, but a rule lets it through */
	FILTER_CLOSED,	/* something drops by default, and no rule was found that lets it through */
	FILTER_DENIED	/* a rule drops it by name */
};

enum filter_way { FILTER_IN, FILTER_OUT };

struct filter {
	enum filter_verdict verdict;
	char why[256]; /* the rule or chain that decided, in the words of the rules; "" with OPEN */
};

/* What is asked about. */
struct filter_case {
	enum filter_way way;
	int v6; /* an IPv6 VIP */
	const char *interface;
	const char *const
	    *peers; /* texts of addresses that may be let through as a whole; NULL ends */
};

/* Reads what "nft list ruleset" writes. */
void filter_nft(struct filter *f, const char *rules, const struct filter_case *c);

/* The same with what "iptables -S" (or ip6tables) writes. */
void filter_iptables(struct filter *f, const char *rules, const struct filter_case *c);

#endif
