/* setup_vrrp: who announces the VIP in this network? See setup_vrrp.h. */
#include "setup_vrrp.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "advert.h"
#include "mono.h"
#include "vip.h"

#define VRRP_PROTO    112
#define LISTEN_MAX_MS 6000

static const char subject[] = "VRRP";

/* What was heard with our virtual_router_id. */
struct heard {
	unsigned ours;		     /* adverts with our VIP, of others */
	unsigned strange;	     /* of others, without our VIP */
	char from[INET6_ADDRSTRLEN]; /* the last one of ours */
	char stranger[INET6_ADDRSTRLEN];
	char what[INET6_ADDRSTRLEN]; /* the first address that the stranger announces */
};

static int
socket_bind(int fd, const struct setup *s, const struct setup_site *x)
{
	const char *name = x->v->interface, *why;
	unsigned index = if_nametoindex(name);
	struct ipv6_mreq m6;
	struct ip_mreqn m4;
	struct addr group;

	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) == -1)
		return -1;
	if (x->v->unicast)
		return 0;
	if (x->site.vip.u.sa.sa_family == AF_INET6) {
		memset(&m6, 0, sizeof(m6));
		if (addr_parse(&group, s->global.mcast6, 0, ADDR_NUMERIC, &why) == 0)
			m6.ipv6mr_multiaddr = group.u.in6.sin6_addr;
		m6.ipv6mr_interface = index;
		return setsockopt(fd, IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &m6, sizeof(m6));
	}
	memset(&m4, 0, sizeof(m4));
	if (addr_parse(&group, s->global.mcast4, 0, ADDR_NUMERIC, &why) == 0)
		m4.imr_multiaddr = group.u.in.sin_addr;
	m4.imr_ifindex = (int)index;
	return setsockopt(fd, IPPROTO_IP, IP_ADD_MEMBERSHIP, &m4, sizeof(m4));
}

/* Behind the packet filter: what this socket does not hear keepalived does not either. */
static int
socket_open(const struct setup *s, const struct setup_site *x)
{
	int fd =
	    socket(x->site.vip.u.sa.sa_family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, VRRP_PROTO);
	int saved;

	if (fd == -1 || socket_bind(fd, s, x) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

struct match {
	const struct advert *advert;
	int found;
};

static void
match_one(const struct addr *vip, void *arg)
{
	struct match *m = arg;

	m->found |= advert_has(m->advert, vip);
}

static void
packet_take(struct heard *h, const struct setup_site *x, const unsigned char *p, size_t len,
	    const struct addr *from)
{
	char sender[INET6_ADDRSTRLEN];
	struct advert a;
	struct match m = {&a, 0};

	if (advert_read(&a, p, len, from->u.sa.sa_family) == -1 || a.vrid != x->v->vrid ||
	    vip_query(from, NULL, VIP_QUERY_MS) == VIP_HERE)
		return;
	addr_ip(from, sender, sizeof(sender));
	/* Any of the instance's: the VIP may be one that is excluded from adverts. */
	kvrrp_each_vip(x->v, match_one, &m);
	if (m.found) {
		h->ours++;
		memcpy(h->from, sender, sizeof(h->from));
	} else {
		h->strange++;
		memcpy(h->stranger, sender, sizeof(h->stranger));
		advert_first(&a, h->what, sizeof(h->what));
	}
}

/* Listens for so long, or until enough was heard. Returns 0, or -1 with errno set. */
static int
hear(struct heard *h, const struct setup *s, const struct setup_site *x, int ms)
{
	uint64_t deadline_ms = mono_ms() + (uint64_t)ms, now;
	int fd = socket_open(s, x);

	memset(h, 0, sizeof(*h));
	if (fd == -1)
		return -1;
	while (h->ours < 2 && h->strange < 2 && (now = mono_ms()) < deadline_ms) {
		struct pollfd p = {fd, POLLIN, 0};
		struct sockaddr_storage ss;
		socklen_t len = sizeof(ss);
		unsigned char packet[2048];
		struct addr from;
		ssize_t n;

		if (poll(&p, 1, (int)(deadline_ms - now)) != 1)
			continue;
		n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&ss, &len);
		if (n <= 0)
			continue;
		addr_from_sockaddr(&from, (struct sockaddr *)&ss, len);
		packet_take(h, x, packet, (size_t)n, &from);
	}
	close(fd);
	return 0;
}

void
setup_vrrp(struct setup *s, const struct setup_site *x)
{
	/* A node takes the other one for dead after three intervals and a part of one. */
	double wait_ms = x->v->advert_s * 4000 + 100;
	int ms = wait_ms < LISTEN_MAX_MS ? (int)wait_ms : LISTEN_MAX_MS;
	struct findings *f = &s->f;
	struct heard h;
	int here;

	if (if_nametoindex(x->v->interface) == 0 || x->v->vrid == 0)
		return; /* said already */
	if (hear(&h, s, x, ms) == -1) {
		finding(f, VERDICT_WARNING, subject, "%s: cannot listen for adverts: %s",
			x->v->interface, strerror(errno));
		finding_do(f, "run this as root");
		return;
	}
	here = vip_query(&x->site.vip, NULL, VIP_QUERY_MS) == VIP_HERE;
	if (h.strange > 0) {
		finding(f, VERDICT_FAILED, subject,
			"%s uses virtual_router_id %u too, for %s: the two take each other for the "
			"same",
			h.stranger, x->v->vrid, h.what);
		finding_do(f, "another virtual_router_id, the same on both nodes; and the same "
			      "virtual_ipaddress");
	} else if (h.ours > 0 && here) {
		finding(
		    f, VERDICT_FAILED, subject,
		    "%s announces %s, which is here as well: the nodes do not hear each other, or "
		    "one keepalived was killed",
		    h.from, x->site.ip);
		finding_do(f,
			   "let IP protocol 112 through in both directions; memvip-notify status "
			   "on both nodes");
	} else if (h.ours > 0) {
		finding(f, VERDICT_OK, subject, "the adverts of %s are heard: it has the VIP",
			h.from);
	} else if (here) {
		finding(f, VERDICT_OK, subject,
			"nobody else announces it: this node has the VIP (listened for %d ms)", ms);
	} else if (s->keepalived != 0) {
		finding(f, VERDICT_WARNING, subject,
			"keepalived runs, this node does not have the VIP, and no advert of "
			"another was heard in %d ms",
			ms);
		finding_do(f, "look into keepalived's log: is this node in FAULT? is protocol 112 "
			      "filtered?");
	} else {
		finding(f, VERDICT_OK, subject,
			"virtual_router_id %u is not in use on %s (listened for %d ms)", x->v->vrid,
			x->v->interface, ms);
	}
}
