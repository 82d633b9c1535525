/* Intent: what looks at eight bytes at a time finds what a look at each byte would, and no byte past the end. */
#include "proto_line.h"

#include "cm.h"
#include "guard.h"

#define LONGEST 40

/* The first of the bytes that stop says is one: byte by byte. */
static uint32_t
first(const char *p, uint32_t at, uint32_t end, int (*stop)(unsigned char c))
{
	while (at < end && !stop((unsigned char)p[at]))
		at++;
	return at;
}

static int
is_space(unsigned char c)
{
	return c == ' ';
}

static int
ends_word(unsigned char c)
{
	return c <= ' ';
}

/* Bytes near ' ' and 0x80: those that arithmetic on eight at a time could take for one another. */
static void
test_ends(void **state)
{
	static const unsigned char likely[] = {' ',  0,	   1,	 0x1f, 0x21, 0x7f,
					       0x80, 0x81, 0xa0, 0xff, 'a'};
	struct guard g;
	uint64_t seed = 7;

	(void)state;
	guard_init(&g, LONGEST);
	for (int round = 0; round < 200000; round++) {
		unsigned char bytes[LONGEST];
		uint32_t n = (uint32_t)(guard_random(&seed) % (LONGEST + 1));
		uint32_t at = n > 0 ? (uint32_t)(guard_random(&seed) % n) : 0;
		const char *p;

		/* Mostly what ends nothing, so that the end is far. */
		for (uint32_t i = 0; i < n; i++)
			bytes[i] = guard_random(&seed) % 8 > 0
				       ? (unsigned char)('a' + i % 26)
				       : likely[guard_random(&seed) % sizeof(likely)];
		p = guard_place(&g, bytes, n);
		assert_int_equal(proto_space(p, at, n), first(p, at, n, is_space));
		assert_int_equal(proto_word_end(p, at, n), first(p, at, n, ends_word));
	}
	guard_free(&g);
}

static void
test_same(void **state)
{
	struct guard one, two;
	char bytes[LONGEST];

	(void)state;
	guard_init(&one, LONGEST);
	guard_init(&two, LONGEST);
	for (uint32_t i = 0; i < LONGEST; i++)
		bytes[i] = (char)('a' + i);
	for (uint32_t n = 0; n <= LONGEST; n++) {
		const char *a = guard_place(&one, bytes, n);
		char *b = guard_place(&two, bytes, n);

		assert_true(proto_same(a, b, n));
		for (uint32_t i = 0; i < n; i++) {
			b[i] ^= (char)0x80;
			assert_false(proto_same(a, b, n));
			b[i] ^= (char)0x80;
		}
	}
	guard_free(&one);
	guard_free(&two);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ends),
	    cmocka_unit_test(test_same),
	};

	return RUN(tests);
}
