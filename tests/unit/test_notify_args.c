/* Intent: keepalived's words are read strictly, and every wrong one is told by itself. */
/* needs: notify/args.c */
#include "cm.h"
#include "args.h"
#include "guard.h"

#define WORDS_MAX 8

/* Splits text at blanks; "''" is an empty word. */
static int
parse(const char *text, struct args *a, char *err, size_t err_size)
{
	static char copy[1024];
	static char empty[] = "";
	char *argv[WORDS_MAX + 1], *at = copy, *word;
	int argc = 0;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((word = strsep(&at, " ")) != NULL)
		if (*word != '\0' && argc < WORDS_MAX)
			argv[argc++] = strcmp(word, "''") == 0 ? empty : word;
	argv[argc] = NULL;
	err[0] = '\0';
	return args_parse(a, argc, argv, err, err_size);
}

static void
what_keepalived_says_is_understood(void **state)
{
	static const struct {
		const char *text;
		int group;
		const char *name;
		enum word_state said;
		unsigned priority;
	} want[] = {
	    {"INSTANCE VI_1 MASTER 150", 0, "VI_1", WORD_MASTER, 150},
	    {"INSTANCE VI_1 BACKUP 0", 0, "VI_1", WORD_BACKUP, 0},
	    {"INSTANCE VI_1 FAULT 255", 0, "VI_1", WORD_FAULT, 255},
	    {"INSTANCE stop STOP 1", 0, "stop", WORD_STOP, 1},
	    {"INSTANCE -x DELETED 1", 0, "-x", WORD_DELETED, 1},
	    {"INSTANCE a/b MASTER_RX_LOWER_PRI 1", 0, "a/b", WORD_MASTER_RX_LOWER_PRI, 1},
	    {"GROUP G1 MASTER 0", 1, "G1", WORD_MASTER, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct args a;
		char err[256];

		if (parse(want[i].text, &a, err, sizeof(err)) == -1)
			fail_msg("%s: %s", want[i].text, err);
		assert_int_equal(a.what, ARGS_HOOK);
		assert_int_equal(a.word.group, want[i].group);
		assert_string_equal(a.word.name, want[i].name);
		assert_int_equal(a.word.state, want[i].said);
		assert_int_equal(a.word.priority, want[i].priority);
	}
}

static void
a_persons_words_too(void **state)
{
	struct args a;
	char err[256];

	(void)state;
	assert_int_equal(parse("sync", &a, err, sizeof(err)), 0);
	assert_int_equal(a.what, ARGS_SYNC);
	assert_string_equal(a.name, "");
	assert_int_equal(parse("stop VI_1", &a, err, sizeof(err)), 0);
	assert_int_equal(a.what, ARGS_STOP);
	assert_string_equal(a.name, "VI_1");
	assert_int_equal(parse("status", &a, err, sizeof(err)), 0);
	assert_int_equal(a.what, ARGS_STATUS);
	assert_int_equal(a.json, 0);
	assert_int_equal(parse("status VI_1 --json", &a, err, sizeof(err)), 0);
	assert_int_equal(a.json, 1);
	assert_string_equal(a.name, "VI_1");
	assert_int_equal(parse("check-setup", &a, err, sizeof(err)), 0);
	assert_int_equal(a.what, ARGS_CHECK_SETUP);
	assert_null(a.keepalived);
	assert_int_equal(parse("check-setup --keepalived /k VI_1", &a, err, sizeof(err)), 0);
	assert_string_equal(a.keepalived, "/k");
	assert_string_equal(a.name, "VI_1");
}

static void
what_is_wrong_is_named(void **state)
{
	static const struct {
		const char *text, *err;
	} want[] = {
	    {"", "nothing to do: INSTANCE|GROUP NAME STATE PRIORITY, sync, status, stop or "
		 "check-setup"},
	    {"INSTANCE", "INSTANCE takes NAME STATE PRIORITY: too few words"},
	    {"GROUP G1 MASTER", "GROUP takes NAME STATE PRIORITY: too few words"},
	    {"INSTANCE VI_1 MASTER 1 2", "INSTANCE takes NAME STATE PRIORITY: too many words"},
	    {"INSTANCE '' MASTER 1", "the name is empty"},
	    {"INSTANCE a\tb MASTER 1", "the name has a control character at byte 2"},
	    {"INSTANCE VI_1 master 1",
	     "'master': not a state (MASTER, BACKUP, FAULT, STOP, DELETED, MASTER_RX_LOWER_PRI)"},
	    {"INSTANCE VI_1 '' 1",
	     "'': not a state (MASTER, BACKUP, FAULT, STOP, DELETED, MASTER_RX_LOWER_PRI)"},
	    {"INSTANCE VI_1 MASTER 256", "'256': the priority is out of range (0 to 255)"},
	    {"INSTANCE VI_1 MASTER -1", "'-1': the priority is not a number (0 to 255)"},
	    {"INSTANCE VI_1 MASTER ''", "'': the priority is not a number (0 to 255)"},
	    {"Instance VI_1 MASTER 1",
	     "'Instance': not INSTANCE, GROUP, sync, status, stop or check-setup"},
	    {"start", "'start': not INSTANCE, GROUP, sync, status, stop or check-setup"},
	    {"sync --json", "sync: '--json': unknown option"},
	    {"status -j", "status: '-j': unknown option"},
	    {"stop a b", "stop: one name at most, then 'b'"},
	    {"stop ''", "the name is empty"},
	    {"check-setup --json", "check-setup: '--json': unknown option"},
	    {"check-setup --keepalived", "check-setup: --keepalived: needs a value"},
	    {"status --keepalived x", "status: '--keepalived': unknown option"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		struct args a;
		char err[256];

		if (parse(want[i].text, &a, err, sizeof(err)) != -1)
			fail_msg("'%s' was taken", want[i].text);
		assert_string_equal(err, want[i].err);
	}
}

static void
a_name_has_an_end(void **state)
{
	char text[400], err[256];
	struct args a;

	(void)state;
	for (int n = ARGS_NAME_MAX - 2; n <= ARGS_NAME_MAX + 100; n++) {
		snprintf(
		    text, sizeof(text), "INSTANCE %.*s MASTER 1", n,
		    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		    "xxxx");
		assert_int_equal(parse(text, &a, err, sizeof(err)), n < ARGS_NAME_MAX ? 0 : -1);
		if (n >= ARGS_NAME_MAX)
			assert_string_equal(err,
					    "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...': a name of more "
					    "than 127 bytes");
	}
}

static void
not_every_name_is_a_files(void **state)
{
	static const char *const good[] = {"VI_1", "a b", "-x", "x.conf", "\xc3\xbc", "a..b"};
	static const char *const bad[] = {"a/b", "/", "../x", ".", "..", ".x", "x/.."};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_null(args_name_check(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(args_name_check(bad[i]));
}

static void
every_state_has_its_word(void **state)
{
	(void)state;
	for (enum word_state s = WORD_MASTER; s <= WORD_MASTER_RX_LOWER_PRI; s++) {
		enum word_state back = WORD_NONE;

		assert_int_equal(word_state_parse(word_state_name(s), &back), 0);
		assert_int_equal(back, s);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_keepalived_says_is_understood),
	    cmocka_unit_test(a_persons_words_too),
	    cmocka_unit_test(what_is_wrong_is_named),
	    cmocka_unit_test(a_name_has_an_end),
	    cmocka_unit_test(not_every_name_is_a_files),
	    cmocka_unit_test(every_state_has_its_word),
	};

	return RUN(tests);
}
