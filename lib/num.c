/* num: strict number parsing. See num.h. */
#include "num.h"

#include <stddef.h>

/* Reads digits from s. Returns the first byte after them, or NULL with *why set. */
static const char *
num_digits(const char *s, uint64_t *out, const char **why)
{
	uint64_t v = 0;

	if (*s < '0' || *s > '9') {
		*why = "not a number";
		return NULL;
	}
	for (; *s >= '0' && *s <= '9'; s++) {
		unsigned d = (unsigned)(*s - '0');
		if (v > (UINT64_MAX - d) / 10) {
			*why = "out of range";
			return NULL;
		}
		v = v * 10 + d;
	}
	*out = v;
	return s;
}

static int
num_bound(uint64_t v, uint64_t min, uint64_t max, uint64_t *out, const char **why)
{
	if (v < min || v > max) {
		*why = "out of range";
		return -1;
	}
	*out = v;
	return 0;
}

int
num_parse(const char *s, uint64_t min, uint64_t max, uint64_t *out, const char **why)
{
	uint64_t v;
	const char *end = num_digits(s, &v, why);

	if (end == NULL)
		return -1;
	if (*end != '\0') {
		*why = "not a number";
		return -1;
	}
	return num_bound(v, min, max, out, why);
}

int
num_parse_size(const char *s, uint64_t min, uint64_t max, uint64_t *out, const char **why)
{
	uint64_t v;
	unsigned shift = 0;
	const char *end = num_digits(s, &v, why);

	if (end == NULL)
		return -1;
	switch (*end) {
	case 'k':
	case 'K':
		shift = 10;
		break;
	case 'm':
	case 'M':
		shift = 20;
		break;
	case 'g':
	case 'G':
		shift = 30;
		break;
	default:
		break;
	}
	if (shift != 0)
		end++;
	if (*end != '\0') {
		*why = "not a size (digits, then k, m or g)";
		return -1;
	}
	if (v > (UINT64_MAX >> shift)) {
		*why = "out of range";
		return -1;
	}
	return num_bound(v << shift, min, max, out, why);
}
