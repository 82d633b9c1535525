/* Intent: bytes leave in order, shared bodies are shared, and all memory comes back. */
/* needs: proxy/buf.c proxy/blob.c proxy/spare.c */
#include "cm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "blob.h"
#include "buf.h"
#include "guard.h"

#define BIG 100000u

static char pattern[BIG];

static int
setup(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (char)guard_random(&seed);
	signal(SIGPIPE, SIG_IGN);
	return 0;
}

/* A pair of connected sockets that do not block. */
static void
make_pair(int fd[2])
{
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
}

/* Writes the queue out and reads it back: it must be the n bytes of want. */
static void
assert_comes_out(struct buf *q, const char *want, size_t n)
{
	static char got[1 << 20];
	size_t at = 0;
	int fd[2];

	make_pair(fd);
	assert_int_equal(q->len, n);
	while (!buf_empty(q) || at < n) {
		ssize_t w = buf_write(q, fd[0]), r;
		assert_true(w >= 0);
		r = read(fd[1], got + at, sizeof(got) - at);
		assert_true(r > 0 || (r == -1 && errno == EAGAIN));
		assert_true(r > 0 || w > 0);
		if (r > 0)
			at += (size_t)r;
	}
	assert_int_equal(at, n);
	assert_memory_equal(got, want, n);
	close(fd[0]);
	close(fd[1]);
}

static void
test_empty(void **state)
{
	struct buf q = {0};
	int fd[2];

	(void)state;
	make_pair(fd);
	assert_true(buf_empty(&q));
	assert_int_equal(buf_write(&q, fd[0]), 0);
	buf_clear(&q);
	buf_add(&q, "", 0);
	assert_true(buf_empty(&q));
	assert_int_equal(buf_write(&q, fd[0]), 0);
	buf_clear(&q);
	assert_int_equal(blob_total(), 0);
	close(fd[0]);
	close(fd[1]);
}

static void
test_small_pieces(void **state)
{
	struct buf q = {0};

	(void)state;
	buf_add_str(&q, "STORED\r\n");
	buf_add(&q, "a\0b", 3);
	buf_printf(&q, "%s %d\r\n", "STAT", 7);
	assert_comes_out(&q, "STORED\r\na\0bSTAT 7\r\n", 19);
	assert_int_equal(blob_total(), 0);
}

static void
test_many_small_pieces_make_few_chunks(void **state)
{
	struct buf q = {0};
	unsigned pieces = 0;

	(void)state;
	for (size_t i = 0; i < BIG; i += 8)
		buf_add(&q, pattern + i, 8);
	for (struct buf_piece *p = q.head; p != NULL; p = p->next)
		pieces++;
	assert_in_range(pieces, 1, 2 + BIG / BLOB_LARGE);
	assert_comes_out(&q, pattern, BIG);
}

static void
test_a_large_body_is_shared(void **state)
{
	struct buf a = {0}, b = {0};
	struct blob *body = blob_new(BIG);
	size_t held;

	(void)state;
	memcpy(body->data, pattern, BIG);
	body->len = BIG;
	held = blob_total();
	buf_add_slice(&a, body, body->data, BIG);
	buf_add_slice(&b, body, body->data, BIG);
	assert_int_equal(body->refs, 3);
	assert_int_equal(blob_total(), held);
	blob_unref(body); /* the queues keep it */
	assert_comes_out(&a, pattern, BIG);
	assert_comes_out(&b, pattern, BIG);
	assert_int_equal(blob_total(), 0);
}

static void
test_a_small_slice_is_copied(void **state)
{
	struct buf q = {0};
	struct blob *body = blob_new(100);

	(void)state;
	memcpy(body->data, "hello", 5);
	buf_add_slice(&q, body, body->data + 1, 3);
	assert_int_equal(body->refs, 1);
	blob_unref(body);
	assert_comes_out(&q, "ell", 3);
}

static void
test_memory_that_does_not_stay_is_copied(void **state)
{
	struct buf q = {0};
	char *fleeting = malloc(BIG);

	(void)state;
	assert_non_null(fleeting);
	memcpy(fleeting, pattern, BIG);
	buf_add_slice(&q, NULL, fleeting, BIG);
	memset(fleeting, 0, BIG);
	free(fleeting);
	assert_comes_out(&q, pattern, BIG);
}

/* What is copied in behind a shared body must not be written into that body. */
static void
test_nothing_is_appended_to_a_shared_body(void **state)
{
	struct buf q = {0};
	struct blob *body = blob_new(BLOB_LARGE);
	char *want = malloc(BLOB_LARGE);

	(void)state;
	assert_non_null(want);
	memset(body->data, 'b', BLOB_LARGE);
	buf_add_slice(&q, body, body->data, BUF_SLICE_MIN);
	buf_add_str(&q, "tail");
	assert_int_equal(body->data[BUF_SLICE_MIN], 'b');
	memset(want, 'b', BUF_SLICE_MIN);
	memcpy(want + BUF_SLICE_MIN, "tail", 4);
	assert_comes_out(&q, want, BUF_SLICE_MIN + 4);
	blob_unref(body);
	free(want);
	assert_int_equal(blob_total(), 0);
}

static void
test_splice(void **state)
{
	struct buf a = {0}, b = {0}, empty = {0};

	(void)state;
	buf_add_str(&a, "one ");
	buf_add_str(&b, "two ");
	buf_splice(&a, &b);
	assert_true(buf_empty(&b));
	assert_null(b.head);
	buf_add_str(&a, "three ");
	buf_add_str(&b, "four");
	buf_splice(&a, &b);
	buf_splice(&a, &empty);
	buf_splice(&empty, &a);
	assert_true(buf_empty(&a));
	buf_clear(&a);
	assert_comes_out(&empty, "one two three four", 18);
	assert_int_equal(blob_total(), 0);
}

static void
test_take_back(void **state)
{
	struct buf q = {0};

	(void)state;
	assert_int_equal(buf_take_back(&q, 1), 0);
	buf_add_str(&q, "get a\r\n");
	assert_int_equal(buf_take_back(&q, 2), 1);
	buf_add_str(&q, " b\r\n");
	assert_comes_out(&q, "get a b\r\n", 9);
	/* Not together behind other bytes: nothing changes. */
	buf_add_str(&q, "x\r\n");
	assert_int_equal(buf_take_back(&q, 3), 0);
	assert_int_equal(buf_take_back(&q, 4), 0);
	assert_comes_out(&q, "x\r\n", 3);
}

static void
test_full_socket(void **state)
{
	struct buf q = {0};
	char *got = malloc(40 * BIG);
	size_t sent = 0, at = 0;
	ssize_t n;
	int fd[2];

	(void)state;
	assert_non_null(got);
	make_pair(fd);
	for (int i = 0; i < 40; i++)
		buf_add(&q, pattern, BIG);
	while ((n = buf_write(&q, fd[0])) > 0)
		sent += (size_t)n;
	assert_int_equal(n, 0); /* full is no error */
	assert_true(sent > 0 && sent < 40 * BIG);
	assert_int_equal(q.len, 40 * BIG - sent);
	while (at < 40 * BIG) {
		n = read(fd[1], got + at, 40 * BIG - at);
		if (n > 0)
			at += (size_t)n;
		assert_true(buf_write(&q, fd[0]) >= 0);
	}
	for (int i = 0; i < 40; i++)
		assert_memory_equal(got + i * BIG, pattern, BIG);
	assert_true(buf_empty(&q));
	close(fd[0]);
	close(fd[1]);
	free(got);
}

static void
test_closed_socket(void **state)
{
	struct buf q = {0};
	int fd[2];

	(void)state;
	make_pair(fd);
	close(fd[1]);
	buf_add_str(&q, "x");
	assert_int_equal(buf_write(&q, fd[0]), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(q.len, 1);
	buf_clear(&q);
	assert_true(buf_empty(&q));
	assert_int_equal(blob_total(), 0);
	close(fd[0]);
}

/* Any mixture of additions and partial writes: the same bytes in the same order. */
static void
test_random_mixture(void **state)
{
	static char want[1 << 22], got[1 << 22];
	struct buf q = {0};
	size_t in = 0, out = 0;
	uint64_t seed = 99;
	int fd[2], small = 4096;

	(void)state;
	make_pair(fd);
	setsockopt(fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	while (out < sizeof(want) - BIG) {
		size_t n = guard_random(&seed) % (guard_random(&seed) % 8 == 0 ? BIG : 300);
		uint64_t what = guard_random(&seed) % 8;
		if (in + n < sizeof(want) && what < 2) {
			struct blob *b = blob_new(n + 1);
			memcpy(b->data, pattern, n);
			buf_add_slice(&q, b, b->data, n);
			blob_unref(b);
		} else if (in + n < sizeof(want) && what < 5) {
			buf_add(&q, pattern, n);
		} else if (in + n < sizeof(want) && what == 5) {
			struct buf other = {0};
			buf_add(&other, pattern, n);
			buf_splice(&q, &other);
		} else {
			ssize_t r;
			assert_true(buf_write(&q, fd[0]) >= 0);
			r = read(fd[1], got + out, guard_random(&seed) % 60000 + 1);
			if (r > 0)
				out += (size_t)r;
			continue;
		}
		memcpy(want + in, pattern, n);
		in += n;
	}
	assert_memory_equal(got, want, out);
	buf_clear(&q);
	assert_int_equal(blob_total(), 0);
	close(fd[0]);
	close(fd[1]);
}

static void
test_blob_counts(void **state)
{
	static const size_t sizes[] = {
	    0, 1, BLOB_SMALL, BLOB_SMALL + 1, BLOB_LARGE, BLOB_LARGE + 1, 1 << 20};
	struct blob *b[sizeof(sizes) / sizeof(sizes[0])];
	size_t least = 0;

	(void)state;
	for (int round = 0; round < 3; round++) { /* from the second on from the free lists */
		least = 0;
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			b[i] = blob_new(sizes[i]);
			assert_true(b[i]->cap >= sizes[i]);
			assert_int_equal(b[i]->len, 0);
			assert_int_equal(b[i]->refs, 1);
			memset(b[i]->data, 'x', b[i]->cap);
			b[i]->len = b[i]->cap;
			least += sizes[i];
			assert_true(blob_total() >= least);
		}
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			blob_ref(b[i]);
			blob_unref(b[i]);
			blob_unref(b[i]);
		}
		assert_int_equal(blob_total(), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_small_pieces),
	    cmocka_unit_test(test_many_small_pieces_make_few_chunks),
	    cmocka_unit_test(test_a_large_body_is_shared),
	    cmocka_unit_test(test_a_small_slice_is_copied),
	    cmocka_unit_test(test_memory_that_does_not_stay_is_copied),
	    cmocka_unit_test(test_nothing_is_appended_to_a_shared_body),
	    cmocka_unit_test(test_splice),
	    cmocka_unit_test(test_take_back),
	    cmocka_unit_test(test_full_socket),
	    cmocka_unit_test(test_closed_socket),
	    cmocka_unit_test(test_random_mixture),
	    cmocka_unit_test(test_blob_counts),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
