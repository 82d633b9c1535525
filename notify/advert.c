/* advert: a VRRP advertisement. See advert.h. */
#include "advert.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define ADVERT_HEAD 8 /* bytes before the addresses, in both versions */
#define ADVERT_TYPE 1

int
advert_read(struct advert *a, const unsigned char *p, size_t len, int family)
{
	size_t ip_len = 0, each = family == AF_INET6 ? 16 : 4;

	if (family == AF_INET) { /* RFC 791 section 3.1: the header's length in words */
		if (len < 20 || (p[0] >> 4) != 4)
			return -1;
		ip_len = (size_t)(p[0] & 15) * 4;
	}
	if (ip_len > len || len - ip_len < ADVERT_HEAD)
		return -1;
	p += ip_len;
	len -= ip_len;
	a->version = p[0] >> 4;
	a->vrid = p[1];
	a->priority = p[2];
	a->n = p[3];
	a->family = family;
	a->address = p + ADVERT_HEAD;
	if ((p[0] & 15) != ADVERT_TYPE || a->version < 2 || a->version > 3 ||
	    (len - ADVERT_HEAD) / each < a->n)
		return -1;
	return 0;
}

static const unsigned char *
address_at(const struct advert *a, unsigned i)
{
	return a->address + (size_t)i * (a->family == AF_INET6 ? 16 : 4);
}

int
advert_has(const struct advert *a, const struct addr *ip)
{
	if (ip->u.sa.sa_family != a->family)
		return 0;
	for (unsigned i = 0; i < a->n; i++)
		if (a->family == AF_INET6 ? memcmp(address_at(a, i), &ip->u.in6.sin6_addr, 16) == 0
					  : memcmp(address_at(a, i), &ip->u.in.sin_addr, 4) == 0)
			return 1;
	return 0;
}

void
advert_first(const struct advert *a, char *buf, size_t size)
{
	unsigned i = a->family == AF_INET6 && a->n > 1;

	if (i >= a->n || inet_ntop(a->family, address_at(a, i), buf, (socklen_t)size) == NULL)
		snprintf(buf, size, "no address");
}
