/* args: what keepalived, or a person, asks for on the command line. No I/O. */
#ifndef MEMVIP_ARGS_H
#define MEMVIP_ARGS_H

#include <stddef.h>

#define ARGS_NAME_MAX 128 /* an instance's or group's name, with the NUL */

enum args_what { ARGS_HOOK, ARGS_SYNC, ARGS_STATUS, ARGS_STOP, ARGS_CHECK_SETUP };

/* The states that keepalived has words for (keepalived.conf(5), notify scripts). */
enum word_state {
	WORD_NONE, /* nothing was said yet */
	WORD_MASTER,
	WORD_BACKUP,
	WORD_FAULT,
	WORD_STOP,
	WORD_DELETED,
	WORD_MASTER_RX_LOWER_PRI /* still MASTER; another one with less priority was heard */
};

/* What keepalived said: INSTANCE|GROUP NAME STATE PRIORITY. */
struct word {
	int group; /* 0: INSTANCE */
	char name[ARGS_NAME_MAX];
	enum word_state state;
	unsigned priority; /* 0 to 255; of a group always 0 */
};

struct args {
	enum args_what what;
	struct word word;	  /* ARGS_HOOK */
	char name[ARGS_NAME_MAX]; /* the others: which instance; "": every one */
	int json;		  /* ARGS_STATUS */
	const char *keepalived;	  /* ARGS_CHECK_SETUP: its configuration; NULL: as it is found */
};

/*
 * Reads the operands (after the options). Returns 0, or -1 with a line about what is wrong in err.
 */
int args_parse(struct args *a, int argc, char *const *argv, char *err, size_t err_size);

/* "MASTER" and so on; "" for WORD_NONE. */
const char *word_state_name(enum word_state state);
/* Returns 0, or -1 when that is no such name. */
int word_state_parse(const char *name, enum word_state *out);

/*
 * May this name be looked for as a file, NAME.conf? Returns NULL when it may, else why not.
 */
const char *args_name_check(const char *name);

#endif
