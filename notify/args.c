/* args: what keepalived, or a person, asks for. See args.h. */
#include "args.h"

#include <stdio.h>
#include <string.h>

#include "num.h"

static const char *const state_names[] = {
    [WORD_NONE] = "",
    [WORD_MASTER] = "MASTER",
    [WORD_BACKUP] = "BACKUP",
    [WORD_FAULT] = "FAULT",
    [WORD_STOP] = "STOP",
    [WORD_DELETED] = "DELETED",
    [WORD_MASTER_RX_LOWER_PRI] = "MASTER_RX_LOWER_PRI",
};

#define STATES_N (sizeof(state_names) / sizeof(state_names[0]))

const char *
word_state_name(enum word_state state)
{
	return state_names[state];
}

int
word_state_parse(const char *name, enum word_state *out)
{
	for (size_t i = WORD_NONE + 1; i < STATES_N; i++) {
		if (strcmp(state_names[i], name) == 0) {
			*out = (enum word_state)i;
			return 0;
		}
	}
	return -1;
}

const char *
args_name_check(const char *name)
{
	if (name[0] == '.')
		return "begins with a dot";
	if (strchr(name, '/') != NULL)
		return "has a '/' in it";
	return NULL;
}

/* A name goes into log lines, the state file and, it may be, a file's name. */
static int
name_copy(char out[ARGS_NAME_MAX], const char *name, char *err, size_t err_size)
{
	size_t n = strlen(name);

	if (n == 0) {
		snprintf(err, err_size, "the name is empty");
		return -1;
	}
	if (n >= ARGS_NAME_MAX) {
		snprintf(err, err_size, "'%.32s...': a name of more than %d bytes", name,
			 ARGS_NAME_MAX - 1);
		return -1;
	}
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)name[i] < ' ' || name[i] == 0x7f) {
			snprintf(err, err_size, "the name has a control character at byte %zu",
				 i + 1);
			return -1;
		}
	}
	memcpy(out, name, n + 1);
	return 0;
}

static int
word_parse(struct args *a, int argc, char *const *argv, char *err, size_t err_size)
{
	uint64_t priority;
	const char *why;

	if (argc != 4) {
		snprintf(err, err_size, "%s takes NAME STATE PRIORITY: %s", argv[0],
			 argc < 4 ? "too few words" : "too many words");
		return -1;
	}
	a->what = ARGS_HOOK;
	a->word.group = strcmp(argv[0], "GROUP") == 0;
	if (name_copy(a->word.name, argv[1], err, err_size) == -1)
		return -1;
	if (word_state_parse(argv[2], &a->word.state) == -1) {
		snprintf(err, err_size,
			 "'%.32s': not a state (MASTER, BACKUP, FAULT, STOP, DELETED, "
			 "MASTER_RX_LOWER_PRI)",
			 argv[2]);
		return -1;
	}
	if (num_parse(argv[3], 0, 255, &priority, &why) == -1) {
		snprintf(err, err_size, "'%.32s': the priority is %s (0 to 255)", argv[3], why);
		return -1;
	}
	a->word.priority = (unsigned)priority;
	return 0;
}

int
args_parse(struct args *a, int argc, char *const *argv, char *err, size_t err_size)
{
	static const struct {
		const char *name;
		enum args_what what;
	} commands[] = {{"sync", ARGS_SYNC},
			{"status", ARGS_STATUS},
			{"stop", ARGS_STOP},
			{"check-setup", ARGS_CHECK_SETUP}};
	size_t i;

	memset(a, 0, sizeof(*a));
	if (argc < 1) {
		snprintf(err, err_size,
			 "nothing to do: INSTANCE|GROUP NAME STATE PRIORITY, sync, status, stop or "
			 "check-setup");
		return -1;
	}
	if (strcmp(argv[0], "INSTANCE") == 0 || strcmp(argv[0], "GROUP") == 0)
		return word_parse(a, argc, argv, err, err_size);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, argv[0]) == 0)
			break;
	if (i == sizeof(commands) / sizeof(commands[0])) {
		snprintf(err, err_size,
			 "'%.32s': not INSTANCE, GROUP, sync, status, stop or check-setup",
			 argv[0]);
		return -1;
	}
	a->what = commands[i].what;
	for (int k = 1; k < argc; k++) {
		if (a->what == ARGS_STATUS && strcmp(argv[k], "--json") == 0) {
			a->json = 1;
		} else if (a->what == ARGS_CHECK_SETUP && strcmp(argv[k], "--keepalived") == 0) {
			if (++k == argc) {
				snprintf(err, err_size, "%s: --keepalived: needs a value", argv[0]);
				return -1;
			}
			a->keepalived = argv[k];
		} else if (argv[k][0] == '-') {
			snprintf(err, err_size, "%s: '%.32s': unknown option", argv[0], argv[k]);
			return -1;
		} else if (a->name[0] != '\0') {
			snprintf(err, err_size, "%s: one name at most, then '%.32s'", argv[0],
				 argv[k]);
			return -1;
		} else if (name_copy(a->name, argv[k], err, err_size) == -1) {
			return -1;
		}
	}
	return 0;
}
