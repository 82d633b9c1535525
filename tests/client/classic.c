/*
 * classic: every operation that libmemcached offers over the text protocol, through the proxy.
 * Says one TAP line a check.
 *
 *   classic HOST PORT KEYS LARGEST [socket=PATH] [behaviour...]
 *
 * KEYS: how many are got at once; LARGEST: bytes of the largest value that the server takes; socket:
 * the same server once more; for behaviours see behaviour.h.
 */
#include <libmemcached/memcached.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "behaviour.h"

static unsigned checks, failures;

static void
check(bool ok, const char *what, memcached_return_t rc, memcached_st *m)
{
	printf("%sok %u - %s\n", ok ? "" : "not ", ++checks, what);
	if (ok)
		return;
	failures++;
	printf("# %s: %s\n", what, memcached_strerror(m, rc));
}

/* The value under key is the n bytes of want. */
static void
check_value(memcached_st *m, const char *key, const char *want, size_t n, const char *what)
{
	size_t len = 0;
	uint32_t flags;
	memcached_return_t rc;
	char *got = memcached_get(m, key, strlen(key), &len, &flags, &rc);

	/* libmemcached says "nothing" for an empty value. */
	check(rc == MEMCACHED_SUCCESS && len == n && (n == 0 || memcmp(got, want, n) == 0), what,
	      rc, m);
	free(got);
}

static void
check_missing(memcached_st *m, const char *key, const char *what)
{
	size_t len = 0;
	uint32_t flags;
	memcached_return_t rc;
	char *got = memcached_get(m, key, strlen(key), &len, &flags, &rc);

	check(got == NULL && rc == MEMCACHED_NOTFOUND, what, rc, m);
	free(got);
}

/* What is not answered, or not yet sent, is answered for once this returns. */
static void
settle(memcached_st *m)
{
	memcached_flush_buffers(m);
	free(memcached_get(m, "settle", 6, &(size_t){0}, &(uint32_t){0}, &(memcached_return_t){0}));
}

static void
storage(memcached_st *m, bool sure)
{
	memcached_return_t rc;

	rc = memcached_set(m, "k", 1, "one", 3, 0, 7);
	check(memcached_success(rc), "set", rc, m);
	settle(m);
	check_value(m, "k", "one", 3, "get after set");
	rc = memcached_add(m, "k", 1, "two", 3, 0, 0);
	if (sure)
		check(rc == MEMCACHED_NOTSTORED, "add of what is there", rc, m);
	rc = memcached_replace(m, "k", 1, "three", 5, 0, 0);
	check(memcached_success(rc), "replace", rc, m);
	rc = memcached_append(m, "k", 1, ">", 1, 0, 0);
	check(memcached_success(rc), "append", rc, m);
	rc = memcached_prepend(m, "k", 1, "<", 1, 0, 0);
	check(memcached_success(rc), "prepend", rc, m);
	settle(m);
	check_value(m, "k", "<three>", 7, "get after all of them");
	rc = memcached_set(m, "empty", 5, "", 0, 0, 0);
	check(memcached_success(rc), "an empty value", rc, m);
	settle(m);
	check_value(m, "empty", "", 0, "get of the empty value");
	rc = memcached_delete(m, "k", 1, 0);
	check(memcached_success(rc), "delete", rc, m);
	settle(m);
	check_missing(m, "k", "get after delete");
	rc = memcached_delete(m, "k", 1, 0);
	if (sure)
		check(rc == MEMCACHED_NOTFOUND, "delete of what is gone", rc, m);
}

/* Values of all sizes, each right after the one before it, and one that is too large. */
static void
sizes(memcached_st *m, size_t largest, bool sure)
{
	char *big = malloc(largest + 1), key[32];
	memcached_return_t rc = MEMCACHED_SUCCESS;

	for (size_t i = 0; i <= largest; i++)
		big[i] = (char)(i * 7 + i / 256);
	for (size_t n = 1;; n = n * 5 / 2 < largest ? n * 5 / 2 + (n & 1) : largest) {
		snprintf(key, sizeof(key), "%zu bytes", n);
		*strchr(key, ' ') = '-';
		rc = memcached_set(m, key, strlen(key), big, n, 0, 0);
		check(memcached_success(rc), key, rc, m);
		settle(m);
		check_value(m, key, big, n, key);
		if (n == largest)
			break;
	}
	if (sure) {
		rc = memcached_set(m, key, strlen(key), big, largest + 1, 0, 0);
		check(rc == MEMCACHED_E2BIG || rc == MEMCACHED_SERVER_ERROR, "a value too large",
		      rc, m);
		check_missing(m, key, "... takes the old one along");
	}
	free(big);
}

static void
numbers(memcached_st *m, bool sure)
{
	memcached_return_t rc;
	uint64_t v = 0;

	memcached_set(m, "n", 1, "10", 2, 0, 0);
	settle(m);
	rc = memcached_increment(m, "n", 1, 5, &v);
	check(memcached_success(rc) && (!sure || v == 15), "increment", rc, m);
	rc = memcached_decrement(m, "n", 1, 1, &v);
	check(memcached_success(rc) && (!sure || v == 14), "decrement", rc, m);
	settle(m);
	check_value(m, "n", "14", 2, "get of the number");
}

static void
touching(memcached_st *m)
{
	memcached_return_t rc;

	memcached_set(m, "t", 1, "x", 1, 0, 0);
	settle(m);
	rc = memcached_touch(m, "t", 1, 1000);
	check(memcached_success(rc), "touch", rc, m);
	rc = memcached_exist(m, "t", 1);
	check(rc == MEMCACHED_SUCCESS, "exist", rc, m);
}

static void
check_and_set(memcached_st *m)
{
	const char *const key[] = {"c"};
	const size_t key_len[] = {1};
	memcached_return_t rc;
	memcached_result_st *r;
	uint64_t cas;

	memcached_behavior_set(m, MEMCACHED_BEHAVIOR_SUPPORT_CAS, 1);
	memcached_set(m, "c", 1, "old", 3, 0, 0);
	settle(m);
	rc = memcached_mget(m, key, key_len, 1);
	r = memcached_fetch_result(m, NULL, &rc);
	check(r != NULL, "gets", rc, m);
	if (r == NULL)
		return;
	cas = memcached_result_cas(r);
	memcached_result_free(r);
	while ((r = memcached_fetch_result(m, NULL, &rc)) != NULL)
		memcached_result_free(r);
	rc = memcached_cas(m, "c", 1, "new", 3, 0, 0, cas);
	check(rc == MEMCACHED_SUCCESS, "cas with the token", rc, m);
	rc = memcached_cas(m, "c", 1, "bad", 3, 0, 0, cas);
	check(rc == MEMCACHED_DATA_EXISTS, "cas with the token again", rc, m);
	check_value(m, "c", "new", 3, "get after cas");
	memcached_behavior_set(m, MEMCACHED_BEHAVIOR_SUPPORT_CAS, 0);
}

static void
many(memcached_st *m, size_t keys)
{
	char(*name)[32] = calloc(keys, sizeof(*name));
	const char **key = calloc(keys, sizeof(*key));
	size_t *key_len = calloc(keys, sizeof(*key_len));
	char value[32];
	memcached_return_t rc = MEMCACHED_SUCCESS;
	size_t found = 0, wrong = 0;
	memcached_result_st *r;

	for (size_t i = 0; i < keys; i++) {
		snprintf(name[i], sizeof(name[i]), "many%zu", i);
		key[i] = name[i];
		key_len[i] = strlen(name[i]);
		snprintf(value, sizeof(value), "value of %zu", i);
		if (i % 3 != 0 && !memcached_success(memcached_set(m, key[i], key_len[i], value,
								   strlen(value), 0, (uint32_t)i)))
			wrong++;
	}
	check(wrong == 0, "many sets", rc, m);
	settle(m);
	rc = memcached_mget(m, key, key_len, keys);
	check(memcached_success(rc), "a get of many keys", rc, m);
	while ((r = memcached_fetch_result(m, NULL, &rc)) != NULL) {
		size_t i = strtoul(memcached_result_key_value(r) + 4, NULL, 10);
		snprintf(value, sizeof(value), "value of %zu", i);
		if (i % 3 == 0 || memcached_result_flags(r) != (uint32_t)i ||
		    memcached_result_length(r) != strlen(value) ||
		    memcmp(memcached_result_value(r), value, strlen(value)) != 0)
			wrong++;
		found++;
		memcached_result_free(r);
	}
	check(wrong == 0, "each has its value", rc, m);
	check(found == keys - (keys + 2) / 3, "all that are there, and no other", rc, m);
	free(name);
	free(key);
	free(key_len);
}

static void
whole_server(memcached_st *m, bool answered)
{
	memcached_return_t rc;
	memcached_stat_st *stat;

	/* With noreply libmemcached does not wait for stats; and behind a version it may take the
	 * answer to one get for that to the next. */
	if (answered) {
		rc = memcached_version(m);
		check(rc == MEMCACHED_SUCCESS, "version", rc, m);
		stat = memcached_stat(m, NULL, &rc);
		check(stat != NULL && stat->pid > 0, "stats", rc, m);
		memcached_stat_free(m, stat);
	}
	rc = memcached_verbosity(m, 0);
	check(memcached_success(rc), "verbosity", rc, m);
	memcached_set(m, "f", 1, "x", 1, 0, 0);
	settle(m);
	rc = memcached_flush(m, 0);
	check(memcached_success(rc), "flush", rc, m);
	settle(m);
	check_missing(m, "f", "get after flush");
}

int
main(int argc, char **argv)
{
	memcached_st *m;
	memcached_return_t rc;
	bool noreply, sure;

	if (argc < 5) {
		fprintf(stderr,
			"usage: classic HOST PORT KEYS LARGEST [socket=PATH] [behaviour...]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	m = memcached_create(NULL);
	memcached_server_add(m, argv[1], (in_port_t)atoi(argv[2]));
	memcached_behavior_set(m, MEMCACHED_BEHAVIOR_POLL_TIMEOUT, 10000);
	for (int i = 5; i < argc; i++) {
		if (strncmp(argv[i], "socket=", 7) == 0)
			rc = memcached_server_add_unix_socket(m, argv[i] + 7);
		else
			rc = behaviour_set(m, argv[i]);
		check(rc == MEMCACHED_SUCCESS, argv[i], rc, m);
	}
	noreply = memcached_behavior_get(m, MEMCACHED_BEHAVIOR_NOREPLY);
	/* Does it wait for each answer? */
	sure = !noreply && !memcached_behavior_get(m, MEMCACHED_BEHAVIOR_BUFFER_REQUESTS);

	storage(m, sure);
	sizes(m, strtoul(argv[4], NULL, 10), sure);
	numbers(m, sure);
	touching(m);
	if (sure)
		check_and_set(m);
	whole_server(m, !noreply);
	many(m, strtoul(argv[3], NULL, 10));
	printf("1..%u\n", checks);
	memcached_free(m);
	return failures != 0;
}
