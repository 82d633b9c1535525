/* Intent: an address is only found, and only missed, in a whole answer of the kernel's. */
#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cm.h"
#include "guard.h"
#include "vip.h"

#define SEQ 77

/* A datagram as the kernel builds them, message by message. */
struct datagram {
	_Alignas(8) char buf[8192];
	size_t len;
};

static struct addr
address(const char *text)
{
	struct addr a;
	const char *why;

	if (addr_parse(&a, text, 1, ADDR_NUMERIC, &why) == -1)
		fail_msg("%s: %s", text, why);
	return a;
}

static struct nlmsghdr *
add_message(struct datagram *d, int type, int flags, size_t body)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(d->buf + d->len);

	memset(h, 0, NLMSG_SPACE(body));
	h->nlmsg_len = (unsigned)NLMSG_LENGTH(body);
	h->nlmsg_type = (unsigned short)type;
	h->nlmsg_flags = (unsigned short)flags;
	h->nlmsg_seq = SEQ;
	d->len += NLMSG_SPACE(body);
	return h;
}

static void
add_attr(struct datagram *d, struct nlmsghdr *h, int type, const void *data, size_t len)
{
	struct rtattr *rta = (struct rtattr *)(d->buf + d->len);

	memset(rta, 0, RTA_SPACE(len));
	rta->rta_type = (unsigned short)type;
	rta->rta_len = (unsigned short)RTA_LENGTH(len);
	memcpy(RTA_DATA(rta), data, len);
	h->nlmsg_len += (unsigned)RTA_SPACE(len);
	d->len += RTA_SPACE(len);
}

static struct nlmsghdr *
add_address(struct datagram *d, int type, const char *local, const char *peer, unsigned ifindex,
	    unsigned char prefix_len, unsigned flags)
{
	struct addr l = address(local), p = address(peer != NULL ? peer : local);
	int v6 = l.u.sa.sa_family == AF_INET6;
	size_t len = v6 ? 16 : 4;
	const void *lb = v6 ? (void *)&l.u.in6.sin6_addr : (void *)&l.u.in.sin_addr;
	const void *pb = v6 ? (void *)&p.u.in6.sin6_addr : (void *)&p.u.in.sin_addr;
	struct nlmsghdr *h = add_message(d, type, NLM_F_MULTI, sizeof(struct ifaddrmsg));
	struct ifaddrmsg *ifa = NLMSG_DATA(h);
	struct ifa_cacheinfo ci = {~0u, ~0u, 1, 1};

	ifa->ifa_family = (unsigned char)l.u.sa.sa_family;
	ifa->ifa_prefixlen = prefix_len;
	ifa->ifa_index = ifindex;
	/* The kernel gives a plain IPv6 address as IFA_ADDRESS alone. */
	add_attr(d, h, IFA_ADDRESS, pb, len);
	if (!v6 || peer != NULL)
		add_attr(d, h, IFA_LOCAL, lb, len);
	if (!v6)
		add_attr(d, h, IFA_LABEL, "eth0", 5);
	add_attr(d, h, IFA_FLAGS, &flags, sizeof(flags));
	add_attr(d, h, IFA_CACHEINFO, &ci, sizeof(ci));
	return h;
}

static void
add_done(struct datagram *d, int err)
{
	struct nlmsghdr *h = add_message(d, NLMSG_DONE, NLM_F_MULTI, sizeof(err));

	memcpy(NLMSG_DATA(h), &err, sizeof(err));
}

static void
sample(struct datagram *d)
{
	d->len = 0;
	add_address(d, RTM_NEWADDR, "127.0.0.1", NULL, 1, 8, IFA_F_PERMANENT);
	add_address(d, RTM_NEWADDR, "10.7.7.7", NULL, 2, 24, IFA_F_PERMANENT | IFA_F_SECONDARY);
	add_address(d, RTM_NEWADDR, "10.8.8.8", "10.9.9.9", 3, 32, IFA_F_PERMANENT);
	add_address(d, RTM_NEWADDR, "fd77::7", NULL, 2, 64, IFA_F_TENTATIVE);
	add_address(d, RTM_NEWADDR, "fd77::8", "fd77::9", 3, 128, 0);
	add_done(d, 0);
}

static enum vip_scan
scan(const struct datagram *d, const char *ip, int *found, struct vip_place *place)
{
	struct addr a = address(ip);

	*found = 0;
	memset(place, 0xff, sizeof(*place));
	return vip_scan(d->buf, d->len, SEQ, &a, found, place);
}

static void
what_is_there_is_found(void **state)
{
	static const struct {
		const char *ip;
		int found;
		unsigned ifindex, prefix_len, tentative;
	} want[] = {
	    {"127.0.0.1", 1, 1, 8, 0}, {"10.7.7.7", 1, 2, 24, 0}, {"10.8.8.8", 1, 3, 32, 0},
	    {"10.9.9.9", 0, 0, 0, 0}, /* the peer's */
	    {"10.7.7.8", 0, 0, 0, 0},  {"7.7.7.10", 0, 0, 0, 0},  {"fd77::7", 1, 2, 64, 1},
	    {"fd77::8", 1, 3, 128, 0}, {"fd77::9", 0, 0, 0, 0},	  {"::ffff:10.7.7.7", 0, 0, 0, 0},
	    {"fd77::70", 0, 0, 0, 0},
	};
	struct datagram d;
	struct vip_place place;
	int found;

	(void)state;
	sample(&d);
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		assert_int_equal(scan(&d, want[i].ip, &found, &place), VIP_SCAN_DONE);
		if (found != want[i].found)
			fail_msg("%s: found %d", want[i].ip, found);
		if (!found)
			continue;
		assert_int_equal(place.ifindex, want[i].ifindex);
		assert_int_equal(place.prefix_len, want[i].prefix_len);
		assert_int_equal(place.tentative, want[i].tentative);
	}
}

static void
look_at_prefix(const char *prefix, size_t len, size_t whole, void *arg)
{
	static const char *const ips[] = {"10.7.7.7", "fd77::8", "10.0.0.1"};

	(void)arg;
	for (unsigned i = 0; i < 3; i++) {
		struct addr a = address(ips[i]);
		int found = 0;
		enum vip_scan got = vip_scan(prefix, len, SEQ, &a, &found, NULL);

		if ((got == VIP_SCAN_DONE) != (len == whole))
			fail_msg("%zu of %zu bytes: %s", len, whole,
				 got == VIP_SCAN_DONE ? "taken for the whole" : "not taken");
	}
}

static void
a_part_is_never_the_whole(void **state)
{
	struct datagram d;

	(void)state;
	sample(&d);
	guard_prefixes(d.buf, d.len, look_at_prefix, NULL);
}

/* A dump may come in several datagrams. */
static void
the_dump_goes_on(void **state)
{
	struct datagram d;
	struct vip_place place;
	struct addr a = address("10.7.7.7");
	int found;

	(void)state;
	d.len = 0;
	add_address(&d, RTM_NEWADDR, "10.7.7.7", NULL, 2, 24, 0);
	assert_int_equal(scan(&d, "10.7.7.7", &found, &place), VIP_SCAN_MORE);
	assert_int_equal(found, 1);
	d.len = 0;
	add_address(&d, RTM_NEWADDR, "10.7.7.7", NULL, 9, 32, 0);
	add_done(&d, 0);
	/* The first place stays. */
	assert_int_equal(vip_scan(d.buf, d.len, SEQ, &a, &found, &place), VIP_SCAN_DONE);
	assert_int_equal(place.ifindex, 2);
}

static void
what_is_no_clean_answer_is_bad(void **state)
{
	struct datagram d;
	struct vip_place place;
	struct nlmsghdr *h;
	int found, err = -EBUSY;

	(void)state;
	d.len = 0;
	assert_int_equal(scan(&d, "10.7.7.7", &found, &place), VIP_SCAN_BAD);

	d.len = 0;
	h = add_address(&d, RTM_NEWADDR, "10.7.7.7", NULL, 2, 24, 0);
	h->nlmsg_flags |= NLM_F_DUMP_INTR;
	add_done(&d, 0);
	assert_int_equal(scan(&d, "10.7.7.7", &found, &place), VIP_SCAN_BAD);

	d.len = 0;
	add_done(&d, -EINTR);
	assert_int_equal(scan(&d, "10.7.7.7", &found, &place), VIP_SCAN_BAD);

	d.len = 0;
	h = add_message(&d, NLMSG_ERROR, 0, sizeof(struct nlmsgerr));
	memcpy(NLMSG_DATA(h), &err, sizeof(err));
	assert_int_equal(scan(&d, "10.7.7.7", &found, &place), VIP_SCAN_BAD);

	d.len = 0;
	add_message(&d, NLMSG_OVERRUN, 0, 0);
	assert_int_equal(scan(&d, "10.7.7.7", &found, &place), VIP_SCAN_BAD);

	/* Lengths that lie: of a message, of an attribute. */
	d.len = 0;
	h = add_address(&d, RTM_NEWADDR, "10.7.7.7", NULL, 2, 24, 0);
	h->nlmsg_len = 4;
	assert_int_equal(scan(&d, "10.7.7.7", &found, &place), VIP_SCAN_BAD);
	d.len = 0;
	h = add_address(&d, RTM_NEWADDR, "10.7.7.7", NULL, 2, 24, 0);
	((struct rtattr *)((char *)h + NLMSG_SPACE(sizeof(struct ifaddrmsg))))->rta_len = 0;
	assert_int_equal(scan(&d, "10.7.7.7", &found, &place), VIP_SCAN_BAD);
	((struct rtattr *)((char *)h + NLMSG_SPACE(sizeof(struct ifaddrmsg))))->rta_len = 0xffff;
	assert_int_equal(scan(&d, "10.7.7.7", &found, &place), VIP_SCAN_BAD);
}

/* An answer to an earlier question, and messages that are not about addresses, say nothing. */
static void
others_are_not_heard(void **state)
{
	struct datagram d;
	struct vip_place place;
	struct nlmsghdr *h;
	int found;

	(void)state;
	d.len = 0;
	h = add_address(&d, RTM_NEWADDR, "10.7.7.7", NULL, 2, 24, 0);
	h->nlmsg_seq = SEQ - 1;
	add_message(&d, RTM_NEWLINK, 0, 16);
	add_address(&d, RTM_DELADDR, "10.7.7.7", NULL, 2, 24, 0);
	assert_int_equal(scan(&d, "10.7.7.7", &found, &place), VIP_SCAN_MORE);
	assert_int_equal(found, 0);
}

static void
noise_is_survived(void **state)
{
	uint64_t random = 7;
	struct guard g;
	struct datagram d;
	struct addr a = address("10.7.7.7");

	(void)state;
	sample(&d);
	guard_init(&g, d.len);
	for (unsigned round = 0; round < 20000; round++) {
		char *at = guard_place(&g, d.buf, d.len);
		int found = 0;

		for (unsigned k = 0; k < 4; k++) {
			uint64_t r = guard_random(&random);
			at[r % d.len] = (char)(r >> 32);
		}
		(void)vip_scan(at, d.len, SEQ, &a, &found, NULL);
	}
	guard_free(&g);
}

/* The kernel of this machine, asked itself, and its dump cut everywhere. */
static void
the_kernel_answers(void **state)
{
	struct {
		struct nlmsghdr h;
		struct ifaddrmsg ifa;
	} request = {{sizeof(request), RTM_GETADDR, NLM_F_REQUEST | NLM_F_DUMP, SEQ, 0},
		     {0, 0, 0, 0, 0}};
	static char buf[65536];
	struct addr nowhere = address("192.0.2.77"), nowhere6 = address("2001:db8::77");
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), ended = 0, found = 0;

	(void)state;
	assert_int_equal(vip_query(&nowhere, NULL, 2000), VIP_ABSENT);
	assert_int_equal(vip_query(&nowhere6, NULL, 2000), VIP_ABSENT);
	assert_true(fd != -1);
	assert_int_equal(send(fd, &request, sizeof(request), 0), sizeof(request));
	for (unsigned i = 0; i < 100 && !ended; i++) {
		ssize_t n = recv(fd, buf, sizeof(buf), 0);
		struct guard g;

		assert_true(n > 0);
		guard_init(&g, (size_t)n);
		for (size_t len = 0; len <= (size_t)n; len++) {
			enum vip_scan got =
			    vip_scan(guard_place(&g, buf, len), len, SEQ, &nowhere, &found, NULL);

			if (len == (size_t)n)
				ended = got == VIP_SCAN_DONE;
			else
				assert_int_not_equal(got, VIP_SCAN_DONE);
		}
		guard_free(&g);
	}
	close(fd);
	assert_true(ended);
	assert_int_equal(found, 0);
}

static void
the_watch_is_quiet_when_nothing_happens(void **state)
{
	struct addr nowhere = address("192.0.2.77");
	int fd = vip_watch_open();

	(void)state;
	assert_true(fd != -1);
	assert_int_equal(vip_watch_read(fd, &nowhere), 0);
	close(fd);
	assert_int_equal(vip_watch_read(fd, &nowhere), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_there_is_found),
	    cmocka_unit_test(a_part_is_never_the_whole),
	    cmocka_unit_test(the_dump_goes_on),
	    cmocka_unit_test(what_is_no_clean_answer_is_bad),
	    cmocka_unit_test(others_are_not_heard),
	    cmocka_unit_test(noise_is_survived),
	    cmocka_unit_test(the_kernel_answers),
	    cmocka_unit_test(the_watch_is_quiet_when_nothing_happens),
	};

	return RUN(tests);
}
