/* Intent: what others say (VRRP adverts, firewall rules, a memcached's stats) is understood, and never read beyond its end. */
/* needs: notify/advert.c notify/filter.c notify/memcached.c notify/talk.c notify/finding.c */
#include "cm.h"

#include "advert.h"
#include "filter.h"
#include "finding.h"
#include "guard.h"
#include "memcached.h"

/* ---- adverts ---- */

/* IPv4 header (20 bytes), VRRP version 3, VRID 58, priority 150, two addresses. */
static const unsigned char v3[] = {0x45, 0xc0, 0,  36,	0,   0,	  0,  0,   255,	 112, 0,   0,
				   192,	 168,  58, 135, 224, 0,	  0,  18,  0x31, 58,  150, 2,
				   0,	 10,   0,  0,	192, 168, 58, 100, 192,	 168, 58,  101};
static const unsigned char v3_ip6[] = {0x31, 58, 150, 2, 0, 10, 0, 0, 0xfe, 0x80, 0,	0,    0, 0,
				       0,    0,	 0,   0, 0, 0,	0, 0, 0,    1,	  0xfd, 0x58, 0, 0,
				       0,    0,	 0,   0, 0, 0,	0, 0, 0,    0,	  1,	0};

static struct addr
ip(const char *text)
{
	struct addr a;
	const char *why;

	assert_int_equal(addr_parse(&a, text, 12000, ADDR_NUMERIC, &why), 0);
	return a;
}

static void
adverts(void **state)
{
	struct addr vip = ip("192.168.58.100"), second = ip("192.168.58.101"),
		    other = ip("192.168.58.102"), vip6 = ip("fd58::100");
	unsigned char bad[sizeof(v3)];
	struct advert a;
	struct guard g;
	char text[64];

	(void)state;
	assert_int_equal(advert_read(&a, v3, sizeof(v3), AF_INET), 0);
	assert_int_equal(a.version, 3);
	assert_int_equal(a.vrid, 58);
	assert_int_equal(a.priority, 150);
	assert_true(advert_has(&a, &vip) && advert_has(&a, &second));
	assert_false(advert_has(&a, &other) || advert_has(&a, &vip6));
	advert_first(&a, text, sizeof(text));
	assert_string_equal(text, "192.168.58.100");

	assert_int_equal(advert_read(&a, v3_ip6, sizeof(v3_ip6), AF_INET6), 0);
	assert_true(advert_has(&a, &vip6));
	advert_first(&a, text, sizeof(text));
	assert_string_equal(text, "fd58::100");

	/* No packet that is cut short is taken, nor read beyond its end. */
	guard_init(&g, sizeof(v3));
	for (size_t n = 0; n < sizeof(v3); n++)
		assert_int_equal(
		    advert_read(&a, (const unsigned char *)guard_place(&g, v3, n), n, AF_INET), -1);
	for (size_t n = 0; n < sizeof(v3_ip6) && n <= g.room; n++)
		assert_int_equal(
		    advert_read(&a, (const unsigned char *)guard_place(&g, v3_ip6, n), n, AF_INET6),
		    -1);
	guard_free(&g);

	memcpy(bad, v3, sizeof(v3));
	bad[0] = 0x4f; /* an IP header of 60 bytes */
	assert_int_equal(advert_read(&a, bad, sizeof(bad), AF_INET), -1);
	bad[0] = 0x45;
	bad[20] = 0x32; /* another type */
	assert_int_equal(advert_read(&a, bad, sizeof(bad), AF_INET), -1);
	bad[20] = 0x41; /* another version */
	assert_int_equal(advert_read(&a, bad, sizeof(bad), AF_INET), -1);
	bad[20] = 0x21;
	bad[23] = 0; /* no address */
	assert_int_equal(advert_read(&a, bad, sizeof(bad), AF_INET), 0);
	advert_first(&a, text, sizeof(text));
	assert_string_equal(text, "no address");
}

/* ---- rules ---- */

static const char *const no_peers[] = {NULL};
static const char *const peer[] = {"192.168.58.132", NULL};

struct rules {
	const char *text;
	enum filter_way way;
	int v6;
	const char *const *peers;
	enum filter_verdict want;
	const char *why; /* a part of it */
};

static void
judge(const struct rules *r, size_t n,
      void (*read)(struct filter *, const char *, const struct filter_case *))
{
	for (size_t i = 0; i < n; i++) {
		struct filter_case c = {r[i].way, r[i].v6, "eth0",
					r[i].peers != NULL ? r[i].peers : no_peers};
		struct filter f;

		read(&f, r[i].text, &c);
		if (f.verdict != r[i].want || (r[i].why != NULL && strstr(f.why, r[i].why) == NULL))
			print_error("rules: %s\nexpected: %d %s\ncame: %d %s\n", r[i].text,
				    r[i].want, r[i].why != NULL ? r[i].why : "", f.verdict, f.why);
		assert_int_equal(f.verdict, r[i].want);
		assert_true(r[i].why == NULL || strstr(f.why, r[i].why) != NULL);
	}
}

#define IN(family, policy, rules)                                                                  \
	"table " family " filter {\n\tchain input {\n\t\ttype filter hook input priority filter; " \
	"policy " policy ";\n" rules "\t}\n}\n"

static void
nft_rules(void **state)
{
	static const struct rules r[] = {
	    {"", FILTER_IN, 0, NULL, FILTER_OPEN, ""},
	    {IN("inet", "accept", "\t\ttcp dport 22 drop\n"), FILTER_IN, 0, NULL, FILTER_OPEN,
	     NULL},
	    {IN("inet", "drop",
		"\t\tct state established accept\n\t\ttcp dport { 22, 112 } accept\n"),
	     FILTER_IN, 0, NULL, FILTER_CLOSED, "input: policy drop"},
	    {IN("inet", "drop", ""), FILTER_OUT, 0, NULL, FILTER_OPEN, NULL},
	    {IN("ip", "drop", ""), FILTER_IN, 1, NULL, FILTER_OPEN, NULL},
	    {IN("ip6", "drop", ""), FILTER_IN, 1, NULL, FILTER_CLOSED, NULL},
	    {IN("arp", "drop", ""), FILTER_IN, 0, NULL, FILTER_OPEN, NULL},
	    {IN("inet", "drop", "\t\tip protocol vrrp accept\n"), FILTER_IN, 0, NULL,
	     FILTER_ALLOWED, "ip protocol vrrp accept"},
	    {IN("inet", "drop", "\t\tmeta l4proto 112 accept\n"), FILTER_IN, 0, NULL,
	     FILTER_ALLOWED, NULL},
	    {IN("inet", "drop", "\t\tip daddr 224.0.0.18 counter packets 1 bytes 2 accept\n"),
	     FILTER_IN, 0, NULL, FILTER_ALLOWED, NULL},
	    {IN("inet", "drop", "\t\tip6 daddr ff02::12 accept\n"), FILTER_IN, 1, NULL,
	     FILTER_ALLOWED, NULL},
	    {IN("inet", "drop", "\t\tip saddr 192.168.58.132 accept\n"), FILTER_IN, 0, peer,
	     FILTER_ALLOWED, NULL},
	    {IN("inet", "drop", "\t\tip saddr 192.168.58.132 tcp dport 22 accept\n"), FILTER_IN, 0,
	     peer, FILTER_CLOSED, NULL},
	    {IN("inet", "drop", "\t\tcounter packets 112 bytes 2 accept\n"), FILTER_IN, 0, NULL,
	     FILTER_ALLOWED, NULL},
	    /* For another interface. */
	    {IN("inet", "drop", "\t\tiifname \"eth1\" ip protocol vrrp accept\n"), FILTER_IN, 0,
	     NULL, FILTER_CLOSED, NULL},
	    {IN("inet", "drop", "\t\tiifname { \"eth0\", \"eth1\" } ip protocol vrrp accept\n"),
	     FILTER_IN, 0, NULL, FILTER_ALLOWED, NULL},
	    /* The last rule drops what is left. */
	    {IN("inet", "accept",
		"\t\ttcp dport 22 accept\n\t\treject with icmpx admin-prohibited\n"),
	     FILTER_IN, 0, NULL, FILTER_CLOSED, "reject with icmpx"},
	    {IN("inet", "accept", "\t\tcounter packets 0 bytes 0 drop\n"), FILTER_IN, 0, NULL,
	     FILTER_CLOSED, NULL},
	    {IN("inet", "accept", "\t\tct state invalid drop\n"), FILTER_IN, 0, NULL, FILTER_OPEN,
	     NULL},
	    /* Denied by name, unless it was let through before. */
	    {IN("inet", "accept", "\t\tip daddr 224.0.0.0/4 drop\n"), FILTER_IN, 0, NULL,
	     FILTER_DENIED, "224.0.0.0/4"},
	    {IN("inet", "accept", "\t\tip protocol vrrp drop\n"), FILTER_IN, 0, NULL, FILTER_DENIED,
	     NULL},
	    {IN("inet", "accept", "\t\tip protocol vrrp accept\n\t\tip daddr 224.0.0.0/4 drop\n"),
	     FILTER_IN, 0, NULL, FILTER_ALLOWED, NULL},
	    /* As firewalld has it: chains that are jumped to, and sets. */
	    {"table inet firewalld {\n\tset s {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1 "
	     "}\n\t}\n\n"
	     "\tchain filter_INPUT {\n\t\ttype filter hook input priority filter + 10; policy "
	     "accept;\n"
	     "\t\tiifname \"lo\" accept\n\t\tjump filter_INPUT_ZONES\n"
	     "\t\treject with icmpx admin-prohibited\n\t}\n\n"
	     "\tchain filter_INPUT_ZONES {\n\t\tiifname vmap { \"eth0\" : goto filter_IN_public, "
	     "\"eth1\" : jump x }\n\t}\n\n"
	     "\tchain filter_IN_public {\n\t\tjump filter_IN_public_allow\n\t}\n\n"
	     "\tchain filter_IN_public_allow {\n\t\ttcp dport 22 accept\n\t\tip protocol vrrp "
	     "accept\n\t}\n}\n",
	     FILTER_IN, 0, NULL, FILTER_ALLOWED, "filter_IN_public_allow: ip protocol vrrp"},
	    /* What is not on the way is of no interest. */
	    {"table inet f {\n\tchain other {\n\t\tip protocol vrrp accept\n\t}\n}\n" IN(
		 "inet", "drop", ""),
	     FILTER_IN, 0, NULL, FILTER_CLOSED, NULL},
	    {"table inet f {\n\tchain ours {\n\t\tip protocol vrrp accept\n\t}\n\tchain in {\n"
	     "\t\ttype filter hook input priority 0; policy drop;\n\t\tjump ours\n\t}\n\tchain out "
	     "{\n"
	     "\t\ttype filter hook output priority 0; policy drop;\n\t}\n}\n",
	     FILTER_OUT, 0, NULL, FILTER_CLOSED, "chain out: policy drop"},
	    {"table ip nat {\n\tchain post {\n\t\ttype nat hook postrouting priority srcnat; "
	     "policy accept;\n"
	     "\t\tip protocol vrrp drop\n\t}\n}\n",
	     FILTER_IN, 0, NULL, FILTER_OPEN, NULL},
	    /* Nonsense is no reason to fall. */
	    {"}\n}\n{\n\t\tdrop\n", FILTER_IN, 0, NULL, FILTER_OPEN, NULL},
	};

	(void)state;
	judge(r, sizeof(r) / sizeof(r[0]), filter_nft);
}

static void
iptables_rules(void **state)
{
	static const struct rules r[] = {
	    {"-P INPUT ACCEPT\n-P FORWARD DROP\n-P OUTPUT ACCEPT\n", FILTER_IN, 0, NULL,
	     FILTER_OPEN, NULL},
	    {"-P INPUT DROP\n-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT\n", FILTER_IN, 0, NULL,
	     FILTER_CLOSED, "chain INPUT: policy drop"},
	    {"-P INPUT DROP\n", FILTER_OUT, 0, NULL, FILTER_OPEN, NULL},
	    {"-P INPUT DROP\n-A INPUT -p vrrp -j ACCEPT\n", FILTER_IN, 0, NULL, FILTER_ALLOWED,
	     NULL},
	    {"-P INPUT DROP\n-A INPUT -p 112 -j ACCEPT\n", FILTER_IN, 0, NULL, FILTER_ALLOWED,
	     NULL},
	    {"-P INPUT DROP\n-A INPUT -i eth1 -p 112 -j ACCEPT\n", FILTER_IN, 0, NULL,
	     FILTER_CLOSED, NULL},
	    {"-P INPUT DROP\n-A INPUT -d 224.0.0.18/32 -j ACCEPT\n", FILTER_IN, 0, NULL,
	     FILTER_ALLOWED, NULL},
	    {"-P INPUT DROP\n-A INPUT -s 192.168.58.132/32 -j ACCEPT\n", FILTER_IN, 0, peer,
	     FILTER_ALLOWED, NULL},
	    {"-P INPUT ACCEPT\n-A INPUT -j REJECT --reject-with icmp-port-unreachable\n", FILTER_IN,
	     0, NULL, FILTER_CLOSED, "REJECT"},
	    {"-P INPUT ACCEPT\n-A INPUT -p vrrp -j DROP\n", FILTER_IN, 0, NULL, FILTER_DENIED,
	     NULL},
	    {"-P INPUT ACCEPT\n-A OUTPUT -p vrrp -j DROP\n", FILTER_IN, 0, NULL, FILTER_OPEN, NULL},
	    {"-P OUTPUT ACCEPT\n-A OUTPUT -p vrrp -j DROP\n", FILTER_OUT, 0, NULL, FILTER_DENIED,
	     NULL},
	    {"-P INPUT DROP\n-A INPUT -j ours\n-A ours -p vrrp -j ACCEPT\n", FILTER_IN, 0, NULL,
	     FILTER_ALLOWED, NULL},
	    {"-P INPUT DROP\n-A ours -p vrrp -j ACCEPT\n", FILTER_IN, 0, NULL, FILTER_CLOSED, NULL},
	    {"-A\n-P\n-A INPUT\n", FILTER_IN, 0, NULL, FILTER_OPEN, NULL},
	};

	(void)state;
	judge(r, sizeof(r) / sizeof(r[0]), filter_iptables);
}

/* ---- memcached ---- */

static void
memcached_lines(void **state)
{
	struct memcached m;

	(void)state;
	memset(&m, 0, sizeof(m));
	m.flush = m.listing = m.cas = m.evicts = 1;
	memcached_line(&m, "VERSION 1.6.18");
	memcached_line(&m, "STAT inter 192.168.58.135");
	memcached_line(&m, "STAT udpport 11211");
	memcached_line(&m, "STAT maxbytes 67108864");
	memcached_line(&m, "STAT curr_items 7");
	assert_string_equal(m.version, "1.6.18");
	assert_string_equal(m.inter, "192.168.58.135");
	assert_int_equal(m.udp_port, 11211);
	assert_int_equal(m.max_bytes, 67108864);
	assert_int_equal(m.items, 7);
	assert_true(m.flush && m.listing && m.cas && m.evicts);
	memcached_line(&m, "STAT flush_enabled no");
	memcached_line(&m, "STAT dump_enabled no");
	memcached_line(&m, "STAT cas_enabled no");
	memcached_line(&m, "STAT evictions off");
	assert_false(m.flush || m.listing || m.cas || m.evicts);
	/* What is no such line changes nothing. */
	memcached_line(&m, "");
	memcached_line(&m, "STAT");
	memcached_line(&m, "STAT ");
	memcached_line(&m, "STAT inter");
	memcached_line(&m, "STAT maxbytes x");
	assert_int_equal(m.max_bytes, 67108864);
	assert_string_equal(m.inter, "192.168.58.135");

	assert_true(memcached_is(&m, 1, 6) && memcached_is(&m, 1, 5) && memcached_is(&m, 0, 9));
	assert_false(memcached_is(&m, 1, 7) || memcached_is(&m, 2, 0));
	strcpy(m.version, "1.10.0-beta");
	assert_true(memcached_is(&m, 1, 6));
	strcpy(m.version, "1.5.22");
	assert_false(memcached_is(&m, 1, 6));
	strcpy(m.version, "new");
	assert_false(memcached_is(&m, 1, 6));
}

/* ---- the screen ---- */

static void
findings_are_lines(void **state)
{
	static const char want[] = "  ok       port        free\n\nhead\n"
				   "  FAILED   port        a?b?[2J?\n"
				   "           do:         this\n"
				   "  warning  long        xxx";
	struct findings f;
	char *text = NULL, longest[5000];
	size_t len = 0;

	(void)state;
	memset(&f, 0, sizeof(f));
	memset(longest, 'x', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	f.out = open_memstream(&text, &len);
	finding(&f, VERDICT_OK, "port", "free");
	finding_about(&f, "%s", "head");
	finding(&f, VERDICT_FAILED, "port", "a\nb\033[2J%s", "\r");
	finding_do(&f, "this");
	finding(&f, VERDICT_WARNING, "long", "%s", longest);
	finding_sum(&f);
	fclose(f.out);
	assert_int_equal(f.n[VERDICT_OK], 1);
	assert_int_equal(f.n[VERDICT_WARNING], 1);
	assert_int_equal(f.n[VERDICT_FAILED], 1);
	assert_memory_equal(text, want, sizeof(want) - 1);
	assert_non_null(
	    strstr(text, "\n1 failed, 1 warning: this node will not work as it should\n"));
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(adverts),
	    cmocka_unit_test(nft_rules),
	    cmocka_unit_test(iptables_rules),
	    cmocka_unit_test(memcached_lines),
	    cmocka_unit_test(findings_are_lines),
	};

	return RUN(tests);
}
