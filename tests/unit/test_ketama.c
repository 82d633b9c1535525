/* Intent: MD5 is RFC 1321's, and ketama places keys where libmemcached looks for them. */
/* needs: proxy/ketama.c proxy/md5.c */
#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ketama.h"
#include "md5.h"

static void
assert_digest(const char *text, size_t len, const char *want)
{
	unsigned char digest[MD5_LEN];
	char got[2 * MD5_LEN + 1];

	md5(text, len, digest);
	for (int i = 0; i < MD5_LEN; i++)
		snprintf(got + 2 * i, 3, "%02x", digest[i]);
	if (strcmp(got, want) != 0)
		fail_msg("%zu bytes '%s': %s, expected %s", len, text, got, want);
}

static void
test_md5(void **state)
{
	/* RFC 1321, appendix A.5 */
	static const char *const suite[][2] = {
	    {"", "d41d8cd98f00b204e9800998ecf8427e"},
	    {"a", "0cc175b9c0f1b6a831c399e269772661"},
	    {"abc", "900150983cd24fb0d6963f7d28e17f72"},
	    {"message digest", "f96b697d7cb7938d525a2f31aaf161d0"},
	    {"abcdefghijklmnopqrstuvwxyz", "c3fcd3d76192e4007dfb496cca67e13b"},
	    {"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
	     "d174ab98d277d9f5a5611c2c9f419d9f"},
	    {"1234567890123456789012345678901234567890123456789012345678901234567890123456789"
	     "0",
	     "57edf4a22be3c955ac49da2e2107b67a"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(suite) / sizeof(suite[0]); i++)
		assert_digest(suite[i][0], strlen(suite[i][0]), suite[i][1]);
}

/* Where the padding takes a block of its own, and where it just does not (md5sum's answers). */
static void
test_md5_at_a_blocks_end(void **state)
{
	static const struct {
		size_t len;
		const char *want;
	} ends[] = {
	    {55, "04364420e25c512fd958a70738aa8f72"},  {56, "668a72d5ba17f08e62dabcafad6db14b"},
	    {63, "7dc2ca208106a2f703567bdff99d8981"},  {64, "c1bb4f81d892b2d57947682aeb252456"},
	    {65, "1bc932052302d074bdec39795fe00cf6"},  {119, "ab347a5f68c8a443cfcddc633f12c24f"},
	    {120, "fb98667f98096de92620b64f46e1c5b5"},
	};
	char x[120];

	(void)state;
	memset(x, 'x', sizeof(x));
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		assert_digest(x, ends[i].len, ends[i].want);
}

/* The servers of key0, key1, ... as a string of their numbers. */
static void
assert_places(const struct ketama_server *list, unsigned n, const char *want)
{
	struct ketama *k = ketama_new(list, n);
	char got[128] = "";

	assert_non_null(k);
	for (unsigned i = 0; i < strlen(want); i++) {
		char key[16];

		snprintf(key, sizeof(key), "key%u", i);
		got[i] = (char)('0' + ketama_find(k, ketama_hash(key, strlen(key)))->server);
	}
	assert_string_equal(got, want);
	free(k);
}

/* What libmemcached 1.1.4 answers. tests/t/proxy-ketama.t asks the one that is installed. */
static void
test_places(void **state)
{
	const struct ketama_server usual_port[] = {{"192.168.58.135", 11211, 1},
						   {"192.168.58.132", 11211, 1},
						   {"192.168.58.133", 11211, 1}};
	const struct ketama_server ports[] = {{"192.168.58.135", 12001, 1},
					      {"192.168.58.132", 12002, 1},
					      {"192.168.58.133", 12003, 1}};
	const struct ketama_server weights[] = {{"192.168.58.135", 11211, 1},
						{"192.168.58.132", 12002, 2},
						{"192.168.58.133", 12003, 5}};
	const struct ketama_server names[] = {{"cache-a.example.org", 11211, 3},
					      {"2001:db8::1", 12002, 1}};
	const struct ketama_server one_too_light[] = {{"a", 1, 1}, {"b", 2, 1000}, {"c", 3, 1000}};

	(void)state;
	assert_places(usual_port, 3,
		      "102200212212111002202222100001101210200020211022112112001102");
	assert_places(ports, 3, "110221011221001210122101210021200011222011112212110001100202");
	assert_places(weights, 3, "120222212222211210202121210122211221222022112012110211122222");
	assert_places(names, 2, "000010010000000111000000001100110100110000001100001000110000");
	assert_places(one_too_light, 3,
		      "111211222222121122222112212212211211112112222112212211112221");
}

static void
test_shares(void **state)
{
	const struct ketama_server even[] = {{"a", 1, 7}, {"b", 2, 7}};
	const struct ketama_server one_to_three[] = {{"a", 1, 1}, {"b", 2, 3}};
	const struct ketama_server of_25[] = {
	    {"a", 1, 1}, {"b", 2, 2}, {"c", 3, 4}, {"d", 4, 6}, {"e", 5, 12}};
	const struct ketama_server far[] = {{"a", 1, UINT32_MAX}, {"b", 2, 1}};

	(void)state;
	assert_int_equal(ketama_share(even, 2, 0), 160);
	assert_int_equal(ketama_share(even, 2, 1), 160);
	assert_int_equal(ketama_share(one_to_three, 2, 0), 80);
	assert_int_equal(ketama_share(one_to_three, 2, 1), 240);
	/* 32, 64, 128, 192, 384, were it not for the rounding that libmemcached does. */
	assert_int_equal(ketama_share(of_25, 5, 0), 28);
	assert_int_equal(ketama_share(of_25, 5, 1), 60);
	assert_int_equal(ketama_share(of_25, 5, 2), 124);
	assert_int_equal(ketama_share(of_25, 5, 3), 188);
	assert_int_equal(ketama_share(of_25, 5, 4), 380);
	assert_int_equal(ketama_share(far, 2, 0), 320);
	assert_int_equal(ketama_share(far, 2, 1), 0);
}

/* A point's other server is the one of the first point behind it that is not its own. */
static void
test_other(void **state)
{
	const struct ketama_server list[] = {{"a", 1, 1}, {"b", 2, 9}, {"c", 3, 2}, {"d", 4, 1}};
	const struct ketama_server heavy[] = {{"a", 1, 1}, {"b", 2, UINT32_MAX}};
	struct ketama *k = ketama_new(list, 4);

	(void)state;
	assert_non_null(k);
	for (unsigned i = 0; i < k->n; i++) {
		unsigned at = i;

		while (k->points[at].server == k->points[i].server)
			at = (at + 1) % k->n;
		assert_int_equal(k->points[i].other, k->points[at].server);
		assert_true(i == 0 || k->points[i - 1].value <= k->points[i].value);
	}
	free(k);
	/* One has all the points: the other one is still another. */
	k = ketama_new(heavy, 2);
	assert_non_null(k);
	for (unsigned i = 0; i < k->n; i++) {
		assert_int_equal(k->points[i].server, 1);
		assert_int_equal(k->points[i].other, 0);
	}
	free(k);
}

/* Below the first point, on a point, between two, past the last one. */
static void
test_find(void **state)
{
	const struct ketama_server list[] = {{"a", 1, 1}, {"b", 2, 1}};
	struct ketama *k = ketama_new(list, 2);

	(void)state;
	assert_non_null(k);
	assert_int_equal(k->n, 320);
	assert_ptr_equal(ketama_find(k, 0), &k->points[0]);
	assert_ptr_equal(ketama_find(k, k->points[0].value), &k->points[0]);
	for (unsigned i = 1; i < k->n; i++) {
		if (k->points[i].value == k->points[i - 1].value)
			continue;
		assert_ptr_equal(ketama_find(k, k->points[i].value), &k->points[i]);
		assert_ptr_equal(ketama_find(k, k->points[i - 1].value + 1), &k->points[i]);
	}
	assert_true(k->points[319].value < UINT32_MAX);
	assert_ptr_equal(ketama_find(k, k->points[319].value + 1), &k->points[0]);
	assert_ptr_equal(ketama_find(k, UINT32_MAX), &k->points[0]);
	free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_md5),	   cmocka_unit_test(test_md5_at_a_blocks_end),
	    cmocka_unit_test(test_places), cmocka_unit_test(test_shares),
	    cmocka_unit_test(test_other),  cmocka_unit_test(test_find),
	};

	return RUN(tests);
}
