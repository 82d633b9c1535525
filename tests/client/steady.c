/*
 * steady: a client that goes on writing and reading what it wrote until it is told to stop
 * (SIGTERM), and counts what it did not expect.
 *
 *   steady HOST PORT KEYS
 *
 * Says "going" once the first round is done, and at the end "OPERATIONS errors N stale N missing N
 * slowest N ms".
 */
#include <libmemcached/memcached.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t stop;

static void
on_term(int sig)
{
	(void)sig;
	stop = 1;
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

int
main(int argc, char **argv)
{
	unsigned long ops = 0, errors = 0, stale = 0, missing = 0, version = 0;
	uint64_t slowest = 0;
	unsigned keys = argc == 4 ? (unsigned)atoi(argv[3]) : 0;
	unsigned long *want = calloc(keys != 0 ? keys : 1, sizeof(*want));
	memcached_st *m;

	if (keys == 0 || want == NULL) {
		fprintf(stderr, "usage: steady HOST PORT KEYS\n");
		return 2;
	}
	signal(SIGTERM, on_term);
	m = memcached_create(NULL);
	memcached_server_add(m, argv[1], (in_port_t)atoi(argv[2]));
	memcached_behavior_set(m, MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
	memcached_behavior_set(m, MEMCACHED_BEHAVIOR_POLL_TIMEOUT, 10000);

	while (!stop) {
		unsigned k = (unsigned)(ops % keys);
		char key[32], value[32], *got;
		size_t len = 0;
		uint32_t flags;
		uint64_t start = now_ms();
		memcached_return_t rc;

		snprintf(key, sizeof(key), "steady%u", k);
		snprintf(value, sizeof(value), "%lu", ++version);
		/* Every other time the key is only read: what was acknowledged earlier. */
		if (ops / keys % 2 == 0) {
			rc = memcached_set(m, key, strlen(key), value, strlen(value), 0, 0);
			if (rc == MEMCACHED_SUCCESS) {
				want[k] = version;
			} else {
				errors++;
				fprintf(stderr, "set %s: %s\n", key,
					memcached_last_error_message(m));
			}
		}
		got = memcached_get(m, key, strlen(key), &len, &flags, &rc);
		if (got == NULL && rc == MEMCACHED_NOTFOUND) {
			missing++;
			fprintf(stderr, "get %s: missing, expected %lu\n", key, want[k]);
		} else if (got == NULL) {
			errors++;
			fprintf(stderr, "get %s: %s\n", key, memcached_last_error_message(m));
		} else if (strtoul(got, NULL, 10) != want[k]) {
			stale++;
			fprintf(stderr, "get %s: %.*s, expected %lu\n", key, (int)len, got,
				want[k]);
		}
		free(got);
		if (now_ms() - start > slowest)
			slowest = now_ms() - start;
		if (++ops == keys) {
			puts("going");
			fflush(stdout);
		}
		usleep(200);
	}
	printf("%lu errors %lu stale %lu missing %lu slowest %lu ms\n", ops, errors, stale, missing,
	       (unsigned long)slowest);
	memcached_free(m);
	free(want);
	return 0;
}
