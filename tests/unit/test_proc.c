/* Intent: a process is known by its line in /proc, however odd its name; keepalived by its program. */
#include "cm.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keepalived.h"
#include "proc.h"

#define REST " 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 4242 1000 10 18446744073709551615"

static void
a_line_of_stat(void **state)
{
	struct proc_info p;

	(void)state;
	assert_int_equal(proc_scan("77 (memcached) S 12" REST "\n", &p), 0);
	assert_int_equal(p.pid, 77);
	assert_int_equal(p.ppid, 12);
	assert_int_equal(p.state, 'S');
	assert_int_equal(p.start_ticks, 4242);
	assert_string_equal(p.comm, "memcached");
}

static void
a_name_may_hold_anything(void **state)
{
	struct proc_info p;

	(void)state;
	assert_int_equal(proc_scan("77 (a) R 1 (b c)) Z 12" REST, &p), 0);
	assert_string_equal(p.comm, "a) R 1 (b c)");
	assert_int_equal(p.state, 'Z');
	assert_true(proc_is_dead(&p));
	assert_int_equal(proc_scan("77 () S 12" REST, &p), 0);
	assert_string_equal(p.comm, "");
}

static void
what_is_no_such_line(void **state)
{
	static const char *const bad[] = {
	    "", "77", "77 (x", "77 )x( S 1" REST, "77 (x) S", "77 (x) S 1 2 3"};
	struct proc_info p;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(proc_scan(bad[i], &p), -1);
}

static void
this_process(void **state)
{
	struct proc_info p;

	(void)state;
	assert_int_equal(proc_read(getpid(), &p), 0);
	assert_int_equal(p.pid, getpid());
	assert_int_equal(p.ppid, getppid());
	assert_false(proc_is_dead(&p));
	assert_int_equal(proc_same_netns(getpid()), 1);
}

/* A child that has ended and is not waited for; then one that is no more. */
static void
the_dead(void **state)
{
	struct proc_info p;
	siginfo_t info;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(0);
	assert_true(pid > 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(proc_read(pid, &p), 0);
	assert_true(proc_is_dead(&p));
	assert_false(keepalived_is(&p));
	waitpid(pid, NULL, 0);
	assert_int_equal(proc_read(pid, &p), -1);
	assert_true(errno == ENOENT || errno == ESRCH);
}

/* An init script is named keepalived too: the program decides, not the name. */
static void
the_name_alone_is_not_keepalived(void **state)
{
	struct proc_info p;

	(void)state;
	assert_int_equal(prctl(PR_SET_NAME, "keepalived"), 0);
	assert_int_equal(proc_read(getpid(), &p), 0);
	assert_string_equal(p.comm, "keepalived");
	assert_int_equal(keepalived_is(&p), 0);
	prctl(PR_SET_NAME, "test_proc");
}

/* sleep(1) under another name: 1 when it is taken for keepalived. gone: the file is removed first. */
static int
program_named(const char *name, int gone)
{
	char dir[] = "/tmp/memvip-unit-XXXXXX", path[64], command[160];
	struct proc_info p = {0};
	int is = -1, ready[2];
	char byte;
	pid_t pid;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	snprintf(command, sizeof(command), "cp \"$(command -v sleep)\" %s", path);
	assert_int_equal(system(command), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	if ((pid = fork()) == 0) {
		execl(path, path, "60", (char *)NULL);
		_exit(127);
	}
	close(ready[1]);
	/* End-of-file: exec has closed the child's end. */
	assert_int_equal(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	if (gone)
		unlink(path);
	if (proc_read(pid, &p) == 0)
		is = keepalived_is(&p);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	unlink(path);
	rmdir(dir);
	return is;
}

static void
the_program_is(void **state)
{
	(void)state;
	assert_int_equal(program_named("keepalived", 0), 1);
	assert_int_equal(program_named("keepalived", 1), 1); /* an upgrade replaces the file */
	assert_int_equal(program_named("keepalived-exporter", 0), 0);
	assert_int_equal(program_named("xkeepalived", 0), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_of_stat),
	    cmocka_unit_test(a_name_may_hold_anything),
	    cmocka_unit_test(what_is_no_such_line),
	    cmocka_unit_test(this_process),
	    cmocka_unit_test(the_dead),
	    cmocka_unit_test(the_name_alone_is_not_keepalived),
	    cmocka_unit_test(the_program_is),
	};

	return RUN(tests);
}
