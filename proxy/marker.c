/* marker: what a server keeps for us. See marker.h. */
#include "marker.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MAGIC "memvip 1 "

size_t
marker_write(char *out, const struct marker *m)
{
	int n =
	    snprintf(out, MARKER_TEXT_MAX,
		     MAGIC "%s %" PRIu64 " %016" PRIx64 " %s %016" PRIx64 " %s %s %.*s", m->owner,
		     m->epoch, m->session, m->clean ? "clean" : "open", m->placement,
		     m->sweeping ? "sweeping" : "swept", m->self, (int)m->current_len, m->current);

	return n < MARKER_TEXT_MAX ? (size_t)n : MARKER_TEXT_MAX - 1;
}

/* The next word of *p, n bytes left. Returns its length; 0: none. */
static size_t
word(const char **p, size_t *n, const char **w)
{
	const char *space = memchr(*p, ' ', *n);
	size_t len = space != NULL ? (size_t)(space - *p) : *n;

	*w = *p;
	*p += len + (space != NULL);
	*n -= len + (space != NULL);
	return len;
}

static int
copy_word(const char **p, size_t *n, char *out)
{
	const char *w;
	size_t len = word(p, n, &w);

	if (len == 0 || len >= MARKER_NAME_MAX)
		return -1;
	memcpy(out, w, len);
	out[len] = '\0';
	return 0;
}

/* At most so many digits, which fit: an epoch that is near its end is nobody's. */
static int
number(const char **p, size_t *n, unsigned base, size_t max, uint64_t *out)
{
	const char *w;
	size_t len = word(p, n, &w);
	uint64_t v = 0;

	if (len == 0 || len > max)
		return -1;
	for (size_t i = 0; i < len; i++) {
		unsigned d;
		if (w[i] >= '0' && w[i] <= '9')
			d = (unsigned)(w[i] - '0');
		else if (base == 16 && w[i] >= 'a' && w[i] <= 'f')
			d = (unsigned)(w[i] - 'a') + 10;
		else
			return -1;
		v = v * base + d;
	}
	*out = v;
	return 0;
}

/* One of two words. Returns 0 for the first, 1 for the second, -1 for anything else. */
static int
either(const char **p, size_t *n, const char *first, const char *second)
{
	const char *w;
	size_t len = word(p, n, &w);

	if (len == strlen(first) && memcmp(w, first, len) == 0)
		return 0;
	return len == strlen(second) && memcmp(w, second, len) == 0 ? 1 : -1;
}

int
marker_read(struct marker *m, const char *p, size_t n)
{
	int clean, sweeping;

	if (n < sizeof(MAGIC) - 1 || memcmp(p, MAGIC, sizeof(MAGIC) - 1) != 0)
		return -1;
	p += sizeof(MAGIC) - 1;
	n -= sizeof(MAGIC) - 1;
	if (copy_word(&p, &n, m->owner) == -1 || number(&p, &n, 10, 18, &m->epoch) == -1 ||
	    number(&p, &n, 16, 16, &m->session) == -1 ||
	    (clean = either(&p, &n, "open", "clean")) == -1 ||
	    number(&p, &n, 16, 16, &m->placement) == -1 ||
	    (sweeping = either(&p, &n, "swept", "sweeping")) == -1 ||
	    copy_word(&p, &n, m->self) == -1)
		return -1;
	m->clean = (uint8_t)clean;
	m->sweeping = (uint8_t)sweeping;
	m->current_len = word(&p, &n, &m->current);
	return 0;
}

int
marker_names(const struct marker *m, const char *name)
{
	size_t len = strlen(name), left = m->current_len;
	const char *p = m->current;

	while (left > 0) {
		const char *comma = memchr(p, ',', left);
		size_t n = comma != NULL ? (size_t)(comma - p) : left;

		if (n == len && memcmp(p, name, n) == 0)
			return 1;
		if (comma == NULL)
			break;
		p += n + 1;
		left -= n + 1;
	}
	return 0;
}

int
marker_is_key_too(const char *key, size_t len)
{
	static const char *const ours[] = {MARKER_KEY, LEASE_KEY, PORTS_KEY};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		if (len == strlen(ours[i]) && memcmp(key, ours[i], len) == 0)
			return 1;
	return 0;
}
