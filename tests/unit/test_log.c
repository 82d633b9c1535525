/* Intent: one event is one line, whole, with the reason, and errno comes through unharmed. */
#include "cm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"

static char said[8192];

/* Runs say() with stderr caught into said[]. */
static void
listen_to(void (*say)(void))
{
	FILE *f = tmpfile();
	int keep = dup(STDERR_FILENO);
	size_t n;

	assert_non_null(f);
	fflush(stderr);
	dup2(fileno(f), STDERR_FILENO);
	say();
	dup2(keep, STDERR_FILENO);
	close(keep);
	rewind(f);
	n = fread(said, 1, sizeof(said) - 1, f);
	said[n] = '\0';
	fclose(f);
}

static void
say_levels(void)
{
	errno = ENOENT;
	log_warn("cannot read %s", "x");
	log_warnx("bad thing %d", 7);
	log_info("an event");
	log_debug("not said");
	log_set_verbose(1);
	log_debug("said");
	log_set_verbose(0);
	log_debug("not said again");
}

static void
test_levels(void **state)
{
	(void)state;
	log_init("prog", LOG_DEST_STDERR, 0);
	listen_to(say_levels);
	assert_string_equal(said, "prog: cannot read x: No such file or directory\n"
				  "prog: bad thing 7\n"
				  "prog: an event\n"
				  "prog: said\n");
	assert_int_equal(log_get_verbose(), 0);
}

static int errno_after[5];

static void
say_keeping_errno(void)
{
	errno = EINTR;
	log_warn("a");
	errno_after[0] = errno;
	log_warnx("b");
	errno_after[1] = errno;
	log_info("c");
	errno_after[2] = errno;
	log_debug("d");
	errno_after[3] = errno;
	/* Not even when the line cannot be written. */
	close(STDERR_FILENO);
	log_warn("e");
	errno_after[4] = errno;
}

static void
test_errno_is_kept(void **state)
{
	(void)state;
	listen_to(say_keeping_errno);
	for (int i = 0; i < 5; i++)
		assert_int_equal(errno_after[i], EINTR);
}

static void
say_long(void)
{
	char text[5000];

	memset(text, 'y', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	errno = EIO;
	log_warn("%s", text);
	log_info("next");
}

/* A line that is too long is cut, and still is one line. */
static void
test_long_line(void **state)
{
	char *end;

	(void)state;
	listen_to(say_long);
	end = strchr(said, '\n');
	assert_non_null(end);
	assert_in_range(end - said, 500, 1024);
	assert_string_equal(end + 1, "prog: next\n");
}

#define FLOOD 500

static void
say_flood(void)
{
	for (int i = 0; i < FLOOD; i++)
		log_warnx("flood %d", i);
	log_info("another kind");
	fatalx("the end");
}

/* The status of a child that calls end(); what it said is in said[]. */
static int child_status;
static void (*child_end)(void);

static void
run_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		child_end();
		_exit(77);
	}
	waitpid(pid, &child_status, 0);
}

static void
end_fatal(void)
{
	errno = EADDRINUSE;
	fatal("cannot listen on %s", "1.2.3.4:5");
}

static void
end_fatalx(void)
{
	fatalx("no server");
}

static void
test_fatal(void **state)
{
	(void)state;
	child_end = end_fatal;
	listen_to(run_child);
	assert_true(WIFEXITED(child_status));
	assert_int_equal(WEXITSTATUS(child_status), 1);
	assert_string_equal(said, "prog: cannot listen on 1.2.3.4:5: Address already in use\n");

	child_end = end_fatalx;
	listen_to(run_child);
	assert_true(WIFEXITED(child_status));
	assert_int_equal(WEXITSTATUS(child_status), 1);
	assert_string_equal(said, "prog: no server\n");
}

/* Each line is said, or counted as held back; another kind and the last words are not. */
static void
test_flood(void **state)
{
	unsigned long long held = 0, n;
	unsigned lines = 0;

	(void)state;
	child_end = say_flood;
	listen_to(run_child);
	for (char *at = said; (at = strstr(at, "prog: ")) != NULL; at += 6) {
		lines += strncmp(at, "prog: flood ", 12) == 0;
		if (sscanf(at, "prog: %llu more lines of this kind in the last ", &n) == 1)
			held += n;
	}
	assert_in_range(lines, 1, FLOOD - 1);
	assert_int_equal(lines + held, FLOOD);
	assert_non_null(strstr(said, "were held back; the last: flood 499\n"));
	assert_non_null(strstr(said, "prog: another kind\n"));
	assert_non_null(strstr(said, "prog: the end\n"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_levels),    cmocka_unit_test(test_errno_is_kept),
	    cmocka_unit_test(test_long_line), cmocka_unit_test(test_fatal),
	    cmocka_unit_test(test_flood),
	};

	return RUN(tests);
}
