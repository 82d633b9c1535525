/*
 * placement: sets keys through the proxy, and looks for them without it, where libmemcached's
 * MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED says that they are.
 *
 *   placement set KEYS HOST PORT
 *   placement find KEYS HOST PORT WEIGHT [HOST PORT WEIGHT...]
 *
 * Says "N stored" or "N found". What fails in another way than by a miss is an error: exit 1.
 */
#include <libmemcached/memcached.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int
failed(memcached_st *m, const char *key)
{
	fprintf(stderr, "%s: %s\n", key, memcached_last_error_message(m));
	return 1;
}

static int
set_keys(memcached_st *m, unsigned keys)
{
	for (unsigned i = 0; i < keys; i++) {
		char key[32];

		snprintf(key, sizeof(key), "placed:%u", i);
		if (memcached_set(m, key, strlen(key), key, strlen(key), 0, 0) != MEMCACHED_SUCCESS)
			return failed(m, key);
	}
	printf("%u stored\n", keys);
	return 0;
}

static int
find_keys(memcached_st *m, unsigned keys)
{
	unsigned found = 0;

	for (unsigned i = 0; i < keys; i++) {
		char key[32], *value;
		size_t len;
		uint32_t flags;
		memcached_return_t rc;

		snprintf(key, sizeof(key), "placed:%u", i);
		value = memcached_get(m, key, strlen(key), &len, &flags, &rc);
		if (rc != MEMCACHED_SUCCESS && rc != MEMCACHED_NOTFOUND)
			return failed(m, key);
		if (rc == MEMCACHED_SUCCESS && len == strlen(key) && memcmp(value, key, len) == 0)
			found++;
		free(value);
	}
	printf("%u found\n", found);
	return 0;
}

int
main(int argc, char **argv)
{
	memcached_st *m = memcached_create(NULL);
	int set = argc == 5 && strcmp(argv[1], "set") == 0, rc = 2;

	if (set) {
		memcached_server_add(m, argv[3], (in_port_t)atoi(argv[4]));
		rc = set_keys(m, (unsigned)atoi(argv[2]));
	} else if (argc >= 6 && argc % 3 == 0 && strcmp(argv[1], "find") == 0) {
		memcached_behavior_set(m, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
		for (int i = 3; i < argc; i += 3)
			memcached_server_add_with_weight(m, argv[i], (in_port_t)atoi(argv[i + 1]),
							 (uint32_t)atoi(argv[i + 2]));
		rc = find_keys(m, (unsigned)atoi(argv[2]));
	} else {
		fprintf(stderr, "usage: placement set|find KEYS HOST PORT [WEIGHT ...]\n");
	}
	memcached_free(m);
	return rc;
}
