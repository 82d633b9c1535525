/* vip: is this address on one of this machine's interfaces? See vip.h. */
#include "vip.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "mono.h"

/* The kernel fills a dump's datagram up to what one recv(2) has offered, 32 KiB at most. */
#define VIP_DATAGRAM_MAX 16384
/* A dump that a change of the table interrupted is asked for again, so often within the timeout. */
#define VIP_DUMP_TRIES 8
/* Datagrams of one vip_watch_read(): a storm of changes must not hold the caller. */
#define VIP_WATCH_BATCH 64
#define VIP_ACK_MS	500

/* One message of a datagram, copied out: netlink aligns to 4 bytes, the buffer need not be. */
struct message {
	struct nlmsghdr h;
	const char *body;
	size_t body_len;
};

/*
 * Cuts the next message off *at. Returns 1, 0 at the end, -1 when the rest is not a whole message.
 */
static int
message_next(const char **at, size_t *len, struct message *m)
{
	size_t step;

	if (*len == 0)
		return 0;
	if (*len < sizeof(m->h))
		return -1;
	memcpy(&m->h, *at, sizeof(m->h));
	if (m->h.nlmsg_len < sizeof(m->h) || m->h.nlmsg_len > *len)
		return -1;
	m->body = *at + NLMSG_HDRLEN;
	m->body_len = m->h.nlmsg_len - NLMSG_HDRLEN;
	/* The last message of a datagram need not be padded. */
	step = NLMSG_ALIGN((size_t)m->h.nlmsg_len);
	if (step > *len)
		step = *len;
	*at += step;
	*len -= step;
	return 1;
}

static const void *
ip_bytes(const struct addr *ip, size_t *len)
{
	if (ip->u.sa.sa_family == AF_INET6) {
		*len = sizeof(ip->u.in6.sin6_addr);
		return &ip->u.in6.sin6_addr;
	}
	*len = sizeof(ip->u.in.sin_addr);
	return &ip->u.in.sin_addr;
}

/*
 * Is this RTM_NEWADDR or RTM_DELADDR body about ip? Fills *place then (may be NULL).
 * Returns 1, 0, or -1 when it is malformed.
 */
static int
address_match(const char *body, size_t len, const struct addr *ip, struct vip_place *place)
{
	struct ifaddrmsg ifa;
	struct rtattr rta;
	const char *local = NULL, *address = NULL, *own;
	const void *want;
	size_t want_len, step;
	unsigned flags;

	if (len < sizeof(ifa))
		return -1;
	memcpy(&ifa, body, sizeof(ifa));
	if (ifa.ifa_family != ip->u.sa.sa_family)
		return 0;
	want = ip_bytes(ip, &want_len);
	flags = ifa.ifa_flags;
	step = NLMSG_ALIGN(sizeof(ifa));
	if (step > len)
		step = len;
	for (body += step, len -= step; len > 0; body += step, len -= step) {
		if (len < sizeof(rta))
			return -1;
		memcpy(&rta, body, sizeof(rta));
		if (rta.rta_len < sizeof(rta) || rta.rta_len > len)
			return -1;
		if (rta.rta_type == IFA_LOCAL && rta.rta_len == RTA_LENGTH(want_len))
			local = body + RTA_LENGTH(0);
		else if (rta.rta_type == IFA_ADDRESS && rta.rta_len == RTA_LENGTH(want_len))
			address = body + RTA_LENGTH(0);
		else if (rta.rta_type == IFA_FLAGS && rta.rta_len == RTA_LENGTH(sizeof(flags)))
			memcpy(&flags, body + RTA_LENGTH(0), sizeof(flags));
		step = RTA_ALIGN((size_t)rta.rta_len);
		if (step > len)
			step = len;
	}
	/* On a point-to-point interface IFA_ADDRESS is the peer's (rtnetlink(7), if_addr.h). */
	own = local != NULL ? local : address;
	if (own == NULL || memcmp(own, want, want_len) != 0)
		return 0;
	if (place != NULL) {
		place->ifindex = ifa.ifa_index;
		place->prefix_len = ifa.ifa_prefixlen;
		place->tentative = (flags & IFA_F_TENTATIVE) != 0;
	}
	return 1;
}

enum vip_scan
vip_scan(const void *buf, size_t len, unsigned seq, const struct addr *ip, int *found,
	 struct vip_place *place)
{
	const char *at = buf;
	struct message m;
	struct vip_place here;
	int rc, err;

	if (len == 0)
		return VIP_SCAN_BAD;
	while ((rc = message_next(&at, &len, &m)) == 1) {
		if (m.h.nlmsg_seq != seq)
			continue; /* an answer to an earlier question, that was given up */
		if ((m.h.nlmsg_flags & NLM_F_DUMP_INTR) != 0)
			return VIP_SCAN_BAD;
		switch (m.h.nlmsg_type) {
		case NLMSG_DONE:
			/* Its body is the dump's result: an errno, negative. */
			if (m.body_len >= sizeof(err)) {
				memcpy(&err, m.body, sizeof(err));
				if (err < 0)
					return VIP_SCAN_BAD;
			}
			return VIP_SCAN_DONE;
		case NLMSG_ERROR:
		case NLMSG_OVERRUN:
			return VIP_SCAN_BAD;
		case RTM_NEWADDR:
			rc = address_match(m.body, m.body_len, ip, &here);
			if (rc == -1)
				return VIP_SCAN_BAD;
			if (rc == 1 && !*found) {
				*found = 1;
				if (place != NULL)
					*place = here;
			}
			break;
		default:
			break;
		}
	}
	return rc == -1 ? VIP_SCAN_BAD : VIP_SCAN_MORE;
}

static int
rtnl_open(unsigned groups)
{
	struct sockaddr_nl me;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd == -1)
		return -1;
	memset(&me, 0, sizeof(me));
	me.nl_family = AF_NETLINK;
	me.nl_groups = groups;
	if (bind(fd, (struct sockaddr *)&me, sizeof(me)) == -1) {
		int saved = errno;

		close(fd);
		errno = saved;
		return -1;
	}
	return fd;
}

/* Sends one request to the kernel, whole. Returns 0, or -1 with errno set. */
static int
rtnl_send(int fd, const void *request, size_t len)
{
	struct sockaddr_nl kernel;
	ssize_t n;

	memset(&kernel, 0, sizeof(kernel));
	kernel.nl_family = AF_NETLINK;
	do
		n = sendto(fd, request, len, 0, (struct sockaddr *)&kernel, sizeof(kernel));
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)len ? 0 : -1;
}

/*
 * Receives one datagram of the kernel's. Returns its length, or -1 with errno set: EAGAIN when there
 * is none, or one of another process (which is dropped); EMSGSIZE when it was cut.
 */
static ssize_t
rtnl_recv(int fd, void *buf, size_t size)
{
	struct sockaddr_nl from;
	struct iovec iov = {buf, size};
	struct msghdr msg;
	ssize_t n;

	memset(&msg, 0, sizeof(msg));
	msg.msg_name = &from;
	msg.msg_namelen = sizeof(from);
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	do
		n = recvmsg(fd, &msg, 0);
	while (n == -1 && errno == EINTR);
	if (n >= 0 && (msg.msg_namelen != sizeof(from) || from.nl_pid != 0)) {
		errno = EAGAIN;
		return -1;
	}
	if (n >= 0 && (msg.msg_flags & MSG_TRUNC) != 0) {
		errno = EMSGSIZE;
		return -1;
	}
	return n;
}

/* Waits until fd is readable. Returns 0, or -1 with errno set (ETIMEDOUT at the deadline). */
static int
rtnl_wait(int fd, uint64_t deadline_ms)
{
	struct pollfd p = {fd, POLLIN, 0};

	for (;;) {
		uint64_t now = mono_ms();
		int rc = poll(&p, 1, now < deadline_ms ? (int)(deadline_ms - now) : 0);

		if (rc == 1)
			return 0;
		if (rc == 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (errno != EINTR)
			return -1;
	}
}

/* One dump of the table. Returns 1 with *found set, or 0 when it has to be asked for again, or -1. */
static int
vip_dump(int fd, unsigned seq, const struct addr *ip, int *found, struct vip_place *place,
	 uint64_t deadline_ms)
{
	struct {
		struct nlmsghdr h;
		struct ifaddrmsg ifa;
	} request;
	char buf[VIP_DATAGRAM_MAX];

	memset(&request, 0, sizeof(request));
	request.h.nlmsg_len = sizeof(request);
	request.h.nlmsg_type = RTM_GETADDR;
	request.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	request.h.nlmsg_seq = seq;
	request.ifa.ifa_family = (unsigned char)ip->u.sa.sa_family;
	if (rtnl_send(fd, &request, sizeof(request)) == -1)
		return -1;
	*found = 0;
	for (;;) {
		ssize_t n;

		if (rtnl_wait(fd, deadline_ms) == -1)
			return -1;
		n = rtnl_recv(fd, buf, sizeof(buf));
		if (n == -1 && errno == EAGAIN)
			continue;
		if (n == -1)
			return -1;
		switch (vip_scan(buf, (size_t)n, seq, ip, found, place)) {
		case VIP_SCAN_DONE:
			return 1;
		case VIP_SCAN_BAD:
			errno = EBADMSG;
			return 0;
		case VIP_SCAN_MORE:
			break;
		}
	}
}

enum vip_state
vip_query(const struct addr *ip, struct vip_place *place, int timeout_ms)
{
	uint64_t deadline_ms = mono_ms() + (timeout_ms > 0 ? (uint64_t)timeout_ms : 0);
	int found = 0, rc = -1;

	for (unsigned try = 1; try <= VIP_DUMP_TRIES; try++) {
		/* A socket of its own for each try: what is left of a broken dump ends with it. */
		int saved, fd = rtnl_open(0);

		if (fd == -1)
			return VIP_UNKNOWN;
		rc = vip_dump(fd, try, ip, &found, place, deadline_ms);
		saved = errno;
		close(fd);
		errno = saved;
		if (rc != 0)
			break;
	}
	if (rc != 1)
		return VIP_UNKNOWN;
	return found ? VIP_HERE : VIP_ABSENT;
}

int
vip_watch_open(void)
{
	return rtnl_open(RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
}

/* Does this datagram say anything about ip? What cannot be understood may. */
static int
watch_concerns(const char *at, size_t len, const struct addr *ip)
{
	struct message m;
	int rc;

	while ((rc = message_next(&at, &len, &m)) == 1) {
		if (m.h.nlmsg_type != RTM_NEWADDR && m.h.nlmsg_type != RTM_DELADDR)
			continue;
		if (address_match(m.body, m.body_len, ip, NULL) != 0)
			return 1;
	}
	return rc != 0;
}

int
vip_watch_read(int fd, const struct addr *ip)
{
	char buf[VIP_DATAGRAM_MAX];
	int concerns = 0;

	for (unsigned i = 0; i < VIP_WATCH_BATCH; i++) {
		ssize_t n = rtnl_recv(fd, buf, sizeof(buf));

		if (n >= 0)
			concerns |= watch_concerns(buf, (size_t)n, ip);
		else if (errno == ENOBUFS || errno == EMSGSIZE)
			concerns = 1;
		else if (errno == EAGAIN)
			return concerns;
		else
			return -1;
	}
	return concerns;
}

int
vip_remove(const struct addr *ip, const struct vip_place *place)
{
	struct request {
		struct nlmsghdr h;
		struct ifaddrmsg ifa;
		struct rtattr rta;
		unsigned char ip[16];
	} request;
	char buf[VIP_DATAGRAM_MAX];
	struct message m;
	uint64_t deadline_ms = mono_ms() + VIP_ACK_MS;
	const void *bytes;
	const char *at;
	size_t ip_len, len;
	int fd, saved, err = -1;

	bytes = ip_bytes(ip, &ip_len);
	memset(&request, 0, sizeof(request));
	request.h.nlmsg_len = (unsigned)(offsetof(struct request, ip) + ip_len);
	request.h.nlmsg_type = RTM_DELADDR;
	request.h.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	request.h.nlmsg_seq = 1;
	request.ifa.ifa_family = (unsigned char)ip->u.sa.sa_family;
	request.ifa.ifa_prefixlen = place->prefix_len;
	request.ifa.ifa_index = place->ifindex;
	request.rta.rta_type = IFA_LOCAL;
	request.rta.rta_len = (unsigned short)RTA_LENGTH(ip_len);
	memcpy(request.ip, bytes, ip_len);

	if ((fd = rtnl_open(0)) == -1)
		return -1;
	if (rtnl_send(fd, &request, request.h.nlmsg_len) == 0 && rtnl_wait(fd, deadline_ms) == 0) {
		ssize_t n = rtnl_recv(fd, buf, sizeof(buf));

		at = buf;
		len = n > 0 ? (size_t)n : 0;
		if (n >= 0)
			errno = EBADMSG;
		/* The acknowledgement is an NLMSG_ERROR too: with 0, or a negative errno. */
		if (message_next(&at, &len, &m) == 1 && m.h.nlmsg_type == NLMSG_ERROR &&
		    m.body_len >= sizeof(err)) {
			memcpy(&err, m.body, sizeof(err));
			if (err != 0)
				errno = -err;
		}
	}
	saved = errno;
	close(fd);
	errno = saved;
	return err == 0 ? 0 : -1;
}
