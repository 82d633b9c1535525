/*
 * proto_line: the words of one command line, and the numbers in them, as memcached reads them
 * (tokenize_command() and safe_strtol() of 1.6.18): words are separated by spaces, a line ends with
 * \n and one \r before it is not part of it, a NUL byte ends the text of a line. No I/O, no
 * allocation. Inline: each command begins here.
 */
#ifndef MEMVIP_PROTO_LINE_H
#define MEMVIP_PROTO_LINE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PROTO_KEY_MAX 250 /* protocol.txt, "Keys" */
/* memcached closes a connection whose line is longer than this without being a get. */
#define PROTO_LINE_MAX 2048

enum proto_verdict {
	PROTO_OK,
	PROTO_AGAIN, /* the line is not complete */
	PROTO_BAD    /* this will never be a line: close the connection */
};

/* A meta command may have 19 words; one more is one too many. */
#define PROTO_WORDS_MAX 20

struct proto_word {
	uint32_t at, len;
};

struct proto_line {
	const char *p;
	uint32_t end; /* offset past the text */
	unsigned n;   /* words found; what was the limit means "that many or more" */
	struct proto_word w[PROTO_WORDS_MAX];
};

/* The text of the line of len bytes at p, its newline not counted. */
static inline void
proto_line_text(struct proto_line *l, const char *p, size_t len)
{
	const char *nul;

	if (len > 1 && p[len - 1] == '\r')
		len--;
	if ((nul = memchr(p, '\0', len)) != NULL)
		len = (size_t)(nul - p);
	l->p = p;
	l->end = (uint32_t)len;
}

/* Cuts it into words, at most max of them. */
static inline void
proto_line_split(struct proto_line *l, unsigned max)
{
	uint32_t i = 0;

	l->n = 0;
	while (l->n < max) {
		while (i < l->end && l->p[i] == ' ')
			i++;
		if (i == l->end)
			break;
		l->w[l->n].at = i;
		while (i < l->end && l->p[i] != ' ')
			i++;
		l->w[l->n].len = i - l->w[l->n].at;
		l->n++;
	}
}

static inline int
proto_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/*
 * strtoul(3)'s reading of the len bytes at s: white space, a sign, digits, then the end or white
 * space. Returns 0, or -1 when there is no such number or it does not fit 64 bits.
 */
static inline int
proto_number(const char *s, size_t len, int *negative, uint64_t *out)
{
	const char *end = s + len;
	uint64_t v = 0;

	while (s < end && proto_is_space(*s))
		s++;
	*negative = s < end && *s == '-';
	if (s < end && (*s == '-' || *s == '+'))
		s++;
	if (s == end || *s < '0' || *s > '9')
		return -1;
	for (; s < end && *s >= '0' && *s <= '9'; s++) {
		unsigned d = (unsigned)(*s - '0');
		if (v > (UINT64_MAX - d) / 10)
			return -1;
		v = v * 10 + d;
	}
	if (s < end && !proto_is_space(*s))
		return -1;
	*out = v;
	return 0;
}

/* A signed number; kept to 32 bits as memcached keeps it. Returns 0 or -1. */
static inline int
proto_int32(const char *s, size_t len, int32_t *out)
{
	int negative;
	uint64_t v;

	if (proto_number(s, len, &negative, &v) == -1 ||
	    v > (uint64_t)INT64_MAX + (unsigned)negative)
		return -1;
	*out = (int32_t)(uint32_t)(negative ? 0 - v : v);
	return 0;
}

/*
 * An unsigned number of 64 bits; one above INT64_MAX is refused when a minus sign stands anywhere
 * in the word. Returns 0 or -1.
 */
static inline int
proto_uint64(const char *s, size_t len, uint64_t *out)
{
	int negative;
	uint64_t v;

	if (proto_number(s, len, &negative, &v) == -1)
		return -1;
	if (negative)
		v = 0 - v;
	if (v > INT64_MAX && memchr(s, '-', len) != NULL)
		return -1;
	*out = v;
	return 0;
}

/* protocol.txt, "Expiration times": above this a number of seconds is a unix time. */
#define PROTO_RELATIVE_MAX (60 * 60 * 24 * 30)

/*
 * A unix time of the next 30 days as seconds from now_s on: two servers whose clocks differ are to let
 * an item go at the same time. What has passed is -1, expired at once; what is farther off stays.
 */
static inline int32_t
proto_exptime(int32_t exptime, int64_t now_s)
{
	if (exptime <= PROTO_RELATIVE_MAX || exptime - now_s > PROTO_RELATIVE_MAX)
		return exptime;
	return exptime > now_s ? (int32_t)(exptime - now_s) : -1;
}

/*
 * The first byte c at p[at..end) with (c ^ flip) < limit: its offset, or end. limit: 0x80 at most. Eight at a
 * time; no byte past the end is read.
 */
static inline uint32_t
proto_seek(const char *p, uint32_t at, uint32_t end, unsigned char flip, unsigned char limit)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	const uint64_t ones = UINT64_C(0x0101010101010101);

	for (; end - at >= 8; at += 8) {
		uint64_t w, low;
		memcpy(&w, p + at, 8);
		w ^= ones * flip;
		/* A borrow spoils bytes above the first one that is low, never that one itself. */
		low = (w - ones * limit) & ~w & (ones << 7);
		if (low != 0)
			return at + (uint32_t)__builtin_ctzll(low) / 8;
	}
#endif
	while (at < end && ((unsigned char)p[at] ^ flip) >= limit)
		at++;
	return at;
}

/* The first space or control character there. */
static inline uint32_t
proto_word_end(const char *p, uint32_t at, uint32_t end)
{
	return proto_seek(p, at, end, 0, ' ' + 1);
}

/* The first space there. */
static inline uint32_t
proto_space(const char *p, uint32_t at, uint32_t end)
{
	return proto_seek(p, at, end, ' ', 1);
}

/* Are the len bytes at a and at b the same? For keys: eight bytes at a time. */
static inline int
proto_same(const char *a, const char *b, uint32_t len)
{
	uint64_t v, w;

	if (len < 8)
		return memcmp(a, b, len) == 0;
	for (uint32_t at = 0; at + 8 < len; at += 8) {
		memcpy(&v, a + at, 8);
		memcpy(&w, b + at, 8);
		if (v != w)
			return 0;
	}
	/* The last eight, some of them perhaps once more. */
	memcpy(&v, a + len - 8, 8);
	memcpy(&w, b + len - 8, 8);
	return v == w;
}

/* Up to 18 digits from *at: no overflow to look after. Returns how many; moves *at past them. */
static inline uint32_t
proto_few_digits(const char *p, uint32_t end, uint32_t *at, uint64_t *out)
{
	uint32_t i = *at, most = end - i < 18 ? end : i + 18;
	uint64_t v = 0;

	for (; i < most; i++) {
		uint32_t d = (uint32_t)(unsigned char)p[i] - '0';
		if (d > 9)
			break;
		v = v * 10 + d;
	}
	*out = v;
	most = i - *at;
	*at = i;
	return most;
}

/* Writes v in decimal, without NUL; returns the digits written (at most 20). */
static inline size_t
proto_decimal(char *out, uint64_t v)
{
	char reversed[20];
	size_t n = 0;

	if (v < 10) {
		*out = (char)('0' + v);
		return 1;
	}
	do {
		reversed[n++] = (char)('0' + v % 10);
		v /= 10;
	} while (v != 0);
	for (size_t i = 0; i < n; i++)
		out[i] = reversed[n - 1 - i];
	return n;
}

#endif
