/* Intent: who listens on an address is read rightly from the kernel's table, and named. */
#include "cm.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "holder.h"

static struct addr
at(const char *text)
{
	struct addr a;
	const char *why;

	if (addr_parse(&a, text, 0, ADDR_NUMERIC, &why) == -1)
		fail_msg("%s: %s", text, why);
	return a;
}

/* A row as the kernel writes it: words of the address in this machine's byte order. */
static const char *
row(const char *ip, unsigned port, unsigned tcp_state)
{
	static char text[256];
	unsigned char bytes[16];
	char hex[33];
	int words = inet_pton(AF_INET, ip, bytes) == 1 ? 1 : 4;

	if (words == 4)
		assert_int_equal(inet_pton(AF_INET6, ip, bytes), 1);
	for (int i = 0; i < words; i++) {
		uint32_t w;

		memcpy(&w, bytes + 4 * i, 4);
		snprintf(hex + 8 * i, sizeof(hex) - 8 * (size_t)i, "%08X", w);
	}
	snprintf(
	    text, sizeof(text),
	    "   7: %s:%04X %.*s:0000 %02X 00000000:00000000 00:00000000 00000000  1000        0 "
	    "4711 1 0000000000000000 100 0 0 10 0\n",
	    hex, port, words * 8, "00000000000000000000000000000000", tcp_state);
	return text;
}

struct row_case {
	const char *ip;
	unsigned port, tcp_state;
	const char *asked;
	enum holder_row want;
};

static void
rows(void **state)
{
	static const struct row_case cases[] = {
	    {"192.168.58.100", 12000, 0x0a, "192.168.58.100:12000", HOLDER_EXACT},
	    {"192.168.58.100", 12000, 0x0a, "192.168.58.101:12000", HOLDER_NONE},
	    {"192.168.58.100", 12000, 0x0a, "192.168.58.100:12001", HOLDER_NONE},
	    {"100.58.168.192", 12000, 0x0a, "192.168.58.100:12000", HOLDER_NONE},
	    {"192.168.58.100", 12000, 0x01, "192.168.58.100:12000", HOLDER_END},
	    {"0.0.0.0", 12000, 0x0a, "192.168.58.100:12000", HOLDER_WILD},
	    {"0.0.0.0", 12000, 0x0a, "0.0.0.0:12000", HOLDER_EXACT},
	    {"0.0.0.0", 12000, 0x0a, "[::1]:12000", HOLDER_NONE},
	    {"::", 12000, 0x0a, "192.168.58.100:12000", HOLDER_WILD},
	    {"::", 12000, 0x0a, "[2001:db8::7]:12000", HOLDER_WILD},
	    {"::ffff:192.168.58.100", 12000, 0x0a, "192.168.58.100:12000", HOLDER_EXACT},
	    {"2001:db8::7", 65535, 0x0a, "[2001:db8::7]:65535", HOLDER_EXACT},
	    {"2001:db8::8", 65535, 0x0a, "[2001:db8::7]:65535", HOLDER_NONE},
	};
	struct holder h;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct row_case *c = &cases[i];
		struct addr asked = at(c->asked);
		enum holder_row got = holder_scan(row(c->ip, c->port, c->tcp_state), &asked, &h);

		if (got != c->want)
			fail_msg("%s:%u (%#x) for %s: %d, not %d", c->ip, c->port, c->tcp_state,
				 c->asked, got, c->want);
		if (got == HOLDER_EXACT || got == HOLDER_WILD) {
			assert_int_equal(h.inode, 4711);
			assert_int_equal(h.uid, 1000);
			assert_int_equal(h.wild, got == HOLDER_WILD);
		}
	}
}

static void
what_is_no_row(void **state)
{
	static const char *const bad[] = {"",
					  "\n",
					  "   0: ",
					  "   0: 00 00 0A",
					  "   0: :::: 0 0A 0:0 0:0 0 0 0 1",
					  "  sl  local_address rem_address   st tx_queue rx_queue "
					  "tr tm->when retrnsmt   uid  timeout inode\n"};
	struct addr asked = at("192.168.58.100:12000");
	struct holder h;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(holder_scan(bad[i], &asked, &h), HOLDER_NONE);
}

static int
listener(const char *ip, struct addr *where)
{
	struct addr a = at(ip);
	int fd = socket(a.u.sa.sa_family, SOCK_STREAM, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, &a.u.sa, a.len), 0);
	assert_int_equal(listen(fd, 1), 0);
	a.len = sizeof(a.u);
	assert_int_equal(getsockname(fd, &a.u.sa, &a.len), 0);
	addr_from_sockaddr(where, &a.u.sa, a.len);
	return fd;
}

static void
a_real_one_is_found_and_named(void **state)
{
	struct addr where, other = at("127.0.0.2:1");
	struct holder h;
	int fd = listener("127.0.0.1", &where);

	(void)state;
	assert_int_equal(holder_find(&where, &h), 1);
	assert_int_equal(h.wild, 0);
	assert_int_equal(h.pid, 0);
	assert_int_equal(h.uid, geteuid());
	assert_int_equal(holder_name(&h), 1);
	assert_int_equal(h.pid, getpid());
	assert_string_equal(h.comm, "test_holder");
	addr_set_port(&other, addr_port(&where));
	assert_int_equal(holder_find(&other, &h), 0);
	close(fd);
	assert_int_equal(holder_find(&where, &h), 0);
}

static void
the_exact_one_goes_before_the_wildcard(void **state)
{
	struct addr wild, here = at("127.0.0.1:1");
	struct holder h;
	int fd = listener("0.0.0.0", &wild);

	(void)state;
	addr_set_port(&here, addr_port(&wild));
	assert_int_equal(holder_find(&here, &h), 1);
	assert_int_equal(h.wild, 1);
	assert_int_equal(holder_find(&wild, &h), 1);
	assert_int_equal(h.wild, 0);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(rows),
	    cmocka_unit_test(what_is_no_row),
	    cmocka_unit_test(a_real_one_is_found_and_named),
	    cmocka_unit_test(the_exact_one_goes_before_the_wildcard),
	};

	return RUN(tests);
}
