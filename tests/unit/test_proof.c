/* Intent: what a server says of itself is read as it stands, and never past its end. */
/* needs: proxy/proof.c proxy/backend.c proxy/io.c proxy/ready.c proxy/moderation.c proxy/stats.c proxy/buf.c proxy/blob.c proxy/spare.c proxy/proto_rsp.c proxy/marker.c proxy/timer.c */
#include "cm.h"

#include <string.h>

#include "guard.h"
#include "proof.h"

static const struct backend_ops ops;
static struct backend conn; /* not connected: what is asked stays in it */
static struct proof proof;
static int ended;

static const char *unfit;

static void
on_done(struct proof *p, const char *why)
{
	assert_ptr_equal(p, &proof);
	unfit = why;
	ended++;
}

static int
begin(void **state)
{
	(void)state;
	backend_setup(&conn, &ops, NULL);
	conn.end_due = 1; /* it is busy already: nobody has to be told */
	proof_setup(&proof, on_done);
	proof_ask(&proof, &conn);
	ended = 0;
	return 0;
}

static int
end(void **state)
{
	(void)state;
	proof_clear(&proof);
	buf_clear(io_out(&conn.io));
	return 0;
}

/* The server answers with these bytes, against the wall. */
static void
answer(const char *bytes, enum op_result result)
{
	struct proto_rsp rsp;
	struct guard g;
	size_t need, n = strlen(bytes);
	struct op_reply reply = {.rsp = &rsp};

	guard_init(&g, n);
	reply.p = guard_place(&g, bytes, n);
	assert_int_equal(proto_rsp_parse(reply.p, n, &rsp, &need), PROTO_OK);
	proof.op.done(&proof.op, result, &reply);
	guard_free(&g);
}

static void
test_statistics(void **state)
{
	static const char *const nothing[] = {
	    "STAT\r\n",		  "STAT \r\n",		 "STAT:x\r\n",
	    "STAT cmd_flush\r\n", "STAT cmd_flus 7\r\n", "STAT curr_items_x 7\r\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++)
		answer(nothing[i], OP_ITEM);
	assert_int_equal(proof.curr_items, 0);
	assert_int_equal(proof.cmd_flush, 0);
	answer("STAT cmd_flush 12\r\n", OP_ITEM);
	answer("STAT curr_items 345\r\n", OP_ITEM);
	assert_int_equal(proof.curr_items, 345);
	assert_int_equal(proof.cmd_flush, 12);
	assert_int_equal(ended, 0);
}

static void
test_all_of_it(void **state)
{
	(void)state;
	answer("END\r\n", OP_ANSWER);
	answer("STAT flush_enabled yes\r\n", OP_ITEM);
	answer("END\r\n", OP_ANSWER);
	answer("VA 40 c77\r\nmemvip 1 n 5 1f open 1 swept a:1 a:1,b:2\r\n", OP_ANSWER);
	answer("VA 10\r\nmemvip 1 1\r\n", OP_ANSWER);
	answer("VA 21\r\nmemvip 1 1f 1.2.3.4:5\r\n", OP_ANSWER);
	assert_int_equal(ended, 1);
	assert_null(unfit);
	assert_int_equal(proof.has_marker, 1);
	assert_int_equal(proof.marker_cas, 77);
	assert_int_equal(proof.marker.epoch, 5);
	assert_int_equal(proof.marker.session, 0x1f);
	assert_int_equal(proof.has_lease, 1);
	assert_string_equal(proof.ports, "1.2.3.4:5");
	assert_int_equal(proof.ports_session, 0x1f);
}

/* Values that are nothing of ours, and empty ones. */
static void
test_other_values(void **state)
{
	(void)state;
	answer("END\r\n", OP_ANSWER);
	answer("ERROR\r\n", OP_ANSWER); /* an older one has no settings to tell */
	answer("VA 0\r\n\r\n", OP_ANSWER);
	answer("EN\r\n", OP_ANSWER);
	answer("VA 0 \r\n\r\n", OP_ANSWER);
	assert_int_equal(ended, 1);
	assert_int_equal(proof.has_marker, 0);
	assert_int_equal(proof.has_lease, 0);
	assert_int_equal(proof.marker_cas, 0);
	assert_null(proof.ports);
	assert_int_equal(proof.ports_session, 0);
}

/* What we cannot do without is switched off there. */
static void
test_unfit(void **state)
{
	(void)state;
	answer("END\r\n", OP_ANSWER);
	answer("STAT dump_enabled no\r\n", OP_ITEM);
	answer("STAT flush_enabled yes\r\n", OP_ITEM);
	assert_int_equal(ended, 0);
	answer("END\r\n", OP_ANSWER);
	assert_int_equal(ended, 1);
	assert_non_null(unfit);
	assert_non_null(strstr(unfit, "-X"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_statistics, begin, end),
	    cmocka_unit_test_setup_teardown(test_all_of_it, begin, end),
	    cmocka_unit_test_setup_teardown(test_other_values, begin, end),
	    cmocka_unit_test_setup_teardown(test_unfit, begin, end),
	};

	return RUN(tests);
}
