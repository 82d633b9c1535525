/* Intent: the custodian is read from a whole state file of this boot, and from nothing else. */
/* needs: vip-check/frozen.c */
#include "cm.h"
#include "frozen.h"
#include "guard.h"

#define BOOT "11111111-2222-3333-4444-555555555555"
#define GOOD                                                               \
	"boot " BOOT "\nlisten 192.168.58.100:12000\nnote custodian 3 4\n" \
	"custodian 4711 123456\nproxy 4712 123457\nend \n"

static void
a_whole_file_names_it(void **state)
{
	unsigned long long ticks;
	pid_t pid;

	(void)state;
	assert_int_equal(frozen_scan(GOOD, BOOT, &pid, &ticks), 1);
	assert_int_equal(pid, 4711);
	assert_int_equal(ticks, 123456);
}

static void
what_names_none(void **state)
{
	static const char *const bad[] = {
	    "",
	    "\n\n",
	    "custodian 4711 123456\n",
	    "boot " BOOT "\n",
	    "boot " BOOT "\ncustodian 0 0\n",
	    "boot " BOOT "\ncustodian 1 1\n",
	    "boot " BOOT "\ncustodian -1 1\n",
	    "boot " BOOT "\ncustodian 4711\n",
	    "boot " BOOT "\ncustodian \n",
	    "boot " BOOT "\ncustodian x y\n",
	    "boot " BOOT "\ncustodians 4711 1\n",
	    "boot " BOOT "x\ncustodian 4711 1\n",
	    "boot another\ncustodian 4711 1\n",
	};
	unsigned long long ticks;
	pid_t pid;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		if (frozen_scan(bad[i], BOOT, &pid, &ticks) != 0)
			fail_msg("taken: '%s'", bad[i]);
	/* A boot that is not known is no boot. */
	assert_int_equal(frozen_scan("boot \ncustodian 4711 1\n", "", &pid, &ticks), 0);
}

/* Cut anywhere it names the right one or none; nothing beyond its end is read. */
static void
cut_anywhere(void **state)
{
	unsigned long long ticks;
	struct guard g;
	pid_t pid;

	(void)state;
	guard_init(&g, sizeof(GOOD));
	for (size_t n = 0; n < sizeof(GOOD); n++) {
		char *cut = guard_place(&g, GOOD, n + 1);

		cut[n] = '\0';
		if (frozen_scan(cut, BOOT, &pid, &ticks) == 1)
			assert_int_equal(pid, 4711);
	}
	guard_free(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_whole_file_names_it),
	    cmocka_unit_test(what_names_none),
	    cmocka_unit_test(cut_anywhere),
	};

	return RUN(tests);
}
