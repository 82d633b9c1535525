/* Intent: a state file is seen whole or not at all, and nothing that is no plain file is read. */
#include "cm.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h"
#include "file.h"

static char where[64];
static int dir;

static int
setup(void **state)
{
	(void)state;
	strcpy(where, "/tmp/memvip-unit-XXXXXX");
	if (mkdtemp(where) == NULL)
		return -1;
	dir = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir == -1;
}

static int
teardown(void **state)
{
	char path[400];
	struct dirent *e;
	DIR *d = opendir(where);

	(void)state;
	while ((e = readdir(d)) != NULL) {
		snprintf(path, sizeof(path), "%s/%s", where, e->d_name);
		unlink(path);
	}
	closedir(d);
	close(dir);
	return rmdir(where);
}

static unsigned
files(void)
{
	unsigned n = 0;
	DIR *d = opendir(where);

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

static void
a_file_is_replaced(void **state)
{
	char buf[16];

	(void)state;
	assert_int_equal(file_replace(dir, "x", "one\n", 0644), 0);
	assert_int_equal(file_read(dir, "x", buf, sizeof(buf)), 4);
	assert_string_equal(buf, "one\n");
	assert_int_equal(file_replace(dir, "x", "", 0644), 0);
	assert_int_equal(file_read(dir, "x", buf, sizeof(buf)), 0);
	assert_string_equal(buf, "");
	assert_int_equal(files(), 1);
}

static void
too_long_is_an_error_not_a_part(void **state)
{
	char buf[4];

	(void)state;
	assert_int_equal(file_replace(dir, "x", "abc", 0644), 0);
	assert_int_equal(file_read(dir, "x", buf, sizeof(buf)), 3);
	assert_int_equal(file_replace(dir, "x", "abcd", 0644), 0);
	assert_int_equal(file_read(dir, "x", buf, sizeof(buf)), -1);
	assert_int_equal(errno, EFBIG);
}

static void
links_and_pipes_are_not_followed(void **state)
{
	char buf[16];

	(void)state;
	assert_int_equal(symlinkat("/etc/passwd", dir, "link"), 0);
	assert_int_equal(file_read(dir, "link", buf, sizeof(buf)), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(file_replace(dir, "link", "mine", 0644), 0);
	assert_int_equal(file_read(dir, "link", buf, sizeof(buf)), 4);
	assert_int_equal(mkfifoat(dir, "pipe", 0600), 0);
	/* Nobody writes: empty at once, no wait. */
	assert_int_equal(file_read(dir, "pipe", buf, sizeof(buf)), 0);
}

static void
a_failure_leaves_nothing_behind(void **state)
{
	char name[260];

	(void)state;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_int_equal(file_replace(dir, name, "x", 0644), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(mkdirat(dir, "d", 0755), 0);
	assert_int_equal(file_replace(dir, "d", "x", 0644), -1);
	assert_int_equal(files(), 1);
	unlinkat(dir, "d", AT_REMOVEDIR);
}

static void
this_boot_has_a_name(void **state)
{
	char one[BOOT_ID_MAX], two[BOOT_ID_MAX];
	uint64_t ms = boot_ms();

	(void)state;
	assert_int_equal(boot_id(one), 0);
	assert_int_equal(boot_id(two), 0);
	assert_int_equal(strlen(one), 36);
	assert_string_equal(one, two);
	assert_true(boot_ms() >= ms);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(a_file_is_replaced, setup, teardown),
	    cmocka_unit_test_setup_teardown(too_long_is_an_error_not_a_part, setup, teardown),
	    cmocka_unit_test_setup_teardown(links_and_pipes_are_not_followed, setup, teardown),
	    cmocka_unit_test_setup_teardown(a_failure_leaves_nothing_behind, setup, teardown),
	    cmocka_unit_test(this_boot_has_a_name),
	};

	return RUN(tests);
}
