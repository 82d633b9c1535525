/*
 * ketama: where memvip places keys, beside where libmemcached's MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED
 * does, over random lists of servers. Nothing is connected to.
 *
 *   ketama SEED LISTS KEYS
 *
 * Compiled with proxy/ketama.c and proxy/md5.c. Exits 0, or 1 at the first key that is placed
 * differently, which it shows with its list.
 */
#include <libmemcached/memcached.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ketama.h"

#define SERVERS_MAX 64

static unsigned
pick(unsigned n)
{
	return (unsigned)(random() >> 4) % n;
}

/* A name, a port and a weight of each kind that somebody might write. */
static void
random_server(struct ketama_server *s, char *host, size_t size)
{
	switch (pick(4)) {
	case 0:
		snprintf(host, size, "10.%u.%u.%u", pick(256), pick(256), pick(256));
		break;
	case 1:
		snprintf(host, size, "cache-%u.example.org", pick(100000));
		break;
	case 2:
		snprintf(host, size, "2001:db8::%x", pick(65536));
		break;
	default:
		snprintf(host, size, "h%u%.*s", pick(10000), (int)pick(180),
			 "a-very-long-name.a-very-long-name.a-very-long-name.a-very-long-name."
			 "a-very-long-name.a-very-long-name.a-very-long-name.a-very-long-name."
			 "a-very-long-name.a-very-long-name.a-very-long-name");
	}
	s->host = host;
	s->port = (uint16_t)(pick(2) ? 11211 : 1 + pick(65535));
}

/* The weight of server i. */
static uint32_t
random_weight(unsigned kind, unsigned i)
{
	/* Of 25: five servers with these have fewer points than they should, by rounding. */
	static const uint32_t rounded[5] = {1, 2, 4, 6, 12};

	switch (kind) {
	case 0:
		return 1;
	case 1:
		return 1 + pick(4);
	case 2:
		return 1 + pick(1000);
	case 3:
		return rounded[i % 5];
	default: /* far apart: some servers get nothing */
		return pick(2) ? 1 + pick(3) : 1 + pick(UINT32_MAX);
	}
}

static unsigned
random_key(char *key, size_t size)
{
	unsigned len = 1 + pick(pick(8) ? 40 : (unsigned)size);

	for (unsigned i = 0; i < len; i++)
		key[i] = (char)(33 + pick(94));
	return len;
}

static int
differs(const struct ketama_server *list, unsigned n, const char *key, unsigned len, unsigned want,
	unsigned got)
{
	printf("key '%.*s': libmemcached: server %u, memvip: server %u, of this list:\n", (int)len,
	       key, want, got);
	for (unsigned i = 0; i < n; i++)
		printf("%u: %s port %u weight %u\n", i, list[i].host, list[i].port, list[i].weight);
	return -1;
}

/* One list, and keys keys. Returns 0, or -1 when something differs. */
static int
compare(unsigned keys)
{
	static char host[SERVERS_MAX][256];
	struct ketama_server list[SERVERS_MAX];
	unsigned n = 2 + pick(pick(4) ? 8 : SERVERS_MAX - 1), kind = pick(5);
	memcached_st *m = memcached_create(NULL);
	struct ketama *k;
	int rc = 0;

	if (kind == 3)
		n = 5;
	memcached_behavior_set(m, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
	for (unsigned i = 0; i < n; i++) {
		random_server(&list[i], host[i], sizeof(host[i]));
		list[i].weight = random_weight(kind, i);
		memcached_server_add_with_weight(m, list[i].host, list[i].port, list[i].weight);
	}
	k = ketama_new(list, n);
	for (unsigned i = 0; rc == 0 && i < keys; i++) {
		char key[250];
		unsigned len = random_key(key, sizeof(key));
		unsigned want = memcached_generate_hash(m, key, len);
		unsigned got = ketama_find(k, ketama_hash(key, len))->server;

		if (want != got)
			rc = differs(list, n, key, len, want, got);
	}
	free(k);
	memcached_free(m);
	return rc;
}

int
main(int argc, char **argv)
{
	unsigned lists = argc == 4 ? (unsigned)atoi(argv[2]) : 0;
	unsigned keys = argc == 4 ? (unsigned)atoi(argv[3]) : 0;

	if (lists == 0 || keys == 0) {
		fprintf(stderr, "usage: ketama SEED LISTS KEYS\n");
		return 2;
	}
	srandom((unsigned)atoi(argv[1]));
	for (unsigned i = 0; i < lists; i++)
		if (compare(keys) == -1)
			return 1;
	printf("%u lists of servers, %u keys each: the same places\n", lists, keys);
	return 0;
}
