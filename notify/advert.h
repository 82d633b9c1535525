/* advert: a VRRP advertisement (RFC 5798 section 5, RFC 3768 section 5). No I/O. */
#ifndef MEMVIP_ADVERT_H
#define MEMVIP_ADVERT_H

#include "addr.h"

struct advert {
	unsigned version, vrid, priority;
	unsigned n; /* how many addresses */
	int family;
	const unsigned char *address; /* into the packet: n times 4 or 16 bytes */
};

/*
 * Reads a packet as a raw socket gives it: with its IP header for AF_INET, without for AF_INET6.
 * Returns 0, or -1 when it is no advertisement. The packet must outlive *a.
 */
int advert_read(struct advert *a, const unsigned char *p, size_t len, int family);

/* Is this address among those that it announces? Its port does not count. */
int advert_has(const struct advert *a, const struct addr *ip);

/*
 * The first address in text, "no address" without one. With IPv6 the first is the link's own
 * (section 5.2.9): then the next one.
 */
void advert_first(const struct advert *a, char *buf, size_t size);

#endif
