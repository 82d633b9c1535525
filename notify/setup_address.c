/* setup_address: the VIP on the interface, the port on the VIP. See setup_address.h. */
#include "setup_address.h"

#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "holder.h"
#include "vip.h"

#define NONLOCAL "/proc/sys/net/ipv4/ip_nonlocal_bind"

/* Bits of a netmask; addresses are in network order. */
static unsigned
mask_bits(const struct sockaddr *mask)
{
	const unsigned char *p;
	unsigned n, bits = 0;

	if (mask == NULL)
		return 0;
	if (mask->sa_family == AF_INET6) {
		p = ((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr.s6_addr;
		n = 16;
	} else {
		p = (const unsigned char *)&((const struct sockaddr_in *)(const void *)mask)
			->sin_addr;
		n = 4;
	}
	for (unsigned i = 0; i < n; i++)
		for (unsigned char b = p[i]; b != 0; b = (unsigned char)(b << 1))
			bits++;
	return bits;
}

static const unsigned char *
ip_bytes(const struct addr *a)
{
	return a->u.sa.sa_family == AF_INET6 ? a->u.in6.sin6_addr.s6_addr
					     : (const unsigned char *)&a->u.in.sin_addr;
}

/* Are the first bits of both the same? */
static int
same_net(const struct addr *a, const struct addr *b, unsigned bits)
{
	const unsigned char *p = ip_bytes(a), *q = ip_bytes(b);

	for (; bits >= 8; bits -= 8)
		if (*p++ != *q++)
			return 0;
	return bits == 0 || (*p >> (8 - bits)) == (*q >> (8 - bits));
}

/* What the interfaces say. */
struct net {
	char own[INET6_ADDRSTRLEN + 12]; /* the address in whose subnet the VIP is, "" */
	int there, up, has_address;
};

static void
net_look(struct net *n, const char *interface, const struct addr *vip)
{
	struct ifaddrs *all, *i;

	memset(n, 0, sizeof(*n));
	if (getifaddrs(&all) == -1)
		return;
	for (i = all; i != NULL; i = i->ifa_next) {
		char ip[INET6_ADDRSTRLEN];
		struct addr a;
		unsigned bits;

		if (strcmp(i->ifa_name, interface) != 0)
			continue;
		n->there = 1;
		n->up |= (i->ifa_flags & IFF_UP) != 0 && (i->ifa_flags & IFF_RUNNING) != 0;
		if (i->ifa_addr == NULL || i->ifa_addr->sa_family != vip->u.sa.sa_family)
			continue;
		addr_from_sockaddr(&a, i->ifa_addr, sizeof(a.u));
		bits = mask_bits(i->ifa_netmask);
		addr_set_port(&a, addr_port(vip));
		if (addr_equal(&a, vip)) /* itself, here now */
			continue;
		n->has_address = 1;
		if (n->own[0] == '\0' && bits > 0 && same_net(&a, vip, bits)) {
			addr_ip(&a, ip, sizeof(ip));
			snprintf(n->own, sizeof(n->own), "%s/%u", ip, bits);
		}
	}
	freeifaddrs(all);
}

static void
interface_judge(struct setup *s, const struct setup_site *x)
{
	struct findings *f = &s->f;
	const struct kvrrp *v = x->v;
	struct net n;

	if (v->interface[0] == '\0')
		return; /* keepalived has said so */
	net_look(&n, v->interface, &x->site.vip);
	if (!n.there) {
		finding(f, VERDICT_FAILED, "VIP", "instance %s: there is no interface %s", v->name,
			v->interface);
		finding_do(f, "interface NAME in %s; ip -br addr shows what there is",
			   s->keepalived_conf);
	} else if (!n.up) {
		finding(f, VERDICT_FAILED, "VIP", "the interface %s is down", v->interface);
		finding_do(f, "ip link set %s up, and look at its cable or switch", v->interface);
	} else if (n.own[0] == '\0') {
		/* Beside unicast a network may carry addresses by its own routes (clouds do). */
		finding(f, v->unicast ? VERDICT_WARNING : VERDICT_FAILED, "VIP",
			"%s is in no subnet of %s%s: its neighbours cannot reach it there",
			x->site.ip, v->interface,
			n.has_address ? "" : ", which has no address of its kind");
		finding_do(f, "an address of that subnet, or another interface");
	} else {
		finding(f, VERDICT_OK, "VIP", "%s is in the subnet of %s, %s", x->site.ip,
			v->interface, n.own);
	}
}

/* The VIP that is here without anybody who would take it away. */
static void
presence_judge(struct setup *s, const struct setup_site *x)
{
	struct vip_place place;
	char interface[IF_NAMESIZE] = "?";

	if (s->keepalived != 0 || vip_query(&x->site.vip, &place, VIP_QUERY_MS) != VIP_HERE)
		return;
	(void)if_indextoname(place.ifindex, interface);
	finding(&s->f, VERDICT_FAILED, "VIP",
		"%s is on %s, but no keepalived runs: left behind, or configured by something else",
		x->site.ip, interface);
	finding_do(&s->f, "ip addr del %s/%u dev %s, and out of the network configuration",
		   x->site.ip, place.prefix_len, interface);
}

static void
port_judge(struct setup *s, const struct setup_site *x)
{
	struct findings *f = &s->f;
	struct holder h;

	switch (holder_find(&x->site.vip, &h)) {
	case 0:
		finding(f, VERDICT_OK, "port", "%s is free", x->site.vip.text);
		return;
	case -1:
		finding(f, VERDICT_WARNING, "port", "whether %s is free cannot be seen: %s",
			x->site.vip.text, strerror(errno));
		finding_do(f, "ss -ltnp");
		return;
	default:
		break;
	}
	if (holder_name(&h) && strcmp(h.comm, "memvip-proxy") == 0 && !h.wild) {
		finding(f, VERDICT_OK, "port", "%s is held by %s[%d]", x->site.vip.text, h.comm,
			(int)h.pid);
		return;
	}
	if (h.pid != 0)
		finding(f, VERDICT_FAILED, "port", "%s is taken%s by %s[%d]", x->site.vip.text,
			h.wild ? ", as on every address," : "", h.comm, (int)h.pid);
	else
		finding(f, VERDICT_FAILED, "port", "%s is taken%s by a process of uid %u",
			x->site.vip.text, h.wild ? ", as on every address," : "", h.uid);
	if (h.wild)
		finding_do(f,
			   "let that one listen on an address of its own, or choose another port");
	else
		finding_do(f, "end that one, or choose another port");
}

static void
nonlocal_judge(struct setup *s)
{
	char text[8];

	if (file_read(-1, NONLOCAL, text, sizeof(text)) < 1)
		return;
	finding(&s->f, VERDICT_OK, "nonlocal",
		"net.ipv4.ip_nonlocal_bind is %c; memvip does not need it", text[0]);
}

void
setup_address(struct setup *s, const struct setup_site *x)
{
	if (x->v != NULL)
		interface_judge(s, x);
	presence_judge(s, x);
	port_judge(s, x);
	if (x->site.vip.u.sa.sa_family == AF_INET)
		nonlocal_judge(s);
}
