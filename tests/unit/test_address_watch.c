/* Intent: a watch on the address table that broke is opened anew, and meanwhile the clock stands in for it. */
/* needs: notify/address_watch.c */
#include "cm.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "address_watch.h"

/* In place of the kernel. */
static int can_open, broken;
static enum vip_state where = VIP_HERE;
static const struct addr vip = {.text = "192.0.2.1:12000"};

int
vip_watch_open(void)
{
	if (can_open)
		return dup(STDERR_FILENO);
	errno = EMFILE;
	return -1;
}

int
vip_watch_read(int fd, const struct addr *a)
{
	(void)fd;
	(void)a;
	return broken ? -1 : 0;
}

enum vip_state
vip_query(const struct addr *a, struct vip_place *place, int timeout_ms)
{
	(void)a;
	(void)place;
	(void)timeout_ms;
	return where;
}

static void
opened_anew(void **state)
{
	struct address_watch w;

	(void)state;
	can_open = 1;
	broken = 0;
	assert_int_equal(address_watch_open(&w, &vip), 0);
	assert_int_equal(address_watch_read(&w), 0);
	broken = 1;
	assert_int_equal(address_watch_read(&w), 1);
	assert_int_not_equal(w.fd, -1);
	assert_int_equal(address_watch_query(&w), VIP_HERE);
	assert_int_equal(w.again_ms, 0);
	close(w.fd);
}

static void
by_the_clock_until_then(void **state)
{
	struct address_watch w;

	(void)state;
	can_open = 1;
	assert_int_equal(address_watch_open(&w, &vip), 0);
	broken = 1;
	can_open = 0;
	assert_int_equal(address_watch_read(&w), 0);
	assert_int_equal(w.fd, -1);
	for (int i = 0; i < 3; i++) {
		assert_int_not_equal(w.again_ms, 0);
		assert_int_equal(address_watch_query(&w), VIP_HERE);
	}
	assert_int_not_equal(w.again_ms, 0);
	can_open = 1;
	assert_int_equal(address_watch_query(&w), VIP_HERE);
	assert_int_not_equal(w.fd, -1);
	assert_int_equal(w.again_ms, 0);
	close(w.fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(opened_anew),
	    cmocka_unit_test(by_the_clock_until_then),
	};

	return RUN(tests);
}
