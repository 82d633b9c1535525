/* Intent: command line and file say the same things; a mistake is named with its place. */
#include "cm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"
#include "guard.h"

#define ARGS_MAX 200

/* Where a file under test is written; gone with the program. */
static char file_path[] = "/tmp/memvip-test-conf-XXXXXX";

static int
read_args(struct conf *c, enum conf_prog prog, const char *const *args)
{
	char *argv[ARGS_MAX + 2];
	int argc = 0, rc;

	argv[argc++] = (char *)"memvip";
	for (; *args != NULL && argc < ARGS_MAX; args++)
		argv[argc++] = strdup(*args);
	argv[argc] = NULL;
	rc = conf_args(c, prog, argc, argv);
	for (int i = 1; i < argc; i++)
		free(argv[i]);
	return rc;
}

#define ARGS(c, prog, ...) read_args(c, prog, (const char *const[]){__VA_ARGS__, NULL})

static int
read_bytes(struct conf *c, enum conf_prog prog, const void *bytes, size_t n)
{
	FILE *f = fopen(file_path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
	return conf_file(c, prog, file_path);
}

static int
read_text(struct conf *c, enum conf_prog prog, const char *text)
{
	return read_bytes(c, prog, text, strlen(text));
}

/* The file is refused, and the message is exactly "FILE:LINE: want". */
static void
assert_line_refused(const char *text, unsigned line, const char *want)
{
	struct conf c;
	char whole[512];

	conf_init(&c);
	if (read_text(&c, CONF_PROXY, text) != -1)
		fail_msg("taken: %s", text);
	snprintf(whole, sizeof(whole), "%s:%u: %s", file_path, line, want);
	assert_string_equal(c.err, whole);
	conf_free(&c);
}

static void
assert_args_refused(const char *want, const char *a, const char *b)
{
	struct conf c;

	conf_init(&c);
	if (ARGS(&c, CONF_PROXY, a, b) != -1)
		fail_msg("taken: %s %s", a, b != NULL ? b : "");
	assert_string_equal(c.err, want);
	conf_free(&c);
}

static void
test_defaults(void **state)
{
	struct conf c;
	struct addr vip;

	(void)state;
	conf_init(&c);
	assert_int_equal(c.port, 11211);
	assert_int_equal(c.max_conns, 4096);
	assert_int_equal(c.connections, 1);
	assert_int_equal(c.timeout_ms, 500);
	assert_int_equal(c.connect_timeout_ms, 250);
	assert_int_equal(c.hedge_ms, 20);
	assert_int_equal(c.drain_ms, 1000);
	assert_int_equal(c.check_timeout_ms, 900);
	assert_int_equal(c.max_value, 1 << 20);
	assert_int_equal(c.max_memory, 256 << 20);
	assert_int_equal(c.dirty_limit, 64 << 20);
	assert_int_equal(c.servers.n, 0);
	assert_int_equal(c.backups.n, 0);
	assert_null(c.listen);
	assert_int_equal(conf_vip(&c, &vip), 0);
	assert_string_equal(vip.text, "0.0.0.0:11211");
	conf_free(&c);
}

/* magent -u root -n 51200 -l 192.168.58.100 -p 12000 -s … -b …: the write-up's own line. */
static void
test_magents_line(void **state)
{
	struct conf c;
	struct addr vip;

	(void)state;
	conf_init(&c);
	assert_int_equal(ARGS(&c, CONF_PROXY, "-u", "root", "-n", "51200", "-l", "192.168.58.100",
			      "-p", "12000", "-s", "192.168.58.135:11211", "-b",
			      "192.168.58.132:11211"),
			 13);
	assert_string_equal(c.user, "root");
	assert_int_equal(c.max_conns, 51200);
	assert_int_equal(conf_vip(&c, &vip), 0);
	assert_string_equal(vip.text, "192.168.58.100:12000");
	assert_int_equal(c.servers.n, 1);
	assert_string_equal(c.servers.value[0], "192.168.58.135:11211");
	assert_int_equal(c.backups.n, 1);
	assert_string_equal(c.backups.value[0], "192.168.58.132:11211");
	assert_int_equal(c.foreground, 0);
	conf_free(&c);
}

static void
test_short_and_long_are_one(void **state)
{
	struct conf a, b;

	(void)state;
	conf_init(&a);
	conf_init(&b);
	assert_true(ARGS(&a, CONF_PROXY, "-Dvv", "-i4", "-g", "nogroup", "-f/run/x.sock",
			 "-P/run/p", "-l::1", "-s", "a", "-s", "b:1", "-t") > 0);
	assert_true(ARGS(&b, CONF_PROXY, "--foreground", "--verbose", "--verbose",
			 "--connections=4", "--group=nogroup", "--unix", "/run/x.sock",
			 "--pidfile=/run/p", "--listen=::1", "--server=a", "--server", "b:1",
			 "--test-config") > 0);
	assert_int_equal(a.foreground, 1);
	assert_int_equal(b.foreground, 1);
	assert_int_equal(a.verbose, 2);
	assert_int_equal(b.verbose, 2);
	assert_int_equal(a.connections, 4);
	assert_int_equal(b.connections, 4);
	assert_string_equal(a.group, b.group);
	assert_string_equal(a.unix_path, "/run/x.sock");
	assert_string_equal(b.unix_path, "/run/x.sock");
	assert_string_equal(a.pidfile, b.pidfile);
	assert_string_equal(a.listen, "::1");
	assert_string_equal(b.listen, "::1");
	assert_int_equal(a.servers.n, 2);
	assert_int_equal(b.servers.n, 2);
	assert_string_equal(a.servers.value[1], "b:1");
	assert_string_equal(b.servers.value[1], "b:1");
	assert_int_equal(a.test_config, 1);
	assert_int_equal(b.test_config, 1);
	assert_true(a.set_by_args == b.set_by_args);
	conf_free(&a);
	conf_free(&b);
}

static void
test_operands_are_left_alone(void **state)
{
	struct conf c;

	(void)state;
	conf_init(&c);
	/* What keepalived appends must never be read as options. */
	assert_int_equal(ARGS(&c, CONF_NOTIFY, "-c", "/etc/x", "INSTANCE", "-p", "MASTER", "100"),
			 3);
	assert_string_equal(c.file, "/etc/x");
	assert_int_equal(c.port, 11211);
	conf_free(&c);

	conf_init(&c);
	assert_int_equal(ARGS(&c, CONF_CHECK, "-v", "--", "service"), 3);
	conf_free(&c);
}

static void
test_wrong_arguments_are_named(void **state)
{
	(void)state;
	assert_args_refused("-z: unknown option", "-z", NULL);
	assert_args_refused("--nonsense: unknown or ambiguous option", "--nonsense", NULL);
	assert_args_refused("--nonsense=3: unknown or ambiguous option", "--nonsense=3", NULL);
	assert_args_refused("-p: needs a value", "-p", NULL);
	assert_args_refused("--port: needs a value", "--port", NULL);
	assert_args_refused("--foreground=1: takes no value", "--foreground=1", NULL);
	assert_args_refused("-p: '70000': out of range (0 to 65535)", "-p", "70000");
	assert_args_refused("--port: 'http': not a number (0 to 65535)", "--port", "http");
	assert_args_refused("-p: '-1': not a number (0 to 65535)", "-p", "-1");
	assert_args_refused("-n: '0': out of range (1 to 1000000)", "-n", "0");
	assert_args_refused("-i: '257': out of range (1 to 256)", "-i", "257");
	assert_args_refused("--timeout: '9': out of range (10 to 600000)", "--timeout", "9");
	assert_args_refused("-s: needs a value", "-s", "");
	assert_args_refused("-u: needs a value", "-u", "");
	/* An option of another program is unknown here. */
	assert_args_refused("--keep-vip: unknown or ambiguous option", "--keep-vip", NULL);
}

static void
test_listen_is_an_address_without_port(void **state)
{
	(void)state;
	assert_args_refused("-l: 'cache': not an IP address", "-l", "cache");
	assert_args_refused("-l: '1.2.3.4:5': an IP address without port", "-l", "1.2.3.4:5");
	assert_args_refused("-l: '1.2.3.4:1': an IP address without port", "-l", "1.2.3.4:1");
	assert_args_refused("-l: '[::1]': an IP address without port", "-l", "[::1]");
	assert_args_refused("-l: '[::1]:1': an IP address without port", "-l", "[::1]:1");
}

static void
test_too_many_servers(void **state)
{
	const char *args[2 * (CONF_SERVERS_MAX + 1) + 1];
	size_t n = 0;
	struct conf c;

	(void)state;
	for (int i = 0; i < CONF_SERVERS_MAX + 1; i++) {
		args[n++] = "-s";
		args[n++] = "127.0.0.1";
	}
	args[n] = NULL;
	conf_init(&c);
	assert_int_equal(read_args(&c, CONF_PROXY, args), -1);
	assert_string_equal(c.err, "-s: more than 64");
	conf_free(&c);

	args[n - 2] = NULL; /* one less fits */
	conf_init(&c);
	assert_true(read_args(&c, CONF_PROXY, args) > 0);
	assert_int_equal(c.servers.n, CONF_SERVERS_MAX);
	conf_free(&c);
}

static void
test_file(void **state)
{
	struct conf c;

	(void)state;
	conf_init(&c);
	if (read_text(&c, CONF_PROXY,
		      "# both nodes have this file\n"
		      "\n"
		      "   \t \n"
		      "listen 192.168.58.100\n"
		      "port\t12000   # the write-up's\n"
		      "  server 192.168.58.135:11211\n"
		      "server 192.168.58.136\r\n"
		      "backup 192.168.58.132:11211\n"
		      "backup 192.168.58.133\n"
		      "foreground\n"
		      "no-flush\n"
		      "verbose\n"
		      "verbose\n"
		      "user nobody\n"
		      "timeout 250") != 0) /* no newline at the end */
		fail_msg("%s", c.err);
	assert_string_equal(c.listen, "192.168.58.100");
	assert_int_equal(c.port, 12000);
	assert_int_equal(c.servers.n, 2);
	assert_string_equal(c.servers.value[0], "192.168.58.135:11211");
	assert_string_equal(c.servers.value[1], "192.168.58.136");
	assert_int_equal(c.backups.n, 2);
	assert_int_equal(c.foreground, 1);
	assert_int_equal(c.no_flush, 1);
	assert_int_equal(c.verbose, 2);
	assert_string_equal(c.user, "nobody");
	assert_int_equal(c.timeout_ms, 250);
	conf_free(&c);
}

static void
test_wrong_lines_are_named(void **state)
{
	(void)state;
	assert_line_refused("port 1\nlisten 1.2.3.4\nprot 2\n", 3, "prot: unknown option");
	assert_line_refused("# c\n\nport x\n", 3, "port: 'x': not a number (0 to 65535)");
	assert_line_refused("port\n", 1, "port: needs a value");
	assert_line_refused("foreground yes\n", 1, "foreground: takes no value");
	assert_line_refused("port 1 2\n", 1, "port: one value, then '2'");
	assert_line_refused("port = 1\n", 1, "port: one value, then '1'");
	assert_line_refused("port 1\nport 2\n", 2, "port: given twice");
	assert_line_refused("--port 1\n", 1, "--port: unknown option");
	assert_line_refused("p 1\n", 1, "p: unknown option");
	assert_line_refused("PORT 1\n", 1, "PORT: unknown option");
	assert_line_refused("config /etc/x\n", 1, "config: only on the command line");
	assert_line_refused("life-fd 3\n", 1, "life-fd: only on the command line");
	assert_line_refused("help\n", 1, "help: only on the command line");
	assert_line_refused("listen 1.2.3.4:12000\n", 1,
			    "listen: '1.2.3.4:12000': an IP address without port");
	/* The last line counts as well when no newline ends it. */
	assert_line_refused("port 1\nbogus", 2, "bogus: unknown option");
}

static void
test_long_names_are_cut_in_messages(void **state)
{
	char text[1000], want[100];

	(void)state;
	memset(text, 'x', 900);
	memcpy(text + 900, "\n", 2);
	memset(want, 'x', 64);
	strcpy(want + 64, ": unknown option");
	assert_line_refused(text, 1, want);
}

static void
test_not_a_text_file(void **state)
{
	struct conf c;
	static char junk[20000];
	uint64_t seed = 1;

	(void)state;
	memset(junk, 'x', sizeof(junk) - 1);
	assert_line_refused(junk, 1, "line too long, or a NUL byte");

	conf_init(&c);
	assert_int_equal(read_bytes(&c, CONF_PROXY, "port 1\nti\0meout 5\n", 18), -1);
	assert_non_null(strstr(c.err, ":2: "));
	conf_free(&c);

	/* Whatever the bytes are: an answer, and a message on one line that a terminal survives. */
	for (int round = 0; round < 200; round++) {
		char bytes[300];
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = (char)guard_random(&seed);
		conf_init(&c);
		if (read_bytes(&c, CONF_PROXY, bytes, sizeof(bytes)) == -1) {
			assert_true(c.err[0] != '\0');
			assert_null(strchr(c.err, '\n'));
		}
		conf_free(&c);
	}
}

static void
test_no_file(void **state)
{
	struct conf c;

	(void)state;
	conf_init(&c);
	assert_int_equal(conf_file(&c, CONF_PROXY, "/nonexistent/memvip.conf"), -1);
	assert_string_equal(c.err, "/nonexistent/memvip.conf: No such file or directory");
	assert_int_equal(conf_file(&c, CONF_PROXY, "/"), -1);
	assert_string_equal(c.err, "/: Is a directory");
	conf_free(&c);
}

static void
test_command_line_beats_file(void **state)
{
	static const char text[] = "port 1111\nlisten 10.0.0.1\nserver a\nserver b\nbackup c\n"
				   "timeout 100\n";
	struct conf c;

	(void)state;
	conf_init(&c);
	assert_true(ARGS(&c, CONF_PROXY, "-p", "2222", "-s", "x") > 0);
	assert_int_equal(read_text(&c, CONF_PROXY, text), 0);
	assert_int_equal(c.port, 2222);
	assert_string_equal(c.listen, "10.0.0.1");
	assert_int_equal(c.servers.n, 1);
	assert_string_equal(c.servers.value[0], "x");
	assert_int_equal(c.backups.n, 1);
	assert_int_equal(c.timeout_ms, 100);
	conf_free(&c);
}

static void
test_one_file_for_three_programs(void **state)
{
	static const char text[] = "listen 10.0.0.1\nport 12000\nserver a\nuser nobody\n"
				   "check-timeout 500\nkeep-vip\nrun-dir /run/x\n";
	struct conf c;

	(void)state;
	conf_init(&c);
	assert_int_equal(read_text(&c, CONF_PROXY, text), 0);
	assert_int_equal(c.check_timeout_ms, 900);
	assert_int_equal(c.keep_vip, 0);
	assert_string_equal(c.user, "nobody");
	conf_free(&c);

	conf_init(&c);
	assert_int_equal(read_text(&c, CONF_CHECK, text), 0);
	assert_int_equal(c.check_timeout_ms, 500);
	assert_string_equal(c.run_dir, "/run/x");
	assert_int_equal(c.servers.n, 1);
	assert_null(c.user);
	conf_free(&c);

	conf_init(&c);
	assert_int_equal(read_text(&c, CONF_NOTIFY, text), 0);
	assert_int_equal(c.keep_vip, 1);
	assert_int_equal(c.servers.n, 0);
	conf_free(&c);
}

/* Every option that the program has says so in --help; one that is not built yet is refused. */
static void
test_help_and_options_agree(void **state)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);
	static const char *const magents[] = {"-h", "-u", "-g", "-p", "-s", "-b",
					      "-l", "-n", "-D", "-f", "-i", "-v"};

	(void)state;
	conf_help(CONF_PROXY, f);
	fclose(f);
	for (size_t i = 0; i < sizeof(magents) / sizeof(magents[0]); i++) {
		char want[8];
		snprintf(want, sizeof(want), "%s, --", magents[i]);
		if (strstr(text, want) == NULL)
			fail_msg("%s is not in --help:\n%s", magents[i], text);
	}
	assert_null(strstr(text, "--keep-vip"));
	free(text);
}

static void
test_vip_v6(void **state)
{
	struct conf c;
	struct addr vip;

	(void)state;
	conf_init(&c);
	assert_true(ARGS(&c, CONF_PROXY, "-l", "2001:db8::100", "-p", "12000") > 0);
	assert_int_equal(conf_vip(&c, &vip), 0);
	assert_string_equal(vip.text, "[2001:db8::100]:12000");
	conf_free(&c);
}

/* What differs is found, each once, with what it was and is, and whether a running proxy can change it. */
static void
test_differs(void **state)
{
	struct conf was, is;
	struct conf_change ch = {.next = 0};

	(void)state;
	conf_init(&was);
	conf_init(&is);
	assert_int_equal(conf_differs(&was, &is, CONF_PROXY, &ch), 0);
	assert_int_equal(read_text(&was, CONF_PROXY, "server a:1\nname x\n"), 0);
	assert_int_equal(
	    read_text(&is, CONF_PROXY, "server a:1\nserver b\nport 5\nno-flush\nmax-value 2k\n"),
	    0);
	ch = (struct conf_change){.next = 0};
	assert_int_equal(conf_differs(&was, &is, CONF_PROXY, &ch), 1);
	assert_string_equal(ch.name, "port");
	assert_int_equal(ch.fixed, 1);
	assert_string_equal(ch.was, "11211");
	assert_string_equal(ch.is, "5");
	assert_int_equal(conf_differs(&was, &is, CONF_PROXY, &ch), 1);
	assert_string_equal(ch.name, "server");
	assert_int_equal(ch.servers, 1);
	assert_int_equal(ch.fixed, 0);
	assert_string_equal(ch.was, "a:1");
	assert_string_equal(ch.is, "a:1 b");
	assert_int_equal(conf_differs(&was, &is, CONF_PROXY, &ch), 1);
	assert_string_equal(ch.name, "name");
	assert_string_equal(ch.is, "not given");
	assert_int_equal(conf_differs(&was, &is, CONF_PROXY, &ch), 1);
	assert_string_equal(ch.name, "max-value");
	assert_int_equal(conf_differs(&was, &is, CONF_PROXY, &ch), 1);
	assert_string_equal(ch.name, "no-flush");
	assert_string_equal(ch.was, "off");
	assert_int_equal(conf_differs(&was, &is, CONF_PROXY, &ch), 0);
	conf_free(&was);
	conf_free(&is);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_magents_line),
	    cmocka_unit_test(test_short_and_long_are_one),
	    cmocka_unit_test(test_operands_are_left_alone),
	    cmocka_unit_test(test_wrong_arguments_are_named),
	    cmocka_unit_test(test_listen_is_an_address_without_port),
	    cmocka_unit_test(test_too_many_servers),
	    cmocka_unit_test(test_file),
	    cmocka_unit_test(test_wrong_lines_are_named),
	    cmocka_unit_test(test_long_names_are_cut_in_messages),
	    cmocka_unit_test(test_not_a_text_file),
	    cmocka_unit_test(test_no_file),
	    cmocka_unit_test(test_command_line_beats_file),
	    cmocka_unit_test(test_one_file_for_three_programs),
	    cmocka_unit_test(test_help_and_options_agree),
	    cmocka_unit_test(test_vip_v6),
	    cmocka_unit_test(test_differs),
	};
	int fd = mkstemp(file_path), failed;

	if (fd == -1) {
		perror(file_path);
		return 1;
	}
	close(fd);
	failed = RUN(tests);
	unlink(file_path);
	return failed;
}
