/* Intent: keepalived's configuration is read as keepalived reads it, and a broken one is named by file and line. */
/* needs: notify/kconf.c notify/kvrrp.c */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cm.h"
#include "kvrrp.h"

static char dir[] = "/tmp/memvip-test-kconf-XXXXXX";

static const char *
file(const char *name, const char *text)
{
	static char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	return path;
}

static void
whole(struct kconf *k, const char *text)
{
	int rc = kconf_read(k, file("k.conf", text), "nodea");

	if (rc == -1)
		print_error("%s\n", k->err);
	assert_int_equal(rc, 0);
}

static void
refused(const char *text, const char *said)
{
	struct kconf k;

	assert_int_equal(kconf_read(&k, file("k.conf", text), "nodea"), -1);
	if (strstr(k.err, said) == NULL)
		print_error("expected: %s\ncame: %s\n", said, k.err);
	assert_non_null(strstr(k.err, said));
	kconf_free(&k);
}

/* The tree in one line: "a b{c{d};e}" */
static void
flat(const struct kline *l, char *out, size_t size)
{
	for (; l != NULL; l = l->next) {
		for (unsigned i = 0; i < l->n; i++) {
			strncat(out, i > 0 ? " " : "", size - strlen(out) - 1);
			strncat(out, l->word[i], size - strlen(out) - 1);
		}
		if (l->block != NULL) {
			strncat(out, "{", size - strlen(out) - 1);
			flat(l->block, out, size);
			strncat(out, "}", size - strlen(out) - 1);
		}
		if (l->next != NULL)
			strncat(out, ";", size - strlen(out) - 1);
	}
}

static void
reads_as(const char *text, const char *want)
{
	char got[1024] = "";
	struct kconf k;

	whole(&k, text);
	flat(k.first, got, sizeof(got));
	assert_string_equal(got, want);
	kconf_free(&k);
}

static void
words_and_blocks(void **state)
{
	(void)state;
	reads_as("", "");
	reads_as("a b\nc\n", "a b;c");
	reads_as("a {\n\tb c\n\td\n}\ne\n", "a{b c;d};e");
	reads_as("a\n{\nb\n}\n", "a{b}");
	reads_as("a { b { c } d }\n", "a{b{c};d}");
	reads_as("a{\nb\n}", "a{b}");
	reads_as("a { }\nb\n", "a;b");
	/* Both kinds of comments, anywhere but in quotes. */
	reads_as("# a\n! b\na # b {\nc!d\n\"e#f!g\" h\n", "a;c;e#f!g h");
	reads_as("script \"a b\\\"c\" 'd \"e'\nx\\ y\n", "script a b\"c d \"e;x y");
	reads_as("ab\"c d\"e\n", "abc de");
	reads_as("s \"a { b\"\n", "s a { b");
	reads_as("a \"\" b\n", "a  b");
	reads_as("a b\r\nc\r\n", "a b;c");
}

static void
conditions_and_definitions(void **state)
{
	struct kconf k;
	char want[300];

	(void)state;
	reads_as("@nodea a\n@nodeb b\n@^nodea c\n@^nodeb d\n  @nodea e {\nf\n}\n", "a;d;e{f}");
	reads_as("$A=1 2\na $A\nb ${A}3\nc $AB\n$A=4\nd $A\n", "a 1 2;b 1 23;c $AB;d 4");
	/* Replaced where it is used, not where it is defined. */
	reads_as("$N=10.${M}\n$M=0\n${N}.1\n$M=7\n${N}.1\n", "10.0.1;10.7.1");
	reads_as("$E=\na $E b\n@nodea $C=1\nx $C\n@nodeb $C=2\ny $C\n", "a b;x 1;y 1");
	reads_as("a ${_INSTANCE} \"${_HASH}\"\n", "a nodea #");
	snprintf(want, sizeof(want), "a %s/x", dir);
	reads_as("a ${_PWD}/x\n", want);
	refused("$A=$B\n$B=$A\nx $A\n", "k.conf:3: definitions that lead to each other");

	whole(&k, "a\n$B= \\\nc { \\\n d \\\n}\ne\n");
	assert_string_equal(k.beyond, "a definition of several lines");
	assert_string_equal(k.first->next->word[0], "e");
	kconf_free(&k);
	whole(&k, "~SEQ(A, 1, 3) x $A\nb\n");
	assert_string_equal(k.beyond, "~SEQ");
	kconf_free(&k);
	whole(&k, "~LST(A, 1, 3) x $A\n");
	assert_string_equal(k.beyond, "~LST");
	kconf_free(&k);
}

static void
includes(void **state)
{
	char text[1024], sub[256];
	struct kconf k;
	FILE *f;

	(void)state;
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	assert_int_equal(mkdir(sub, 0755), 0);
	file("sub/1.conf", "one\ninclude 2.inc\n");
	file("sub/2.inc", "two {\n x\n}\n");
	file("sub/3.conf", "three\n");
	/* Relative to the file that includes, with wildcards and braces. */
	reads_as("include sub/*.conf\nend\n", "one;two{x};three;end");
	reads_as("a {\n include sub/{3,4}.conf\n}\n", "a{three}");
	reads_as("includea \"sub/3.conf\"\nincluder sub/none*\nincluded x\n", "three;included x");
	snprintf(text, sizeof(text), "include %s/sub/2.inc\n", dir);
	reads_as(text, "two{x}");

	whole(&k, "x\ninclude sub/1.conf\n");
	assert_int_equal(k.files, 3);
	assert_non_null(strstr(k.first->next->file, "sub/1.conf"));
	assert_int_equal(k.first->next->next->line, 1);
	kconf_free(&k);
	file("sub/self.conf", "include self.conf\n");
	refused("include sub/self.conf\n", "include: too many files in each other");
	f = fopen(file("sub/nul.conf", ""), "w");
	assert_non_null(f);
	assert_int_equal(fwrite("a\0b\nc\n", 1, 6, f), 6);
	assert_int_equal(fclose(f), 0);
	refused("include sub/nul.conf\n", "sub/nul.conf:1: line too long, or a NUL byte");
}

static void
broken_ones(void **state)
{
	static char text[40000];
	struct kconf k;

	(void)state;
	refused("a {\nb\n", "k.conf: a '{' without its '}'");
	refused("a\n}\n", "k.conf:2: '}' without a '{'");
	refused("\n{\n", "k.conf:2: '{' without a name before it");
	for (unsigned i = 0; i < 40; i++)
		strcat(text, "a {\n");
	refused(text, "too many blocks in each other");
	memset(text, 'x', 20000);
	text[20000] = '\0';
	refused(text, "k.conf:1: line too long");
	text[0] = '\0';
	for (unsigned i = 0; i < 300; i++)
		strcat(text, "w ");
	refused(text, "more than 256 words");
	snprintf(text, sizeof(text), "%s/none", dir);
	assert_int_equal(kconf_read(&k, text, "nodea"), -1);
	assert_non_null(strstr(k.err, "none: No such file"));
	kconf_free(&k);
	/* Cut off anywhere it is read to the end or refused, and all memory is given back. */
	for (size_t n = 0; n < 60; n++) {
		snprintf(text, n + 1, "%s",
			 "$A=b\nx \"y {\" ${A} { @nodea 'z\\\"' # c\n} include q*\n");
		(void)kconf_read(&k, file("k.conf", text), "nodea");
		kconf_free(&k);
	}
}

static const char sample[] =
    "global_defs {\n script_user root\n enable_script_security\n vrrp_mcast_group4 224.0.0.20\n}\n"
    "vrrp_script check {\n script \"/x/memvip-vip-check -c '/a b'\" \n interval 2\n user joe\n}\n"
    "vrrp_script other {\n script /bin/true now\n timeout 0.5\n weight -10\n}\n"
    "vrrp_sync_group G {\n group {\n  one\n  two\n }\n notify /y/memvip-notify nobody\n"
    " track_script {\n  other\n }\n notify_fault \"/y/memvip-notify x\"\n}\n"
    "vrrp_instance one {\n state MASTER\n interface eth1\n virtual_router_id 7\n advert_int 0.5\n"
    " nopreempt\n virtual_ipaddress {\n  10.0.0.1/24 dev eth2\n  10.0.0.2\n }\n"
    " virtual_ipaddress_excluded {\n  fd00::1\n }\n unicast_peer {\n 10.0.0.9\n }\n"
    " track_script {\n  check weight 5\n  lost\n }\n notify \"/z/memvip-notify -c /f\" root "
    "wheel\n}\n"
    "vrrp_instance two {\n preempt_delay 60\n}\n"
    "vrrp_instance alone\n{\n}\n";

static void
count(const struct addr *a, void *arg)
{
	(void)a;
	++*(unsigned *)arg;
}

static int
has(const struct kvrrp *v, const char *ip)
{
	struct addr a;
	const char *why;

	assert_int_equal(addr_parse(&a, ip, 12000, ADDR_NUMERIC, &why), 0);
	return kvrrp_has_vip(v, &a);
}

static void
instances(void **state)
{
	const struct kline *l;
	struct kglobal g;
	struct kscript s;
	struct kconf k;
	struct kvrrp v;
	unsigned n = 0;

	(void)state;
	whole(&k, sample);
	kglobal_read(&g, &k);
	assert_string_equal(g.script_user, "root");
	assert_true(g.script_security);
	assert_string_equal(g.mcast4, "224.0.0.20");
	assert_string_equal(g.mcast6, "ff02::12");

	kvrrp_read(&v, &k, l = kconf_find(k.first, "vrrp_instance"));
	assert_string_equal(v.name, "one");
	assert_string_equal(v.interface, "eth1");
	assert_int_equal(v.vrid, 7);
	assert_true(v.advert_s > 0.49 && v.advert_s < 0.51);
	assert_true(v.state_master && v.nopreempt && !v.preempt_delay && v.unicast);
	assert_string_equal(v.group, "G");
	assert_int_equal(v.by_group, 0);
	assert_int_equal(v.notify.argc, 3);
	assert_string_equal(v.notify.argv[0], "/z/memvip-notify");
	assert_string_equal(v.notify.argv[2], "/f");
	assert_null(v.notify.argv[3]);
	assert_string_equal(kcommand_user(&v.notify, &g), "root");
	assert_true(kcommand_is(&v.notify, "memvip-notify"));
	assert_true(has(&v, "10.0.0.1") && has(&v, "10.0.0.2") && has(&v, "fd00::1"));
	assert_false(has(&v, "10.0.0.9") || has(&v, "10.0.0.3"));
	kvrrp_each_peer(&v, count, &n);
	assert_int_equal(n, 1);
	/* Its own scripts, then those of its group. */
	assert_int_equal(kvrrp_script(&s, &v, &k, 0), 1);
	assert_string_equal(s.name, "check");
	assert_int_equal(s.command.argc, 3);
	assert_string_equal(s.command.argv[2], "/a b");
	assert_string_equal(kcommand_user(&s.command, &g), "joe");
	assert_true(s.interval_s > 1.9 && s.timeout_s > 1.9 && s.weighted);
	assert_int_equal(kvrrp_script(&s, &v, &k, 1), 1);
	assert_string_equal(s.name, "lost");
	assert_int_equal(s.command.argc, 0);
	assert_false(kcommand_is(&s.command, "lost"));
	assert_int_equal(kvrrp_script(&s, &v, &k, 2), 1);
	assert_string_equal(s.name, "other");
	assert_string_equal(s.command.argv[1], "now");
	assert_true(s.interval_s > 0.9 && s.interval_s < 1.1 && s.timeout_s < 0.6 && s.weighted);
	assert_int_equal(kvrrp_script(&s, &v, &k, 3), 0);
	assert_string_equal(kvrrp_one_state_hook(&v, &k, "memvip-notify")->word[0], "notify_fault");
	assert_null(kvrrp_one_state_hook(&v, &k, "x"));

	/* Without a notify of its own its group's counts. */
	kvrrp_read(&v, &k, l = kconf_find(l->next, "vrrp_instance"));
	assert_string_equal(v.name, "two");
	assert_true(v.by_group && v.preempt_delay && !v.nopreempt && !v.state_master);
	assert_string_equal(v.notify.argv[0], "/y/memvip-notify");
	assert_string_equal(kcommand_user(&v.notify, &g), "nobody");
	assert_string_equal(v.interface, "");
	assert_int_equal(v.vrid, 0);

	kvrrp_read(&v, &k, l = kconf_find(l->next, "vrrp_instance"));
	assert_string_equal(v.name, "alone");
	assert_null(v.group);
	assert_int_equal(v.notify.argc, 0);
	assert_int_equal(kvrrp_script(&s, &v, &k, 0), 0);
	assert_null(kconf_find(l->next, "vrrp_instance"));
	kconf_free(&k);

	/* A command with more words, or a longer one, than there is room for is cut, not overrun. */
	{
		static char long_one[4000];

		strcpy(long_one, "vrrp_instance x {\n notify \"");
		for (unsigned i = 0; i < 500; i++)
			strcat(long_one, "wwww ");
		strcat(long_one, "\"\n}\n");
		whole(&k, long_one);
		kvrrp_read(&v, &k, k.first);
		assert_int_equal(v.notify.argc, KCOMMAND_WORDS_MAX);
		kconf_free(&k);
	}
}

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL;
}

static int
remove_dir(void **state)
{
	char command[300];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", dir);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(words_and_blocks), cmocka_unit_test(conditions_and_definitions),
	    cmocka_unit_test(includes),		cmocka_unit_test(broken_ones),
	    cmocka_unit_test(instances),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
