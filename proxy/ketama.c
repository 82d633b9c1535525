/* ketama: a circle of points that spreads keys over servers by weight. See ketama.h. */
#include "ketama.h"

#include <stdio.h>
#include <stdlib.h>

#include "md5.h"

#define POINTS_PER_SERVER 160 /* on average */
#define POINTS_PER_DIGEST 4   /* MD5 gives four */
#define DEFAULT_PORT	  11211

/* The i-th of the four numbers in a digest. */
static uint32_t
digest_word(const unsigned char digest[MD5_LEN], unsigned i)
{
	const unsigned char *p = digest + 4 * i;

	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t
ketama_hash(const char *key, size_t len)
{
	unsigned char digest[MD5_LEN];

	md5(key, len, digest);
	return digest_word(digest, 0);
}

/*
 * In floats, in libmemcached's order and with its crumb: another rounding would be another number
 * of points now and then, and then keys elsewhere.
 */
unsigned
ketama_share(const struct ketama_server *list, unsigned n, unsigned i)
{
	uint64_t total = 0;
	float part;

	for (unsigned k = 0; k < n; k++)
		total += list[k].weight;
	part = (float)list[i].weight / (float)total;
	part = part * POINTS_PER_SERVER / POINTS_PER_DIGEST * (float)n + 0.0000000001F;
	return (unsigned)part * POINTS_PER_DIGEST;
}

static int
by_value(const void *a, const void *b)
{
	const struct ketama_point *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return x->server - y->server;
}

/* Hangs count points of server i on the circle. */
static void
add_points(struct ketama *k, const struct ketama_server *s, unsigned i, unsigned count)
{
	for (unsigned nr = 0; nr < count / POINTS_PER_DIGEST; nr++) {
		unsigned char digest[MD5_LEN];
		char name[512];
		int len;

		if (s->port == DEFAULT_PORT)
			len = snprintf(name, sizeof(name), "%.400s-%u", s->host, nr);
		else
			len = snprintf(name, sizeof(name), "%.400s:%u-%u", s->host, s->port, nr);
		md5(name, (size_t)len, digest);
		for (unsigned w = 0; w < POINTS_PER_DIGEST; w++)
			k->points[k->n++] = (struct ketama_point){.value = digest_word(digest, w),
								  .server = (uint16_t)i};
	}
}

/* Tells each point its other server. */
static void
link_others(struct ketama *k, unsigned n_servers)
{
	/* Where one server has all the points the next one in the list has to do. */
	unsigned after = k->points[0].server;
	unsigned other = (after + 1) % n_servers;

	/* Backwards and twice round: what lies behind a point is known when it is reached. */
	for (unsigned i = 2 * k->n; i-- > 0;) {
		struct ketama_point *p = &k->points[i % k->n];

		if (p->server != after)
			other = after;
		after = p->server;
		p->other = (uint16_t)other;
	}
}

struct ketama *
ketama_new(const struct ketama_server *list, unsigned n)
{
	struct ketama *k;
	unsigned total = 0;

	for (unsigned i = 0; i < n; i++)
		total += ketama_share(list, n, i);
	k = malloc(sizeof(*k) + total * sizeof(k->points[0]));
	if (k == NULL)
		return NULL;
	k->n = 0;
	for (unsigned i = 0; i < n; i++)
		add_points(k, &list[i], i, ketama_share(list, n, i));
	qsort(k->points, k->n, sizeof(k->points[0]), by_value);
	link_others(k, n);
	return k;
}

const struct ketama_point *
ketama_find(const struct ketama *k, uint32_t hash)
{
	unsigned from = 0, to = k->n;

	while (from < to) {
		unsigned middle = from + (to - from) / 2;

		if (k->points[middle].value < hash)
			from = middle + 1;
		else
			to = middle;
	}
	return &k->points[from < k->n ? from : 0]; /* past the last point comes the first */
}
