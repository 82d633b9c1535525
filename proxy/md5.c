/* md5: the digest of RFC 1321. See md5.h. */
#include "md5.h"

#include <stdint.h>
#include <string.h>

#define BLOCK	    64
#define LENGTH_SIZE 8 /* the message's length in bits ends the last block */

/* RFC 1321 section 3.4: the integer part of 4294967296 * abs(sin(i)), i from 1, in radians. */
static const uint32_t sines[BLOCK] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
    0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
    0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
    0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
    0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
    0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
};

static uint32_t
rotate(uint32_t v, unsigned bits)
{
	return v << bits | v >> (32 - bits);
}

static uint32_t
get_le32(const unsigned char *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void
put_le32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> 8 * i);
}

/*
 * RFC 1321 section 3.4. A round is 16 steps; a step takes the round's function of three of the four
 * words of state, the next word of the block in the round's order, the next sine and one of the
 * round's four amounts to rotate by. The four words take turns.
 */
#define STEP(nr, function, word, by, i, a, b, c, d) \
	a = b + rotate(a + function(b, c, d) + x[(word) % 16] + sines[(nr)*16 + (i)], by)
#define FOUR(nr, function, step, first, r0, r1, r2, r3, i)                     \
	STEP(nr, function, (step) * (i) + (first), r0, i, a, b, c, d);         \
	STEP(nr, function, (step) * (i + 1) + (first), r1, i + 1, d, a, b, c); \
	STEP(nr, function, (step) * (i + 2) + (first), r2, i + 2, c, d, a, b); \
	STEP(nr, function, (step) * (i + 3) + (first), r3, i + 3, b, c, d, a)
#define ROUND(nr, function, step, first, r0, r1, r2, r3)    \
	FOUR(nr, function, step, first, r0, r1, r2, r3, 0); \
	FOUR(nr, function, step, first, r0, r1, r2, r3, 4); \
	FOUR(nr, function, step, first, r0, r1, r2, r3, 8); \
	FOUR(nr, function, step, first, r0, r1, r2, r3, 12)
#define F(x, y, z) (((x) & (y)) | (~(x) & (z)))
#define G(x, y, z) (((x) & (z)) | ((y) & ~(z)))
#define H(x, y, z) ((x) ^ (y) ^ (z))
#define I(x, y, z) ((y) ^ ((x) | ~(z)))

static void
md5_block(uint32_t state[4], const unsigned char *block)
{
	uint32_t a = state[0], b = state[1], c = state[2], d = state[3], x[16];

	for (unsigned i = 0; i < 16; i++)
		x[i] = get_le32(block + 4 * i);
	ROUND(0, F, 1, 0, 7, 12, 17, 22);
	ROUND(1, G, 5, 1, 5, 9, 14, 20);
	ROUND(2, H, 3, 5, 4, 11, 16, 23);
	ROUND(3, I, 7, 0, 6, 10, 15, 21);
	state[0] += a;
	state[1] += b;
	state[2] += c;
	state[3] += d;
}

void
md5(const void *data, size_t len, unsigned char digest[MD5_LEN])
{
	uint32_t state[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
	unsigned char last[2 * BLOCK] = {0};
	const unsigned char *p = data;
	size_t left = len, n;

	for (; left >= BLOCK; left -= BLOCK, p += BLOCK)
		md5_block(state, p);
	if (left > 0)
		memcpy(last, p, left);
	last[left] = 0x80;
	n = left + 1 + LENGTH_SIZE <= BLOCK ? BLOCK : 2 * BLOCK;
	put_le32(last + n - 8, (uint32_t)(len << 3));
	put_le32(last + n - 4, (uint32_t)((uint64_t)len >> 29));
	for (size_t at = 0; at < n; at += BLOCK)
		md5_block(state, last + at);
	for (unsigned i = 0; i < 4; i++)
		put_le32(digest + 4 * i, state[i]);
}
