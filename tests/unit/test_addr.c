/* Intent: an address is read as written, shown in one form, or refused with a reason. */
#include "cm.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "addr.h"

#define DEFAULT_PORT 11211

static void
assert_reads(const char *text, const char *want)
{
	struct addr a;
	const char *why = NULL;

	if (addr_parse(&a, text, DEFAULT_PORT, ADDR_NUMERIC, &why) != 0)
		fail_msg("'%s': refused: %s", text, why);
	assert_string_equal(a.text, want);
}

static void
assert_refused(const char *text, const char *want)
{
	struct addr a;
	const char *why = NULL;

	if (addr_parse(&a, text, DEFAULT_PORT, ADDR_NUMERIC, &why) != -1)
		fail_msg("'%s': taken as %s", text, a.text);
	assert_non_null(why);
	if (strstr(why, want) == NULL)
		fail_msg("'%s': said '%s', expected '%s'", text, why, want);
}

static void
test_v4(void **state)
{
	(void)state;
	assert_reads("192.168.58.135", "192.168.58.135:11211");
	assert_reads("192.168.58.135:12000", "192.168.58.135:12000");
	assert_reads("0.0.0.0:1", "0.0.0.0:1");
	assert_reads("127.0.0.1:65535", "127.0.0.1:65535");
}

static void
test_v6(void **state)
{
	(void)state;
	assert_reads("::1", "[::1]:11211");
	assert_reads("[::1]", "[::1]:11211");
	assert_reads("[::1]:12000", "[::1]:12000");
	assert_reads("2001:db8::1", "[2001:db8::1]:11211");
	/* Canonical form: RFC 5952. */
	assert_reads("[2001:DB8:0:0:0:0:0:1]:5", "[2001:db8::1]:5");
	/* A bare address takes every colon for itself: the port needs brackets. */
	assert_reads("2001:db8::1200", "[2001:db8::1200]:11211");
}

static void
test_refused(void **state)
{
	(void)state;
	assert_refused("", "empty host");
	assert_refused(":11211", "empty host");
	assert_refused("[]:11211", "empty host");
	assert_refused("[::1", "without ']'");
	assert_refused("[::1]11211", "text after ']'");
	assert_refused("[::1] ", "text after ']'");
	assert_refused("[1.2.3.4x]:1", "not an IPv6 address");
	assert_refused("1.2.3.4:", "port");
	assert_refused("1.2.3.4:0", "port");
	assert_refused("1.2.3.4:65536", "port");
	assert_refused("1.2.3.4:-1", "port");
	assert_refused("1.2.3.4: 80", "port");
	assert_refused("1.2.3.4:80x", "port");
	assert_refused("[::1]:", "port");
	assert_refused("1.2.3", "not an IP address");
	assert_refused("1.2.3.4.5", "not an IP address");
	assert_refused("256.1.1.1", "not an IP address");
	assert_refused("cache-a:11211", "not an IP address");
	assert_refused(" 1.2.3.4", "not an IP address");
}

/* An IPv4 address in an IPv6 literal's brackets would later be shown in another form. */
static void
test_v4_in_brackets(void **state)
{
	(void)state;
	assert_refused("[127.0.0.1]:11211", "not an IPv6 address");
}

static void
test_host_too_long(void **state)
{
	char long_name[4000];

	(void)state;
	memset(long_name, 'a', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_refused(long_name, "host too long");
}

/* A folder in which a package is built may know no name at all. */
static int
localhost_is_known(void)
{
	struct addrinfo *ai;

	if (getaddrinfo("localhost", NULL, NULL, &ai) != 0)
		return 0;
	freeaddrinfo(ai);
	return 1;
}

static void
test_names_are_resolved_only_when_asked(void **state)
{
	struct addr a;
	const char *why = NULL;
	char ip[64];

	(void)state;
	assert_refused("localhost:5", "not an IP address");
	if (localhost_is_known()) {
		assert_int_equal(addr_parse(&a, "localhost:5", DEFAULT_PORT, ADDR_RESOLVE, &why),
				 0);
		assert_int_equal(addr_port(&a), 5);
		addr_ip(&a, ip, sizeof(ip));
		if (strcmp(ip, "127.0.0.1") != 0 && strcmp(ip, "::1") != 0)
			fail_msg("localhost is %s", ip);
	}
	/* RFC 6761 section 6.4: never resolves. */
	assert_int_equal(addr_parse(&a, "no-host.invalid", DEFAULT_PORT, ADDR_RESOLVE, &why), -1);
	assert_string_equal(why, "host name not found");
}

static void
assert_server(const char *text, const char *want, const char *host, uint32_t weight)
{
	struct addr_server s;
	const char *why = NULL;

	if (addr_parse_server(&s, text, DEFAULT_PORT, ADDR_NUMERIC, &why) != 0)
		fail_msg("'%s': refused: %s", text, why);
	assert_string_equal(s.addr.text, want);
	assert_string_equal(s.host, host);
	assert_int_equal(s.weight, weight);
}

static void
assert_server_refused(const char *text, const char *want)
{
	struct addr_server s;
	const char *why = NULL;

	if (addr_parse_server(&s, text, DEFAULT_PORT, ADDR_SYNTAX, &why) != -1)
		fail_msg("'%s': taken as %s, weight %u", text, s.host, s.weight);
	assert_non_null(why);
	if (strstr(why, want) == NULL)
		fail_msg("'%s': said '%s', expected '%s'", text, why, want);
}

static void
test_servers(void **state)
{
	struct addr_server s;
	const char *why = NULL;

	(void)state;
	assert_server("10.0.0.1", "10.0.0.1:11211", "10.0.0.1", 0);
	assert_server("10.0.0.1:5", "10.0.0.1:5", "10.0.0.1", 0);
	assert_server("10.0.0.1:5:1", "10.0.0.1:5", "10.0.0.1", 1);
	assert_server("10.0.0.1:5:4294967295", "10.0.0.1:5", "10.0.0.1", UINT32_MAX);
	/* The name stays as it is written, the address becomes canonical. */
	assert_server("[2001:DB8:0::1]:5:3", "[2001:db8::1]:5", "2001:DB8:0::1", 3);
	assert_server("[::1]:5", "[::1]:5", "::1", 0);
	/* A bare IPv6 address keeps all its colons. */
	assert_server("::1", "[::1]:11211", "::1", 0);
	assert_server("1::", "[1::]:11211", "1::", 0);
	assert_server("2001:db8::5:3", "[2001:db8::5:3]:11211", "2001:db8::5:3", 0);

	if (localhost_is_known()) {
		assert_int_equal(
		    addr_parse_server(&s, "localhost:5:2", DEFAULT_PORT, ADDR_RESOLVE, &why), 0);
		assert_string_equal(s.host, "localhost");
		assert_int_equal(addr_port(&s.addr), 5);
		assert_int_equal(s.weight, 2);
	}
	assert_int_equal(
	    addr_parse_server(&s, "no-host.invalid:5:2", DEFAULT_PORT, ADDR_SYNTAX, &why), 0);
	assert_string_equal(s.host, "no-host.invalid");
}

static void
test_servers_refused(void **state)
{
	char long_name[600];

	(void)state;
	assert_server_refused("a:5:0", "weight is not 1 to 4294967295");
	assert_server_refused("a:5:4294967296", "weight is not");
	assert_server_refused("a:5:", "weight is not");
	assert_server_refused("a:5:-1", "weight is not");
	assert_server_refused("a:5:1.5", "weight is not");
	assert_server_refused("[::1]:5:0", "weight is not");
	assert_server_refused("[::1]:5:6:7", "weight is not");
	assert_server_refused("[::1]::7", "port");
	assert_server_refused("a:0:7", "port");
	assert_server_refused("a:b:7", "port");
	assert_server_refused(":5:7", "empty host");
	assert_server_refused("[]:5:7", "empty host");
	assert_server_refused("[::1:5:7", "without ']'");
	assert_server_refused("a:5:6:7", "neither HOST:PORT nor an IPv6 address");
	assert_server_refused("h::7", "neither HOST:PORT nor an IPv6 address");
	assert_server_refused("", "empty host");
	memset(long_name, 'a', sizeof(long_name));
	strcpy(long_name + sizeof(long_name) - 5, ":5:7");
	assert_server_refused(long_name, "host too long");
	memmove(long_name, long_name + sizeof(long_name) - 261, 261); /* 256 before the port */
	assert_server_refused(long_name, "host too long");
}

static void
test_unix(void **state)
{
	struct addr a, b;
	const char *why = NULL;
	char path[200];

	(void)state;
	assert_int_equal(addr_unix(&a, "/run/memvip.sock", &why), 0);
	assert_string_equal(a.text, "/run/memvip.sock");
	assert_int_equal(a.u.un.sun_family, AF_UNIX);
	assert_int_equal(addr_port(&a), 0);
	assert_int_equal(addr_unix(&b, "/run/memvip.sock", &why), 0);
	assert_true(addr_equal(&a, &b));

	assert_int_equal(addr_unix(&a, "", &why), -1);
	assert_string_equal(why, "empty path");

	/* unix(7): sun_path is 108 bytes, and it must end in a NUL to be portable. */
	memset(path, 'p', sizeof(path));
	path[108] = '\0';
	assert_int_equal(addr_unix(&a, path, &why), -1);
	assert_non_null(strstr(why, "too long"));
	path[107] = '\0';
	assert_int_equal(addr_unix(&a, path, &why), 0);
	assert_string_equal(a.text, path);
}

static void
test_ip_alone(void **state)
{
	struct addr a;
	const char *why;
	char ip[64], small[4];

	(void)state;
	addr_parse(&a, "[fe80::1]:7", DEFAULT_PORT, ADDR_NUMERIC, &why);
	addr_ip(&a, ip, sizeof(ip));
	assert_string_equal(ip, "fe80::1");
	addr_parse(&a, "10.0.0.1:7", DEFAULT_PORT, ADDR_NUMERIC, &why);
	addr_ip(&a, ip, sizeof(ip));
	assert_string_equal(ip, "10.0.0.1");
	/* A buffer that is too small holds nothing, not half an address. */
	addr_ip(&a, small, sizeof(small));
	assert_string_equal(small, "");
}

static void
test_equal(void **state)
{
	struct addr a, b, c, d;
	const char *why;

	(void)state;
	addr_parse(&a, "127.0.0.1:1", DEFAULT_PORT, ADDR_NUMERIC, &why);
	addr_parse(&b, "127.0.0.1:2", DEFAULT_PORT, ADDR_NUMERIC, &why);
	addr_parse(&c, "[::1]:1", DEFAULT_PORT, ADDR_NUMERIC, &why);
	addr_parse(&d, "127.0.0.1", 1, ADDR_NUMERIC, &why);
	assert_true(addr_equal(&a, &d));
	assert_false(addr_equal(&a, &b));
	assert_false(addr_equal(&a, &c));
	addr_set_port(&b, 1);
	assert_true(addr_equal(&a, &b));
	assert_string_equal(b.text, "127.0.0.1:1");
}

static void
test_from_the_kernel(void **state)
{
	struct sockaddr_in in;
	struct addr a, b;
	const char *why;

	(void)state;
	memset(&in, 0, sizeof(in));
	in.sin_family = AF_INET;
	in.sin_port = htons(12000);
	in.sin_addr.s_addr = htonl(0xc0a83a64); /* 192.168.58.100 */
	addr_from_sockaddr(&a, (struct sockaddr *)&in, sizeof(in));
	assert_string_equal(a.text, "192.168.58.100:12000");
	addr_parse(&b, "192.168.58.100:12000", 1, ADDR_NUMERIC, &why);
	assert_true(addr_equal(&a, &b));
}

/* The longest texts fit the field that carries them. */
static void
test_text_fits(void **state)
{
	(void)state;
	assert_reads("[ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255]:65535",
		     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_v4),
	    cmocka_unit_test(test_v6),
	    cmocka_unit_test(test_refused),
	    cmocka_unit_test(test_v4_in_brackets),
	    cmocka_unit_test(test_host_too_long),
	    cmocka_unit_test(test_names_are_resolved_only_when_asked),
	    cmocka_unit_test(test_servers),
	    cmocka_unit_test(test_servers_refused),
	    cmocka_unit_test(test_unix),
	    cmocka_unit_test(test_ip_alone),
	    cmocka_unit_test(test_equal),
	    cmocka_unit_test(test_from_the_kernel),
	    cmocka_unit_test(test_text_fits),
	};

	return RUN(tests);
}
