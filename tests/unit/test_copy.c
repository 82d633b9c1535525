/* Intent: the copier moves an item with all that belongs to it, and starts over when a client writes meanwhile. */
/* needs: proxy/copy.c proxy/hold.c proxy/wire.c proxy/base64.c proxy/proto_meta.c proxy/proto_rsp.c proxy/ring.c proxy/ketama.c proxy/md5.c */
#include "cm.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "copy.h"
#include "hold.h"

/* What was sent last; the test plays the servers. */
static struct {
	struct backend *to;
	struct op *op;
	char line[512], body[64];
	unsigned n;
} sent;

void
backend_send(struct backend *b, struct op *op, const char *line, size_t line_len, struct blob *blob,
	     const char *body, size_t body_len)
{
	(void)blob;
	assert_true(line_len < sizeof(sent.line) && body_len < sizeof(sent.body));
	sent.to = b;
	sent.op = op;
	memcpy(sent.line, line, line_len);
	sent.line[line_len] = '\0';
	if (body_len > 0)
		memcpy(sent.body, body, body_len);
	sent.body[body_len] = '\0';
	sent.n++;
}

static struct backend conns[2];
static struct server leader = {.conns = &conns[0], .n_conns = 1};
static struct server follower = {.conns = &conns[1], .n_conns = 1};
static struct copy copy;
static int ended;
static enum copy_result how;

static void
on_done(struct copy *c, enum copy_result result)
{
	assert_ptr_equal(c, &copy);
	ended++;
	how = result;
}

static void
begin(enum copy_mode mode)
{
	leader.replica.state = REPLICA_CURRENT;
	follower.replica.state = REPLICA_FILLING;
	memset(&copy, 0xaa, sizeof(copy));
	memset(&sent, 0, sizeof(sent));
	ended = 0;
	copy.done = on_done;
	copy_start(&copy, &leader, &follower, "key", 3, mode);
	assert_int_equal(ended, 0);
	assert_ptr_equal(sent.to, &conns[0]);
	assert_memory_equal(sent.line, "mg key ", 7);
	assert_int_equal(copy_reading, 1);
}

/* The server that was asked last answers with these bytes. */
static void
answer(const char *bytes)
{
	struct proto_rsp rsp;
	struct op_reply reply = {.p = bytes, .rsp = &rsp};
	size_t need;

	assert_int_equal(proto_rsp_parse(bytes, strlen(bytes), &rsp, &need), PROTO_OK);
	sent.op->done(sent.op, OP_ANSWER, &reply);
}

static void
lose(void)
{
	sent.op->done(sent.op, OP_LOST, NULL);
}

/* The follower gets this line now, and it is a write there. */
static void
assert_sent(const char *line)
{
	assert_ptr_equal(sent.to, &conns[1]);
	assert_string_equal(sent.line, line);
	assert_int_equal(sent.op->write, 1);
	assert_int_equal(sent.op->key_len, 3);
	assert_int_equal(ended, 0);
}

static void
assert_ended(enum copy_result result)
{
	assert_int_equal(ended, 1);
	assert_int_equal(how, result);
	assert_int_equal(copy_reading, 0);
	assert_int_equal(hold_count, 0);
}

static void
test_all_that_belongs_to_an_item(void **state)
{
	static const struct {
		const char *read, *line, *body;
	} items[] = {
	    {"VA 5 f0 t-1\r\nhello\r\n", "ms key 5 F0 T0 ME\r\n", "hello\r\n"},
	    {"VA 5 f4294967295 t100\r\nhello\r\n", "ms key 5 F4294967295 T100 ME\r\n", "hello\r\n"},
	    {"VA 0 f7 t1\r\n\r\n", "ms key 0 F7 T1 ME\r\n", "\r\n"},
	    {"VA 7 f1 t2592000\r\n\r\nEN\r\nx\r\n", "ms key 7 F1 T2592000 ME\r\n",
	     "\r\nEN\r\nx\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		begin(COPY_ADD);
		answer(items[i].read);
		assert_sent(items[i].line);
		assert_string_equal(sent.body, items[i].body);
		answer(i % 2 ? "NS\r\n"
			     : "HD\r\n"); /* not stored: a client was first, and is right */
		assert_ended(COPY_DONE);
	}
	begin(COPY_REPLACE);
	answer("VA 1 f3 t9\r\nx\r\n");
	assert_sent("ms key 1 F3 T9\r\n");
	answer("HD\r\n");
	assert_ended(COPY_DONE);
}

/* Over 30 days a number of seconds is a unix time: taken for that, the copy would be dead at once. */
static void
test_a_long_life(void **state)
{
	long long left = 2592001, to = 0;

	(void)state;
	for (int i = 0; i < 2; i++, left = 31536000) {
		char read[64];
		long long now = time(NULL);

		snprintf(read, sizeof(read), "VA 1 f0 t%lld\r\nx\r\n", left);
		begin(COPY_ADD);
		answer(read);
		assert_int_equal(sscanf(sent.line, "ms key 1 F0 T%lld ME\r\n", &to), 1);
		assert_in_range(to, now + left, now + left + 5);
		answer("HD\r\n");
		assert_ended(COPY_DONE);
	}
	/* What no memcached says is no harm either. */
	begin(COPY_ADD);
	answer("VA 1 f0 t99999999999999999999999\r\nx\r\n");
	answer("HD\r\n");
	assert_ended(COPY_DONE);
}

/* A read must not move the item in the leader's LRU, nor count as a hit there. */
static void
test_it_reads_unseen(void **state)
{
	(void)state;
	begin(COPY_ADD);
	assert_non_null(strstr(sent.line, " v"));
	assert_non_null(strstr(sent.line, " f"));
	assert_non_null(strstr(sent.line, " t"));
	assert_non_null(strstr(sent.line, " u"));
	lose();
}

/* Expired in this second (a T0 would live for ever), or under renewal by a client. */
static void
test_what_is_not_copied(void **state)
{
	static const char *const items[] = {"VA 1 f0 t0 c4\r\nx\r\n", "VA 1 f0 t10 c4 X Z\r\nx\r\n",
					    "EN\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
		begin(COPY_ADD);
		answer(items[i]);
		assert_ended(COPY_DONE);
		assert_int_equal(sent.n, 1);

		begin(COPY_REPLACE); /* what the other has is not right either */
		answer(items[i]);
		assert_sent("delete key\r\n");
		answer(i % 2 ? "DELETED\r\n" : "NOT_FOUND\r\n");
		assert_ended(COPY_DONE);
	}
}

/* The read has won the right to renew the item: it goes back to whoever reads next. */
static void
test_the_right_to_renew_is_given_back(void **state)
{
	(void)state;
	for (int touched = 0; touched < 2; touched++) {
		begin(COPY_REPLACE);
		if (touched)
			copy_touched("key", 3);
		answer("VA 1 f0 t10 c77 X W\r\nx\r\n");
		assert_ptr_equal(sent.to, &conns[0]);
		assert_string_equal(sent.line, "md key I C77\r\n");
		answer(touched ? "EX\r\n" : "HD\r\n");
		if (touched) { /* what a client has written meanwhile is what counts */
			assert_ptr_equal(sent.to, &conns[0]);
			assert_memory_equal(sent.line, "mg key ", 7);
			answer("VA 1 f0 t-1 c78\r\ny\r\n");
			assert_sent("ms key 1 F0 T0\r\n");
			answer("HD\r\n");
		} else {
			assert_sent("delete key\r\n");
			answer("DELETED\r\n");
		}
		assert_ended(COPY_DONE);

		begin(COPY_ADD);
		answer("VA 1 f0 t10 c77 W\r\nx\r\n");
		assert_string_equal(sent.line, "md key I C77\r\n");
		if (touched)
			lose();
		else
			answer("HD\r\n");
		assert_ended(touched ? COPY_LOST : COPY_DONE);
	}
}

static void
test_a_write_in_between_starts_it_over(void **state)
{
	(void)state;
	begin(COPY_ADD);
	copy_touched("kez", 3);
	copy_touched("ke", 2);
	copy_touched("key", 3);
	answer("VA 3 f0 t-1\r\nold\r\n");
	assert_int_equal(sent.n, 2);
	assert_ptr_equal(sent.to, &conns[0]);
	assert_int_equal(ended, 0);
	copy_touched("other", 5);
	answer("VA 3 f0 t-1\r\nnew\r\n");
	assert_sent("ms key 3 F0 T0 ME\r\n");
	assert_string_equal(sent.body, "new\r\n");
	copy_touched("key", 3); /* it stands behind the copy: no matter */
	answer("HD\r\n");
	assert_ended(COPY_DONE);
	/* It was deleted in between. */
	begin(COPY_ADD);
	copy_touched("key", 3);
	answer("VA 3 f0 t-1\r\nold\r\n");
	answer("EN\r\n");
	assert_ended(COPY_DONE);
}

static int resumed;

static void
on_resume(struct hold_waiter *w)
{
	(void)w;
	resumed++;
}

/* A key that is written to all the time is copied all the same: then its commands wait. */
static void
test_it_does_not_start_over_for_ever(void **state)
{
	struct hold_waiter w = {.resume = on_resume};
	struct hold *h = NULL;
	int rounds = 0;

	(void)state;
	begin(COPY_ADD);
	while ((h = hold_busy("key", 3)) == NULL && ++rounds <= 10) {
		copy_touched("key", 3);
		answer("VA 3 f0 t-1\r\nold\r\n");
	}
	assert_int_equal(rounds, COPY_RESTARTS_MAX);
	assert_non_null(h);
	assert_null(hold_busy("other", 5));
	resumed = 0;
	hold_wait(h, &w);
	answer("VA 3 f0 t-1\r\nnew\r\n");
	assert_sent("ms key 3 F0 T0 ME\r\n");
	assert_int_equal(resumed, 0);
	answer("HD\r\n");
	assert_ended(COPY_DONE);
	assert_int_equal(resumed, 1);
}

/* Too large, no memory: half of it, or an old one, may be there. */
static void
test_what_is_refused_is_deleted(void **state)
{
	(void)state;
	begin(COPY_ADD);
	answer("VA 3 f0 t-1\r\nbig\r\n");
	answer("SERVER_ERROR out of memory storing object\r\n");
	assert_sent("delete key\r\n");
	answer("NOT_FOUND\r\n");
	assert_ended(COPY_REFUSED);
	/* The leader cannot read it. */
	begin(COPY_ADD);
	answer("SERVER_ERROR out of memory\r\n");
	assert_sent("delete key\r\n");
	answer("DELETED\r\n");
	assert_ended(COPY_REFUSED);
}

static void
test_a_server_is_lost(void **state)
{
	(void)state;
	begin(COPY_ADD);
	lose();
	assert_ended(COPY_LOST);

	begin(COPY_ADD);
	answer("VA 3 f0 t-1\r\nold\r\n");
	lose();
	assert_ended(COPY_LOST);

	begin(COPY_REPLACE);
	answer("EN\r\n");
	lose();
	assert_ended(COPY_LOST);

	/* The other one goes while this one is read: nothing may be sent to it any more. */
	begin(COPY_ADD);
	follower.replica.state = REPLICA_DOWN;
	answer("VA 3 f0 t-1\r\nold\r\n");
	assert_ended(COPY_LOST);
	assert_int_equal(sent.n, 1);

	begin(COPY_ADD);
	answer("VA 3 f0 t-1\r\nold\r\n");
	follower.replica.state = REPLICA_DOWN;
	answer("SERVER_ERROR out of memory storing object\r\n");
	assert_ended(COPY_LOST);
	assert_int_equal(sent.n, 2);
}

/* Overdue at the last server: a final word still follows. */
static void
test_late_is_not_the_end(void **state)
{
	(void)state;
	begin(COPY_ADD);
	sent.op->done(sent.op, OP_LATE, NULL);
	assert_int_equal(ended, 0);
	answer("VA 3 f0 t-1\r\nold\r\n");
	sent.op->done(sent.op, OP_LATE, NULL);
	assert_int_equal(ended, 0);
	answer("HD\r\n");
	assert_ended(COPY_DONE);
	begin(COPY_REPLACE);
	answer("EN\r\n");
	sent.op->done(sent.op, OP_LATE, NULL);
	assert_int_equal(ended, 0);
	answer("DELETED\r\n");
	assert_ended(COPY_DONE);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_that_belongs_to_an_item),
	    cmocka_unit_test(test_a_long_life),
	    cmocka_unit_test(test_it_reads_unseen),
	    cmocka_unit_test(test_what_is_not_copied),
	    cmocka_unit_test(test_the_right_to_renew_is_given_back),
	    cmocka_unit_test(test_a_write_in_between_starts_it_over),
	    cmocka_unit_test(test_it_does_not_start_over_for_ever),
	    cmocka_unit_test(test_what_is_refused_is_deleted),
	    cmocka_unit_test(test_a_server_is_lost),
	    cmocka_unit_test(test_late_is_not_the_end),
	};

	return RUN(tests);
}
