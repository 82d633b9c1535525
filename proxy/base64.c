/* base64: the form in which a key with any bytes travels. See base64.h. */
#include "base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t
base64_encode(char *out, const char *p, size_t n)
{
	const unsigned char *in = (const unsigned char *)p;
	char *at = out;

	for (size_t i = 0; i < n; i += 3) {
		unsigned left = (unsigned)(n - i < 3 ? n - i : 3);
		unsigned v = (unsigned)in[i] << 16;

		if (left > 1)
			v |= (unsigned)in[i + 1] << 8;
		if (left > 2)
			v |= in[i + 2];
		*at++ = alphabet[v >> 18];
		*at++ = alphabet[v >> 12 & 63];
		*at++ = left > 1 ? alphabet[v >> 6 & 63] : '=';
		*at++ = left > 2 ? alphabet[v & 63] : '=';
	}
	return (size_t)(at - out);
}

/* The six bits of a character, 0 for the padding; -1 when it is passed over. */
static int
sextet(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : c == '=' ? 0 : -1;
}

size_t
base64_decode(char *out, const char *p, size_t n)
{
	char *at = out;
	size_t counted = 0;
	unsigned v = 0, have = 0, padded = 0;

	for (size_t i = 0; i < n; i++)
		counted += sextet(p[i]) != -1;
	if (counted == 0 || counted % 4 != 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		int bits = sextet(p[i]);
		if (bits == -1)
			continue;
		padded += p[i] == '=';
		v = v << 6 | (unsigned)bits;
		if (++have < 4)
			continue;
		if (padded > 2)
			return 0;
		*at++ = (char)(v >> 16);
		if (padded < 2)
			*at++ = (char)(v >> 8);
		if (padded < 1)
			*at++ = (char)v;
		if (padded > 0)
			break;
		v = have = 0;
	}
	return (size_t)(at - out);
}
